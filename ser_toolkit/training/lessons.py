"""What a step of training learns from: altered features, labels, and what teachers say of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ser_toolkit.training.batches import batch_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.alterations import Alterations
    from ser_toolkit.training.batches import Labelled
    from ser_toolkit.training.distillation import Distillation

__all__ = ["Lessons"]


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Training windows with everything that is to be said of them.

    Parameters
    ----------
    data : Labelled
        The windows.
    labels : Tensor
        int64 (n_windows,) classes, or float32 (n_windows, n_classes) shares; always shares if windows are mixed.
    altered : Alterations
        What is done to each batch.
    distillation : Distillation or None
        What teachers say.
    ratings : Tensor or None
        float32 (n_windows, n_dimensions), NaN where there is none; None without dimensions.
    """

    data: Labelled
    labels: Tensor
    altered: Alterations
    distillation: Distillation | None
    ratings: Tensor | None = None

    @classmethod
    def of(cls, data: Labelled, altered: Alterations, distillation: Distillation | None) -> Lessons:
        """Put the targets of some windows into the form that is needed."""
        labels = torch.from_numpy(data.targets)
        if altered.mix and labels.ndim == 1:
            some = bool(data.labels)
            labels = nn.functional.one_hot(labels, len(data.labels)).float() if some else torch.zeros(len(labels), 0)
        rated = data.rated
        ratings = None if rated is None else torch.from_numpy(rated)
        return cls(data=data, labels=labels, altered=altered, distillation=distillation, ratings=ratings)

    def batch(
        self,
        mine: NDArray[np.int64],
        specs: Mapping[str, FeatureSpec],
        device: torch.device,
        *,
        epoch: int,
        step: int,
        rows: NDArray[np.int64],
        n_rows: int,
        share: int,
    ) -> tuple[dict[str, Tensor], Tensor, Tensor | None, Tensor | None]:
        """One step.

        Parameters
        ----------
        mine : ndarray of int64, shape (batch,)
            Positions among the windows.
        specs : mapping of str to FeatureSpec
            Inputs of the network.
        device : torch.device
            Where to put everything.
        epoch, step, share : int
            Of the training, and which of the batches of the step; with the seed they decide all alterations.
        rows : ndarray of int64, shape (batch,)
            Which rows of the step's windows these are.
        n_rows : int
            Windows of the step in all batches.

        Returns
        -------
        batch : dict of Tensor
            Inputs.
        labels : Tensor
            As the loss takes them.
        taught : Tensor or None
            (batch, n_classes), what teachers say; None without.
        rated : Tensor or None
            (batch, n_dimensions), ratings; None without. A window mixed with one that nobody rated has none.
        """
        where = {"epoch": epoch, "step": step, "rows": rows, "n_rows": n_rows}
        alter = [functools.partial(change, **where) for change in self.altered.changes]
        batch = batch_of(self.data, self.data.windows[mine], specs, device, alter=alter)
        labels = self.labels[mine].to(device)
        taught = self.distillation.probabilities[mine].to(device) if self.distillation else None
        rated = None if self.ratings is None else self.ratings[mine].to(device)
        if self.altered.mix is None:
            return batch, labels, taught, rated
        given = [part for part in (labels, taught, rated) if part is not None]
        mixed = torch.cat(given, dim=1) if len(given) > 1 else labels
        batch, mixed = self.altered.mix(batch, mixed, epoch=epoch, step=step, share=share)
        parts = list(torch.split(mixed, [part.shape[1] for part in given], dim=1))
        labels = parts.pop(0)
        taught = None if taught is None else parts.pop(0)
        return batch, labels, taught, None if rated is None else parts.pop(0)

"""Windows of a store as labelled data, as batches, and through a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ser_toolkit.inference.collate import collate
from ser_toolkit.training.ratings import to_unit
from ser_toolkit.training.sampling import epoch_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.recipe import Scale
    from ser_toolkit.training.config import TrainingConfig
    from ser_toolkit.training.store import FeatureStore

__all__ = ["Labelled", "batch_of", "logits_of"]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Windows with their classes and utterances.

    Parameters
    ----------
    store : FeatureStore
        Features.
    windows : ndarray of int64, shape (n_windows,)
        Which windows of the store.
    classes : ndarray of int64, shape (n_utterances,)
        Class of every utterance of the store.
    labels : tuple of str
        Names of the classes.
    votes : ndarray of float64, shape (n_utterances, n_classes), optional
        Shares of the raters' votes; rows sum to 1, or are NaN where nobody voted: the class counts then.
    corpora : ndarray of int64, shape (n_utterances,), optional
        Corpus of every utterance; default: all of one.
    ratings : ndarray of float64, shape (n_utterances, n_dimensions), optional
        Ratings in the units of the manifest, NaN where there is none; default: no dimensions.
    scales : mapping of str to Scale, optional
        Name and range of each dimension.
    """

    store: FeatureStore
    windows: NDArray[np.int64]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    votes: NDArray[np.float64] | None = None
    corpora: NDArray[np.int64] | None = None
    ratings: NDArray[np.float64] | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)

    @property
    def owner(self) -> NDArray[np.int64]:
        """Utterance of each window."""
        return self.store.owner[self.windows]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class of each window."""
        return self.classes[self.owner]

    def order(self, config: TrainingConfig, *, epoch: int) -> NDArray[np.int64]:
        """Positions of the windows that an epoch sees; see `ser_toolkit.training.sampling.epoch_order`."""
        corpora = None if self.corpora is None else self.corpora[self.owner]
        return epoch_order(self.truth, sampling=config.sampling, seed=config.seed, epoch=epoch, corpora=corpora)

    @property
    def rated(self) -> NDArray[np.float32] | None:
        """What a loss of dimensions takes: (n_windows, n_dimensions) on a scale of -1 to 1; None without dimensions."""
        return None if self.ratings is None else to_unit(self.ratings[self.owner], list(self.scales.values()))

    @property
    def targets(self) -> NDArray[Any]:
        """What a loss takes: int64 (n_windows,) classes, or float32 (n_windows, n_classes) shares of votes."""
        if self.votes is None:
            return self.truth
        shares = self.votes[self.owner]
        silent = np.isnan(shares).any(axis=1)
        shares[silent] = np.eye(len(self.labels))[self.truth[silent]]
        return shares.astype(np.float32)


def batch_of(
    data: Labelled,
    windows: NDArray[np.int64],
    specs: Mapping[str, FeatureSpec],
    device: torch.device,
    *,
    alter: Sequence[Callable[[dict[str, NDArray[Any]]], None]] = (),
) -> dict[str, torch.Tensor]:
    """Inputs of a network.

    Parameters
    ----------
    data : Labelled
        Where the windows are.
    windows : ndarray of int64
        Numbers of windows of the store.
    specs : mapping of str to FeatureSpec
        The inputs; the store may hold more.
    device : torch.device
        Where to put them.
    alter : sequence of callable, optional
        Each changes the arrays in place before.

    Returns
    -------
    dict
        As `ser_toolkit.training.network.StandardizedNetwork` takes them.
    """
    rows = {key: [data.store.get(key, int(w)) for w in windows] for key in specs}
    arrays = collate(rows, specs)
    for change in alter:
        change(arrays)
    tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    # channels last: convolutions run up to 1.5 times as fast, on CPU and GPU
    return {k: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in tensors.items()}


def logits_of(
    network: nn.Module, specs: Mapping[str, FeatureSpec], data: Labelled, *, batch_size: int, device: torch.device
) -> NDArray[np.float32]:
    """Outputs of all windows in order, (n_windows, n_classes + n_dimensions); the network is left in eval mode.

    The outputs of all targets side by side: logits of the classes, then values of the dimensions, -1 to 1 and beyond.
    """
    network.eval()
    parts = []
    with torch.inference_mode():
        for first in range(0, len(data.windows), batch_size):
            batch = batch_of(data, data.windows[first : first + batch_size], specs, device)
            outputs = [output.float().cpu().numpy() for output in network(**batch).values()]
            parts.append(outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1))
    width = len(data.labels) + len(data.scales)
    return np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.float32)

"""Training windows mixed with each other, and their labels with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.config import AugmentConfig

__all__ = ["Mixup", "mixup_of"]

_STREAM = 0x313C
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class Mixup:
    """Each window of a batch becomes ``s x + (1 - s) x'`` with another window ``x'``; so does its label.

    Parameters
    ----------
    alpha : float
        ``s`` is drawn from Beta(`alpha`, `alpha`) for each window: small values leave most windows nearly as they are.
    seed : int
        Of all random numbers.

    Notes
    -----
    All inputs of a window are mixed in the same proportion. Windows of varying length are as long as the longer one;
    beyond its end the shorter one counts as the mean that standardization subtracts. Where several processes share a
    step, each mixes its own windows.

    References
    ----------
    Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """

    alpha: float
    seed: int

    def __call__(
        self,
        batch: Mapping[str, Tensor],
        targets: Tensor,
        specs: Mapping[str, FeatureSpec],
        means: Mapping[str, Tensor],
        *,
        epoch: int,
        step: int,
        share: int,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Mix a batch.

        Parameters
        ----------
        batch : mapping of str to Tensor
            Inputs of a network, as `ser_toolkit.training.batches.batch_of` gives them.
        targets : Tensor
            (B, K) float: shares of the classes, and whatever else is to be mixed alike.
        specs : mapping of str to FeatureSpec
            Inputs, in order.
        means : mapping of str to Tensor
            What a window counts as beyond its end, shaped to broadcast over a window.
        epoch, step, share : int
            Of the training, and which of the batches of the step; with the seed they decide.

        Returns
        -------
        batch : dict of Tensor
            Mixed.
        targets : Tensor
            (B, K), mixed likewise.
        """
        rng = np.random.default_rng([self.seed, epoch, step, _STREAM, share])
        kept = torch.from_numpy(rng.beta(self.alpha, self.alpha, len(targets)).astype(np.float32)).to(targets.device)
        other = torch.from_numpy(rng.permutation(len(targets))).to(targets.device)

        def mix(x: Tensor) -> Tensor:
            return torch.lerp(x[other], x, kept.reshape(-1, *[1] * (x.ndim - 1)))

        mixed = {}
        for key, spec in specs.items():
            x = batch[key]
            if spec.varies:
                length = batch[f"{key}_length"]
                axis = 1 + spec.shape.index(None)
                place = torch.arange(x.shape[axis], device=x.device).reshape(-1, *[1] * (x.ndim - 1 - axis))
                inside = place < length.reshape(-1, *[1] * (x.ndim - 1))
                x = torch.where(inside, x, means[key])
                mixed[f"{key}_length"] = torch.maximum(length, length[other])
            mixed[key] = mix(x)
        return mixed, mix(targets)


def mixup_of(config: AugmentConfig, *, seed: int) -> Mixup | None:
    """Mixing that a configuration asks for; None without."""
    return Mixup(alpha=config.mixup, seed=seed) if config.mixup else None

"""Noise on training vectors such as GeMAPS: other values each epoch, so that a network cannot learn them by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.config import AugmentConfig

__all__ = ["VectorNoise", "vector_noise_of"]

_STREAM = 0x401E
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class VectorNoise:
    """Gaussian noise on batches of training windows.

    Parameters
    ----------
    deviation : float
        Standard deviation in units of each value's own deviation over the training windows.
    seed : int
        Of all random numbers.

    References
    ----------
    Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural Computation 7(1), 1995.
    """

    deviation: float
    seed: int

    def __call__(
        self,
        batch: Mapping[str, NDArray[Any]],
        specs: Mapping[str, FeatureSpec],
        scales: Mapping[str, NDArray[np.float32]],
        *,
        epoch: int,
        step: int,
        rows: NDArray[np.int64],
        n_rows: int,
    ) -> None:
        """Add noise to the vectors of a batch in place; images and sequences stay as they are.

        Parameters
        ----------
        batch, specs, epoch, step, rows, n_rows
            As for `ser_toolkit.training.spec_augment.SpecAugment`.
        scales : mapping of str to ndarray
            1 / standard deviation of each value; 0 where it is constant, which stays constant.
        """
        rng = np.random.default_rng([self.seed, epoch, step, _STREAM])
        for key, spec in specs.items():
            if spec.role != "vector" or spec.varies:
                continue
            scale = scales[key]
            size = np.divide(self.deviation, scale, out=np.zeros_like(scale), where=scale > 0)
            draws = rng.standard_normal((n_rows, *scale.shape), dtype=np.float32)[rows]
            batch[key][:] += size * draws


def vector_noise_of(config: AugmentConfig, *, seed: int) -> VectorNoise | None:
    """Noise that a configuration asks for; None without."""
    return VectorNoise(deviation=config.vector_noise, seed=seed) if config.vector_noise else None

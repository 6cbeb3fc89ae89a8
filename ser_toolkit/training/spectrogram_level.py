"""Training spectrograms in decibels made louder and tilted, as by other microphones; another way each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.training.spec_augment import axes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.config import AugmentConfig

__all__ = ["SpectrogramLevel", "in_decibels", "spectrogram_level_of"]

_STREAM = 0x1E7E
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class SpectrogramLevel:
    """Level and tilt of batches of training windows.

    Parameters
    ----------
    level : float
        A gain from -`level` to `level` dB is added to all values of a window.
    tilt : float
        A gain that grows evenly over the bands, from -t dB at the lowest to t dB at the highest, is added; t is drawn
        evenly from -`tilt` to `tilt`.
    seed : int
        Of all random numbers.

    Notes
    -----
    Only images in dB with a time axis are altered (see `in_decibels`); all of a window get the same gains. The
    features are those before standardization, so that decibels are decibels.
    """

    level: float
    tilt: float
    seed: int

    def __call__(
        self,
        batch: Mapping[str, NDArray[Any]],
        specs: Mapping[str, FeatureSpec],
        *,
        epoch: int,
        step: int,
        rows: NDArray[np.int64],
        n_rows: int,
    ) -> None:
        """Alter a batch in place. Parameters as for `ser_toolkit.training.spec_augment.SpecAugment`."""
        rng = np.random.default_rng([self.seed, epoch, step, _STREAM])
        level, tilt = (np.array([[self.level], [self.tilt]]) * rng.uniform(-1, 1, (2, n_rows)))[:, rows]
        for key, spec in specs.items():
            band, frame = axes_of(spec)
            if spec.unit != "dB" or band is None or frame is None:
                continue
            x = np.moveaxis(batch[key], (1 + band, 1 + frame), (2, 3))  # (B, channel, band, frame)
            gain = level[:, None] + tilt[:, None] * np.linspace(-1, 1, x.shape[2])
            x += gain[:, None, :, None].astype(x.dtype)


def in_decibels(spec: FeatureSpec) -> bool:
    """Whether a feature is a spectrogram in decibels."""
    return spec.unit == "dB" and None not in axes_of(spec)


def spectrogram_level_of(config: AugmentConfig, *, seed: int) -> SpectrogramLevel | None:
    """Gains that a configuration asks for; None without any."""
    if not (config.level or config.tilt):
        return None
    return SpectrogramLevel(level=config.level, tilt=config.tilt, seed=seed)

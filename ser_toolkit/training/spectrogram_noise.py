"""Noise added to training spectrograms in decibels, of another colour and level each epoch."""

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

__all__ = ["SpectrogramNoise", "spectrogram_noise_of"]

_STREAM = 0x4015E
"""Keeps these random numbers apart from those that others draw from the same seed."""

_TILT_DB, _RIPPLE_DB = 12.0, 8.0
"""Most that the noise rises or falls from the middle to an edge of the bands, and height of its ripples."""


@dataclass(frozen=True, kw_only=True)
class SpectrogramNoise:
    """Stationary noise in batches of training windows, added as powers.

    Parameters
    ----------
    share : float
        Share of windows that get noise.
    snr_db : tuple of float
        Least and largest ratio of the mean power of the window to that of the noise, in dB; drawn evenly.
    seed : int
        Of all random numbers.

    Notes
    -----
    The noise of a window has a spectrum of its own, a slope and a ripple over the bands, both drawn at random; around
    it powers are spread as the sum of two exponential variables, which is what a mel band of two independent bins has.
    Only images in dB with a time axis are altered, by the powers that their values stand for: whatever the reference
    of the decibels, the ratio is right.
    """

    share: float
    snr_db: tuple[float, float]
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
        noisy = (rng.random(n_rows) < self.share)[rows]
        snr_db = rng.uniform(*self.snr_db, n_rows)[rows]
        slope, ripple = (np.array([[_TILT_DB], [_RIPPLE_DB]]) * rng.uniform(-1, 1, (2, n_rows)))[:, rows]
        rate, phase = rng.uniform(0.5, 1.5, n_rows)[rows], rng.uniform(0, 2 * np.pi, n_rows)[rows]
        spread = rng.integers(2**63, size=n_rows)[rows]
        for key, spec in specs.items():
            band, frame = axes_of(spec)
            if spec.unit != "dB" or band is None or frame is None:
                continue
            x = np.moveaxis(batch[key], (1 + band, 1 + frame), (2, 3))  # (B, channel, band, frame)
            place = np.linspace(-1, 1, x.shape[2])
            length = batch[f"{key}_length"] if spec.varies else np.full(len(x), x.shape[3])
            for i in np.flatnonzero(noisy):
                window = x[i, :, :, : length[i]]
                colour = slope[i] * place + ripple[i] * np.cos(2 * np.pi * rate[i] * place + phase[i])
                power = np.power(10.0, 0.1 * window, dtype=np.float32)
                wanted = 10 * np.log10(power.mean()) - snr_db[i] - 10 * np.log10(np.mean(10 ** (0.1 * colour)))
                level = np.power(10.0, 0.1 * (wanted + colour))[:, None]
                flicker = np.random.default_rng(spread[i]).standard_gamma(2.0, window.shape, dtype=np.float32) / 2
                window[:] = 10 * np.log10(power + level.astype(np.float32) * flicker)


def spectrogram_noise_of(config: AugmentConfig, *, seed: int) -> SpectrogramNoise | None:
    """Noise that a configuration asks for; None without any."""
    if not config.noise:
        return None
    return SpectrogramNoise(share=config.noise, snr_db=config.noise_snr_db, seed=seed)

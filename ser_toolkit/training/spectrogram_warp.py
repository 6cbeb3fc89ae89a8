"""Training spectrograms stretched in time and shifted over frames and bands, another way each epoch."""

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

__all__ = ["SpectrogramWarp", "spectrogram_warp_of"]

_STREAM = 0x3A29
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class SpectrogramWarp:
    """Tempo, place in the window, and a shift along the bands of batches of training windows.

    Parameters
    ----------
    stretch : float
        Rates are drawn evenly from 1 - `stretch` to 1 + `stretch`. Frames between frames are interpolated linearly
        about the middle of the window; what is missing at its ends repeats the last frame.
    shift_bands : int
        Most bands up or down; what is missing repeats the outermost band. On a mel scale this resembles a vocal tract
        of another length.
    shift_frames : int
        Most frames to either side; what leaves the window at one end comes in at the other.
    seed : int
        Of all random numbers.

    Notes
    -----
    All spectrograms of a window, where there are several, get the same rate and shifts. Vectors, sequences, and images
    none of whose axes is time stay as they are.
    """

    stretch: float
    shift_bands: int
    shift_frames: int
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
        rate = (1.0 + self.stretch * rng.uniform(-1, 1, n_rows))[rows]
        up = rng.integers(-self.shift_bands, self.shift_bands, n_rows, endpoint=True)[rows]
        later = rng.integers(-self.shift_frames, self.shift_frames, n_rows, endpoint=True)[rows]
        for key, spec in specs.items():
            band, frame = axes_of(spec)
            if band is None or frame is None:
                continue
            x = np.moveaxis(batch[key], (1 + band, 1 + frame), (2, 3))  # (B, channel, band, frame)
            varies = spec.shape[frame] is None
            length = batch[f"{key}_length"] if varies else np.full(len(x), x.shape[3])
            bands = np.clip(np.arange(x.shape[2]) - up[:, None], 0, x.shape[2] - 1)
            sources = _sources(length[:, None], x.shape[3], rate[:, None], later[:, None])
            for window, from_band, before, after, share in zip(x, bands, *sources, strict=True):
                shifted = window[:, from_band] if self.shift_bands else window
                moved = shifted[..., before]
                if self.stretch:
                    moved += share * (shifted[..., after] - moved)
                window[:] = moved


def spectrogram_warp_of(config: AugmentConfig, *, seed: int) -> SpectrogramWarp | None:
    """Warps that a configuration asks for; None without any."""
    if not (config.stretch or config.shift_bands or config.shift_frames):
        return None
    return SpectrogramWarp(
        stretch=config.stretch, shift_bands=config.shift_bands, shift_frames=config.shift_frames, seed=seed
    )


def _sources(
    length: NDArray[np.int64], n_frames: int, rate: NDArray[np.float64], later: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Frames that each frame is made of, and the share of the second; all (B, n_frames). Padding stays where it is."""
    frames = np.arange(n_frames)[None, :]
    middle = (length - 1) / 2
    place = np.clip(middle + (frames - middle) * rate, 0, length - 1)
    before = np.floor(place).astype(np.int64)
    after = np.minimum(before + 1, length - 1)
    inside = frames < length
    share = np.where(inside, place - before, 0).astype(np.float32)
    turned = [np.where(inside, (source - later) % length, frames) for source in (before, after)]
    return turned[0], turned[1], share

"""Shape and change of the spectrum of 20 ms frames; see `ser_toolkit_gemaps.spectral` for definitions and units.

All take the power spectra of the 20 ms frames, float32 of shape (batch, n_frames, n_bins), where they do not say
otherwise, and give one value a frame, shape (batch, n_frames).
"""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.frames import frames
from ser_toolkit_gemaps.batched.tables import product
from ser_toolkit_gemaps.frames import SHORT_S
from ser_toolkit_gemaps.spectral import (
    ALPHA_SPLIT_HZ,
    HAMMARBERG_SPLIT_HZ,
    LEAST_DB,
    LEAST_LEVEL_DB,
    SAMPLE_MAX,
    TOP_HZ,
    _bin,
    _cosines,
    _slope_weights,
)

__all__ = ["alpha_ratio", "energy", "flux", "hammarberg_index", "mfcc", "slope", "sound_level"]


def alpha_ratio(power: torch.Tensor, sr: int) -> torch.Tensor:
    """Energy of 1-5 kHz relative to that below 1 kHz, in dB; 0 for silence."""
    split, top = _bin(ALPHA_SPLIT_HZ, sr), _bin(TOP_HZ, sr)
    return _ratio_db(power[..., split : top + 1].sum(-1), power[..., :split].sum(-1))


def hammarberg_index(power: torch.Tensor, sr: int) -> torch.Tensor:
    """Strongest peak below 2 kHz relative to that of 2-5 kHz, in dB; 0 for silence."""
    split, top = _bin(HAMMARBERG_SPLIT_HZ, sr), _bin(TOP_HZ, sr)
    return _ratio_db(power[..., :split].amax(-1), power[..., split : top + 1].amax(-1))


def slope(power: torch.Tensor, sr: int, *, low_hz: float, high_hz: float) -> torch.Tensor:
    """Slope of the level over frequency within a band, in dB/Hz."""
    first, weights = _slope_weights(sr, low_hz, high_hz)
    level = (10 * power[..., first : first + len(weights)].log10()).clamp(min=LEAST_DB)
    return product(level, weights)


def flux(power: torch.Tensor, sr: int) -> torch.Tensor:
    """Root mean square change of the magnitude spectrum below 5 kHz from the frame before; 0 for the first frame."""
    magnitude = power[..., : _bin(TOP_HZ, sr)].sqrt()
    change = (magnitude.diff(dim=-2).square().sum(-1) / magnitude.shape[-1]).sqrt()
    return torch.nn.functional.pad(change, (1, 0))


def mfcc(bands: torch.Tensor) -> torch.Tensor:
    """Mel-frequency cepstral coefficients 1 to 4.

    Parameters
    ----------
    bands : Tensor of float32, shape (batch, n_frames, 26)
        Powers of the mel bands (`ser_toolkit_gemaps.loudness.mel_bands`).

    Returns
    -------
    Tensor of float32, shape (batch, n_frames, 4)
    """
    return product((bands * SAMPLE_MAX**2).clamp(min=1).log(), _cosines())


def energy(wave: torch.Tensor, sr: int) -> torch.Tensor:
    """Mean square of the samples (batch, n_samples) of each 20 ms frame, float64."""
    cut = frames(wave, sr, SHORT_S)
    return (cut.square().sum(-1) / cut.shape[-1]).double()


def sound_level(energies: torch.Tensor) -> torch.Tensor:
    """Equivalent sound level: mean energy (batch, n_frames) in dB relative to full scale, from -120; shape (batch,)."""
    return (10 * energies.mean(-1).clamp(min=1e-30).log10()).clamp(min=LEAST_LEVEL_DB)


def _ratio_db(above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    """10 log10 of a ratio; 0 where either is 0."""
    defined = (above > 0) & (below > 0)
    return 10 * (torch.where(defined, above, 1) / torch.where(defined, below, 1)).log10()

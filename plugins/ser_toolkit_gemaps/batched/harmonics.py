"""Harmonics-to-noise ratio, harmonic differences and the level of the formants; see `ser_toolkit_gemaps.harmonics`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.harmonics import FORMANT_REACH, MAX_HARMONICS
from ser_toolkit_gemaps.peaks import FLOOR

__all__ = ["harmonics"]

NOWHERE = 32767
"""Bin beyond all others that fits 16 bits."""


def harmonics(f0_hz: torch.Tensor, frequency: torch.Tensor, magnitude: torch.Tensor, sr: int) -> torch.Tensor:
    """Six descriptors of voiced frames, in dB.

    Parameters
    ----------
    f0_hz : Tensor of float32, shape (n_frames,)
        Fundamental frequency, above 0.
    frequency : Tensor of float32, shape (n_frames, 3)
        Formants in Hz.
    magnitude : Tensor of float32, shape (n_frames, n_bins)
        Magnitude spectra of the 60 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Tensor of float32, shape (n_frames, 6)
        HNR; H1-H2; H1-A3; levels of the first, second and third formant relative to F0.
    """
    pitch, bin_hz = f0_hz.double(), sr / 2 / (magnitude.shape[-1] - 1)
    correlation = torch.fft.irfft(magnitude.square())[:, : magnitude.shape[-1]]
    noise = _harmonics_to_noise(correlation, sr / pitch)
    levels = _levels(magnitude, pitch / bin_hz, (frequency / bin_hz).double())
    return torch.cat([noise[:, None], levels], dim=-1).float()


def _harmonics_to_noise(correlation: torch.Tensor, period: torch.Tensor) -> torch.Tensor:
    r = correlation.abs()
    middle = period.long().clamp(max=r.shape[-1] - 2)[:, None]
    below, above = _nearest_peaks(r, middle)
    lag = _nearer(middle, first=below, second=above)
    harmonic, every = r.gather(-1, lag)[:, 0].double(), r[:, 0].double()
    floor = FLOOR * every
    ratio = torch.maximum(harmonic, floor) / torch.where(every > 0, torch.maximum(every - harmonic, floor), 1)
    return torch.where(every > 0, 10 * ratio.log10(), 0)


def _levels(magnitude: torch.Tensor, pitch: torch.Tensor, formants: torch.Tensor) -> torch.Tensor:
    """H1-H2, H1-A3 and the levels of the formants; `pitch` and `formants` in bins, shape (n_frames, 5)."""
    n = magnitude.shape[-1]
    count = ((n - 1) / pitch).long().clamp(max=MAX_HARMONICS)
    number = torch.arange(MAX_HARMONICS, device=pitch.device)
    middle = ((number + 1) * pitch[:, None] + 0.5).long().clamp(max=n - 2)
    below, above = _nearest_peaks(magnitude, middle)
    peak = _nearer(middle, first=above, second=below)
    left, centre, right = (magnitude.gather(-1, peak + k).double() for k in (-1, 0, 1))
    curve = left - 2 * centre + right
    shift = torch.where(curve < 0, 0.5 * (left - right) / torch.where(curve < 0, curve, -1), 0)
    place, height = peak + shift, _decibel(centre - 0.25 * (left - right) * shift)
    first, second = height[:, 1], height[:, 2]
    near = (place[:, None] >= (1 - FORMANT_REACH) * formants[..., None]) & (
        place[:, None] <= (1 + FORMANT_REACH) * formants[..., None]
    )
    near &= (number < count[:, None])[:, None]  # (n_frames, 3, 100)
    best = torch.where(near, centre[:, None], -1).argmax(-1)
    found = near.any(-1)
    level = height.gather(-1, best)
    relative = torch.where(found & (best > 0), level - _decibel(centre[:, :1]), 0)
    third = torch.where(found[:, 2], first - level[:, 2], 0)
    levels = torch.cat([(first - second)[:, None], third[:, None], relative], dim=-1)
    return torch.where(count[:, None] >= 3, levels, 0)


def _nearest_peaks(values: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nearest local maxima, plateaus included, at or below and at or above bins; `NOWHERE` off where there is none."""
    peak = torch.zeros_like(values, dtype=torch.bool)
    peak[:, 1:-1] = (values[:, 1:-1] >= values[:, :-2]) & (values[:, 1:-1] >= values[:, 2:])
    bins = torch.arange(values.shape[-1], device=values.device, dtype=torch.int16)
    below = torch.where(peak, bins, -NOWHERE)
    above = torch.where(peak, bins, NOWHERE)
    reach = 1
    while reach < values.shape[-1]:
        below[:, reach:] = torch.maximum(below[:, reach:], below[:, :-reach])
        above[:, :-reach] = torch.minimum(above[:, :-reach], above[:, reach:])
        reach *= 2
    return below.gather(-1, at).long(), above.gather(-1, at).long()


def _nearer(middle: torch.Tensor, *, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The nearer of two bins, the first where they are equally near, `middle` where both are nowhere."""
    nearer = torch.where((first - middle).abs() <= (second - middle).abs(), first, second)
    return torch.where(nearer.abs() < NOWHERE, nearer, middle)


def _decibel(magnitude: torch.Tensor) -> torch.Tensor:
    return 20 * magnitude.clamp(min=FLOOR).log10()

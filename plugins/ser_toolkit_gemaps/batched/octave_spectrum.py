"""Magnitude spectra on an octave axis and their subharmonic sums; see `ser_toolkit_gemaps.octave_spectrum`.

Smoothing and splines are linear in the spectrum, so that a matrix does both. A point of a spline depends on the bins
near it only (each bin further away counts a quarter), which leaves a band of that matrix.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch

from ser_toolkit_gemaps.batched.tables import table
from ser_toolkit_gemaps.octave_spectrum import COMPRESSION, _shifts, _spline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["octave_spectra", "subharmonic_sums"]

POINTS_AT_ONCE = 64
"""Points of the octave axis in one product: about an octave at 16 kHz."""

NEGLIGIBLE = 1e-12
"""Weights below this part of the largest are left out."""


def octave_spectra(magnitude: torch.Tensor, sr: int) -> torch.Tensor:
    """Spectra with their peaks kept, smoothed, interpolated to an octave axis and weighted as the ear does.

    Parameters
    ----------
    magnitude : Tensor of float32, shape (n_frames, n_bins)
        Magnitude spectra from 0 Hz to half the sample rate.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Tensor of float32, shape (n_frames, n_bins)
        Not below 0.
    """
    n = magnitude.shape[-1]
    kept = (magnitude * _near_peaks(magnitude)).double()
    spectra = torch.empty_like(magnitude)
    for first, begin, weights in _bands(n, sr):
        points, bins = slice(first, first + weights.shape[1]), slice(begin, begin + weights.shape[0])
        spectra[..., points] = kept[..., bins] @ table(weights, kept)
    return spectra.clamp_(min=0)


def subharmonic_sums(spectra: torch.Tensor, sr: int) -> torch.Tensor:
    """Mean over 15 harmonics of the octave spectrum, each shifted to its fundamental; same shape."""
    shifts, n = _shifts(spectra.shape[-1], sr).tolist(), spectra.shape[-1]
    sums = torch.zeros_like(spectra)
    weight = np.float32(1 / len(shifts))
    for shift in shifts:
        if shift < n:
            sums[..., : n - shift].add_(spectra[..., shift:], alpha=float(weight))
        weight *= np.float32(COMPRESSION)
    return sums


def _near_peaks(magnitude: torch.Tensor) -> torch.Tensor:
    """Whether a bin is kept: within two of a local maximum, below the lowest or above the highest; same shape."""
    n = magnitude.shape[-1]
    higher = magnitude[..., 1:] > magnitude[..., :-1]
    lower = magnitude[..., 1:] < magnitude[..., :-1]
    peak = torch.ones_like(magnitude, dtype=torch.bool)  # what the ends are
    peak[..., 1:-1] = higher[..., :-1] & lower[..., 1:]
    to_lowest = peak[..., 1:].byte().argmax(-1, keepdim=True) + 1
    to_highest = peak[..., :-1].flip(-1).byte().argmax(-1, keepdim=True) + 1
    bins = torch.arange(n, device=magnitude.device)
    peak |= (bins < to_lowest) & ~lower[..., :1]
    peak |= (bins > n - 1 - to_highest) & ~higher[..., -1:]
    keep = peak.clone()
    for away in (1, 2):
        keep[..., away:] |= peak[..., :-away]
        keep[..., :-away] |= peak[..., away:]
    return keep


@functools.lru_cache(maxsize=8)
def _bands(n: int, sr: int) -> tuple[tuple[int, int, NDArray[np.float64]], ...]:
    """Per stretch of the octave axis: its first point, the first bin that counts, weights of shape (bins, points)."""
    matrix = _interpolation(n, sr)
    least = NEGLIGIBLE * np.abs(matrix).max()
    bands = []
    for first in range(0, n, POINTS_AT_ONCE):
        part = matrix[:, first : first + POINTS_AT_ONCE]
        counting = np.flatnonzero((np.abs(part) > least).any(axis=1))
        begin, end = counting[0], counting[-1] + 1
        bands.append((first, int(begin), np.ascontiguousarray(part[begin:end])))
    return tuple(bands)


def _interpolation(n: int, sr: int) -> NDArray[np.float64]:
    """What each bin (row) gives to each point of the octave axis (column): smoothing, splines, weight of the ear."""
    per_bin, weights, interval = _spline(n, sr)
    smooth = 0.5 * np.eye(n) + 0.25 * (np.eye(n, k=1) + np.eye(n, k=-1))
    smooth[-1] = np.eye(n)[-1]
    slope, bend = np.diff(smooth, axis=0) * per_bin[:-1, :1], np.zeros((n, n))
    for i in range(1, n - 1):
        bend[i] = per_bin[i, 2] * (slope[i] - slope[i - 1]) - per_bin[i, 3] * bend[i - 1]
    for i in range(n - 2, 0, -1):
        bend[i] -= per_bin[i, 1] * bend[i + 1]
    parts = np.stack([smooth[interval], smooth[interval + 1], bend[interval], bend[interval + 1]], axis=1)
    matrix: NDArray[np.float64] = np.einsum("pk,pkb->bp", weights, parts)
    return matrix

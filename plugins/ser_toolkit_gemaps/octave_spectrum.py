"""Magnitude spectra on an octave axis and their subharmonic sums, compiled: one pass over the frames.

References
----------
Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988, sections I.B to I.D.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["octave_axis", "octave_spectra", "subharmonic_sums"]

LOWEST_HZ = 25.0
"""First point of the octave axis; the last is half the sample rate."""

WEIGHT_SLOPE = 3.0
"""Steepness of the ear's weight at low frequencies, per octave (Hermes, eq. 1)."""

WEIGHT_OFFSET = 1.0382
"""The weight is one half at ``LOWEST_HZ * 2 ** (WEIGHT_OFFSET / WEIGHT_SLOPE)``, 31.8 Hz; measured."""

N_HARMONICS = 15
COMPRESSION = 0.85
"""Each further harmonic counts 0.85 times the one before (Hermes, eq. 2)."""


def octave_axis(n_points: int, sr: int) -> NDArray[np.float64]:
    """Frequencies of the octave axis in Hz, shape ``(n_points,)``."""
    octaves = np.log2(sr / 2 / LOWEST_HZ)
    axis: NDArray[np.float64] = LOWEST_HZ * 2.0 ** (octaves * np.arange(n_points) / (n_points - 1))
    return axis


def octave_spectra(magnitude: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Spectra with their peaks kept, smoothed, interpolated to an octave axis and weighted as the ear does.

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Magnitude spectra on a linear axis from 0 Hz to half the sample rate, both included.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames, n_bins)
        On `octave_axis`; where the splines overshoot below 0, 0.

    Notes
    -----
    Only bins within two of a local maximum are kept (Hermes: peak enhancement), and always the first three and the
    last; then a 1/4, 1/2, 1/4 smoothing; splines over the logarithm of frequency, where 0 Hz lies one octave below
    the first bin; last the weight 1/2 + arctan(3 octaves - 1.038) / pi, octaves counted from 25 Hz.
    """
    return _octave_spectra(np.ascontiguousarray(magnitude, dtype=np.float32), *_spline(magnitude.shape[1], sr))


def subharmonic_sums(spectra: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Mean over 15 harmonics of the octave spectrum, each shifted to its fundamental (Hermes, eq. 2).

    Parameters
    ----------
    spectra : ndarray of float32, shape (n_frames, n_points)
        See `octave_spectra`.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames, n_points)
    """
    return _sums(spectra, _shifts(spectra.shape[1], sr))


@functools.lru_cache(maxsize=8)
def _shifts(n_points: int, sr: int) -> NDArray[np.int64]:
    """Points from a fundamental to its harmonics, rounded down."""
    per_octave = n_points / np.log2(sr / 2 / LOWEST_HZ)
    points: NDArray[np.int64] = np.floor(np.log2(np.arange(1, N_HARMONICS + 1)) * per_octave + 1e-9).astype(np.int64)
    return points


@functools.lru_cache(maxsize=8)
def _spline(n_bins: int, sr: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Constants of the spline: per bin (1 / step, elimination factors, pivot), per point its 4 weights and interval."""
    x = np.log2(np.maximum(np.arange(n_bins), 1) * (sr / 2 / (n_bins - 1)))
    x[0] = 2 * x[1] - x[2]
    step = np.diff(x)
    per_bin = np.zeros((n_bins, 4))
    per_bin[:-1, 0] = 1.0 / step
    for i in range(1, n_bins - 1):
        pivot = 2.0 * (step[i - 1] + step[i]) - step[i - 1] * per_bin[i - 1, 1]
        per_bin[i, 1:] = step[i] / pivot, 6.0 / pivot, step[i - 1] / pivot
    axis = np.log2(octave_axis(n_bins, sr))
    interval = np.clip(np.searchsorted(x, axis, side="right") - 1, 0, n_bins - 2)
    h = step[interval]
    right = (axis - x[interval]) / h
    left = 1.0 - right
    weights = np.stack([left, right, (left**3 - left) * h**2 / 6, (right**3 - right) * h**2 / 6], axis=1)
    octaves = np.arange(n_bins) * (np.log2(sr / 2 / LOWEST_HZ) / n_bins)
    ear = 0.5 + np.arctan(WEIGHT_SLOPE * octaves - WEIGHT_OFFSET) / np.pi
    return per_bin, weights * ear[:, None], interval


@njit(cache=True, nogil=True)
def _octave_spectra(
    magnitude: NDArray[np.float32],
    per_bin: NDArray[np.float64],
    weights: NDArray[np.float64],
    interval: NDArray[np.int64],
) -> NDArray[np.float32]:
    n_frames, n = magnitude.shape
    spectra = np.empty((n_frames, n), dtype=np.float32)
    kept = np.empty(n)
    y = np.empty(n)
    bend = np.zeros(n)
    for t in range(n_frames):
        m = magnitude[t]
        kept[:] = 0.0
        kept[: min(3, n)] = m[: min(3, n)]
        kept[n - 1] = m[n - 1]
        for i in range(1, n - 1):
            if m[i] > m[i - 1] and m[i] > m[i + 1]:
                for j in range(max(i - 2, 0), min(i + 3, n)):
                    kept[j] = m[j]
        y[0] = 0.5 * kept[0] + 0.25 * kept[1]
        y[n - 1] = kept[n - 1]
        for i in range(1, n - 1):
            y[i] = 0.25 * kept[i - 1] + 0.5 * kept[i] + 0.25 * kept[i + 1]
        for i in range(1, n - 1):
            slope = (y[i + 1] - y[i]) * per_bin[i, 0] - (y[i] - y[i - 1]) * per_bin[i - 1, 0]
            bend[i] = per_bin[i, 2] * slope - per_bin[i, 3] * bend[i - 1]
        for i in range(n - 2, 0, -1):
            bend[i] -= per_bin[i, 1] * bend[i + 1]
        for i in range(n):
            k = interval[i]
            w = weights[i]
            spectra[t, i] = max(0.0, w[0] * y[k] + w[1] * y[k + 1] + w[2] * bend[k] + w[3] * bend[k + 1])
    return spectra


@njit(cache=True, nogil=True)
def _sums(spectra: NDArray[np.float32], shifts: NDArray[np.int64]) -> NDArray[np.float32]:
    n_frames, n = spectra.shape
    sums = np.zeros((n_frames, n), dtype=np.float32)
    for t in range(n_frames):
        weight = np.float32(1.0 / len(shifts))
        for shift in shifts:
            for i in range(n - shift):
                sums[t, i] += weight * spectra[t, i + shift]
            weight *= np.float32(COMPRESSION)
    return sums

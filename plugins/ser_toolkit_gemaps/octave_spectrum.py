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

FRAMES_AT_ONCE = 32
"""Frames that are interpolated side by side: a few vectors of the processor, and still in its cache."""

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
    Only bins within two of a local maximum are kept (Hermes: peak enhancement), and all below the lowest and above
    the highest maximum; an end is a maximum if it is higher than its neighbour. Then a 1/4, 1/2, 1/4 smoothing; splines
    over the logarithm of frequency, where 0 Hz lies one octave below the first bin; last the weight
    1/2 + arctan(3 octaves - 1.038) / pi, octaves counted from 25 Hz.
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
    """`FRAMES_AT_ONCE` frames side by side: the recursions run over the bins, the vector units over the frames."""
    n_frames, n = magnitude.shape
    spectra = np.empty((n_frames, n), dtype=np.float32)
    m = np.zeros((n, FRAMES_AT_ONCE), dtype=np.float32)
    near_peak = np.zeros((n + 4, FRAMES_AT_ONCE), dtype=np.float32)
    near_peak[2] = near_peak[n + 1] = 1.0
    kept = np.empty((n, FRAMES_AT_ONCE), dtype=np.float32)
    y = np.empty((n, FRAMES_AT_ONCE))
    bend = np.zeros((n, FRAMES_AT_ONCE))
    for begin in range(0, n_frames, FRAMES_AT_ONCE):
        here = min(FRAMES_AT_ONCE, n_frames - begin)
        for j in range(here):
            for i in range(n):
                m[i, j] = magnitude[begin + j, i]
        for i in range(1, n - 1):
            for j in range(FRAMES_AT_ONCE):
                near_peak[i + 2, j] = 1.0 if (m[i, j] > m[i - 1, j]) & (m[i, j] > m[i + 1, j]) else 0.0
        for j in range(FRAMES_AT_ONCE):
            i = 1
            while i < n - 1 and not (m[0, j] > m[1, j] or near_peak[i + 2, j] > 0.0):
                near_peak[i + 2, j] = 1.0
                i += 1
            i = n - 2
            while i > 0 and not (m[n - 1, j] > m[n - 2, j] or near_peak[i + 2, j] > 0.0):
                near_peak[i + 2, j] = 1.0
                i -= 1
        for i in range(n):
            for j in range(FRAMES_AT_ONCE):
                near = near_peak[i, j] + near_peak[i + 1, j] + near_peak[i + 2, j]
                near += near_peak[i + 3, j] + near_peak[i + 4, j]
                kept[i, j] = m[i, j] if near > 0.0 else np.float32(0.0)
        for j in range(FRAMES_AT_ONCE):
            y[0, j] = 0.5 * kept[0, j] + 0.25 * kept[1, j]
            y[n - 1, j] = kept[n - 1, j]
        for i in range(1, n - 1):
            for j in range(FRAMES_AT_ONCE):
                y[i, j] = 0.25 * kept[i - 1, j] + 0.5 * kept[i, j] + 0.25 * kept[i + 1, j]
        for i in range(1, n - 1):
            before, after, a, b = per_bin[i - 1, 0], per_bin[i, 0], per_bin[i, 2], per_bin[i, 3]
            for j in range(FRAMES_AT_ONCE):
                slope = (y[i + 1, j] - y[i, j]) * after - (y[i, j] - y[i - 1, j]) * before
                bend[i, j] = a * slope - b * bend[i - 1, j]
        for i in range(n - 2, 0, -1):
            a = per_bin[i, 1]
            for j in range(FRAMES_AT_ONCE):
                bend[i, j] -= a * bend[i + 1, j]
        for i in range(n):
            k = interval[i]
            left, right, bend_left, bend_right = weights[i, 0], weights[i, 1], weights[i, 2], weights[i, 3]
            for j in range(FRAMES_AT_ONCE):
                value = left * y[k, j] + right * y[k + 1, j] + bend_left * bend[k, j] + bend_right * bend[k + 1, j]
                kept[i, j] = max(0.0, value)
        for j in range(here):
            for i in range(n):
                spectra[begin + j, i] = kept[i, j]
    return spectra


@njit(cache=True, nogil=True)
def _sums(spectra: NDArray[np.float32], shifts: NDArray[np.int64]) -> NDArray[np.float32]:
    n_frames, n = spectra.shape
    sums = np.zeros((n_frames, n), dtype=np.float32)
    for t in range(n_frames):
        total = sums[t]
        weight = np.float32(1.0 / len(shifts))
        for shift in shifts:
            harmonic = spectra[t, shift:]
            for i in range(len(harmonic)):
                total[i] += weight * harmonic[i]
            weight *= np.float32(COMPRESSION)
    return sums

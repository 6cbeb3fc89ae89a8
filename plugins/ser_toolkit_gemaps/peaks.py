"""Peaks of spectra and of autocorrelations next to where they are expected, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from ser_toolkit_gemaps.products import inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["harmonic_levels", "harmonics_to_noise"]

UNKNOWN = -1.0
"""Mark of lags whose autocorrelation has not been computed."""

FLOOR = 1e-10
"""Least magnitude or ratio, -200 dB as a magnitude."""


@njit(cache=True, nogil=True)
def harmonics_to_noise(
    magnitude: NDArray[np.float32], period: NDArray[np.float64], cosines: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Ratio of the periodic part of a frame to the rest, in dB (Boersma 1993, eq. 4).

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Magnitude spectra.
    period : ndarray of float64, shape (n_frames,)
        Period in samples.
    cosines : ndarray of float32, shape (n_bins, n_bins)
        What bin *k* adds to the autocorrelation at lag *i*: cos(pi i k / (n_bins - 1)).

    Returns
    -------
    ndarray of float32, shape (n_frames,)
    """
    n_frames, n = magnitude.shape
    ratio = np.zeros(n_frames, dtype=np.float32)
    power = np.empty(n, dtype=np.float32)
    r = np.empty(n)
    for t in range(n_frames):
        for k in range(n):
            power[k] = magnitude[t, k] * magnitude[t, k]
        power[0] *= np.float32(0.5)
        power[n - 1] *= np.float32(0.5)
        r[:] = UNKNOWN
        middle = min(int(period[t]), n - 2)
        lag = middle
        for away in range(n):
            if _is_correlation_peak(r, middle - away, power, cosines):
                lag = middle - away
                break
            if _is_correlation_peak(r, middle + away, power, cosines):
                lag = middle + away
                break
        harmonic, all_ = _correlation(r, lag, power, cosines), _correlation(r, 0, power, cosines)
        if all_ > 0.0:
            ratio[t] = 10.0 * np.log10(max(harmonic, FLOOR * all_) / max(all_ - harmonic, FLOOR * all_))
    return ratio


@njit(cache=True, nogil=True)
def _is_correlation_peak(
    r: NDArray[np.float64], lag: int, power: NDArray[np.float32], cosines: NDArray[np.float32]
) -> bool:
    if not 0 < lag < len(r) - 1:
        return False
    here = _correlation(r, lag, power, cosines)
    return here >= _correlation(r, lag - 1, power, cosines) and here >= _correlation(r, lag + 1, power, cosines)


@njit(cache=True, nogil=True)
def _correlation(r: NDArray[np.float64], lag: int, power: NDArray[np.float32], cosines: NDArray[np.float32]) -> float:
    """Magnitude of the autocorrelation at a lag, kept in `r`: only few lags are needed."""
    if r[lag] == UNKNOWN:
        r[lag] = abs(inner(power, cosines[lag]))
    return float(r[lag])


@njit(cache=True, nogil=True)
def harmonic_levels(
    magnitude: NDArray[np.float32],
    pitch: NDArray[np.float64],
    formants: NDArray[np.float32],
    reach: float,
    max_harmonics: int,
) -> NDArray[np.float32]:
    """Differences between harmonics and levels of formants, see `ser_toolkit_gemaps.harmonics.harmonics`.

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
    pitch : ndarray of float64, shape (n_frames,)
        F0 in bins.
    formants : ndarray of float32, shape (n_frames, 3)
        Formant frequencies in bins.
    reach : float
        Part of its frequency that a formant reaches to either side.
    max_harmonics : int
        Harmonics that are looked for.

    Returns
    -------
    ndarray of float32, shape (n_frames, 5)
        H1-H2, H1-A3 and the levels of the three formants, in dB.
    """
    n_frames, n = magnitude.shape
    levels = np.zeros((n_frames, 5), dtype=np.float32)
    height = np.empty(max_harmonics)
    place = np.empty(max_harmonics)
    highest_bin = np.empty(max_harmonics)
    for t in range(n_frames):
        m = magnitude[t]
        count = min(int((n - 1) / pitch[t]), max_harmonics)
        for k in range(count):
            middle = min(int((k + 1) * pitch[t] + 0.5), n - 2)
            peak = middle
            for away in range(n):
                if _is_peak(m, middle + away):
                    peak = middle + away
                    break
                if _is_peak(m, middle - away):
                    peak = middle - away
                    break
            left, centre, right = float(m[peak - 1]), float(m[peak]), float(m[peak + 1])
            curve = left - 2.0 * centre + right
            shift = 0.5 * (left - right) / curve if curve < 0.0 else 0.0
            place[k] = peak + shift
            highest_bin[k] = centre
            height[k] = centre - 0.25 * (left - right) * shift
        if count < 3:
            continue
        first = _decibel(height[1])
        levels[t, 0] = first - _decibel(height[2])
        for formant in range(3):
            centre = formants[t, formant]
            best = -1
            for k in range(count):
                near = (1.0 - reach) * centre <= place[k] <= (1.0 + reach) * centre
                if near and (best < 0 or highest_bin[k] > highest_bin[best]):
                    best = k
            if best > 0:
                levels[t, 2 + formant] = _decibel(height[best]) - _decibel(highest_bin[0])
            if best >= 0 and formant == 2:
                levels[t, 1] = first - _decibel(height[best])
    return levels


@njit(cache=True, nogil=True)
def _is_peak(values: NDArray[np.float32], i: int) -> bool:
    return 0 < i < len(values) - 1 and values[i] >= values[i - 1] and values[i] >= values[i + 1]


@njit(cache=True, nogil=True)
def _decibel(magnitude: float) -> float:
    return float(20.0 * np.log10(max(magnitude, FLOOR)))

"""Periods of voiced stretches laid end to end, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["follow", "running_sums"]

SEARCH = 0.1
"""A period may differ by this part from 1 / F0."""

LEAST_CORRELATION = 0.5

MARGIN = 4
"""Samples beyond two of the longest periods that must lie before a frame's end; measured."""

MOST = 1.0
"""Largest relative difference of lengths or amplitudes that is given out."""


@njit(cache=True, nogil=True)
def follow(
    samples: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    f0_hz: NDArray[np.float64],
    sr: float,
    hop: int,
) -> NDArray[np.float32]:
    """Jitter and shimmer of each frame, see `ser_toolkit_gemaps.periods.jitter_shimmer`.

    Parameters
    ----------
    samples : ndarray of float64, shape (n_samples,)
    sums, squares : ndarray of float64, shape (n_samples + 1,)
        Sums of the samples and of their squares before each sample.
    f0_hz : ndarray of float64, shape (n_frames,)
        0 where unvoiced.
    sr : float
        Sample rate in Hz.
    hop : int
        Samples from one frame to the next.

    Returns
    -------
    ndarray of float32, shape (n_frames, 2)
    """
    values = np.zeros((len(f0_hz), 2), dtype=np.float32)
    mark, last, previous, jitter, shimmer = -1, -1, 0.0, 0.0, 0.0
    for t in range(len(f0_hz)):
        if not f0_hz[t] > 0.0:
            mark, last, previous, jitter, shimmer = -1, -1, 0.0, 0.0, 0.0
            continue
        onset = mark < 0
        if onset:
            mark = t * hop
        expected = sr / f0_hz[t]
        shortest, longest = int(expected * (1.0 - SEARCH)), int(expected * (1.0 + SEARCH))
        reach = 2 * longest + MARGIN
        end = (t + 1) * hop
        if onset or mark < t * hop - 1:
            end = max(end, mark + reach)
        again = mark + reach > end and last >= 0
        if again:
            mark = last
            end = mark + reach
        end = min(end, len(samples))
        lengths, changes, n_lengths, n_changes = 0.0, 0.0, 0, 0
        heights, differences = 0.0, 0.0
        while mark + reach <= end:
            last = mark
            period, length, correlation = _period(samples, sums, squares, mark, shortest, longest)
            if period == 0:
                mark += int(expected + 0.5)
            else:
                mark += period
            if again:
                end = mark
            if period == 0 or correlation < LEAST_CORRELATION:
                continue
            lengths += length
            n_lengths += 1
            if previous > 0.0:
                changes += abs(length - previous)
                n_changes += 1
            previous = length
            height, following = _height(samples, last, period), _height(samples, mark, period)
            heights += 0.5 * (height + following)
            differences += abs(height - following)
        if n_changes > 0:
            jitter = min((changes / n_changes) / (lengths / n_lengths), MOST)
        if heights > 0.0:
            shimmer = 20.0 * np.log10(1.0 + min(differences / heights, MOST))
        values[t, 0] = jitter
        values[t, 1] = shimmer
    return values


@njit(cache=True, nogil=True)
def _period(
    samples: NDArray[np.float64],
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    mark: int,
    shortest: int,
    longest: int,
) -> tuple[int, float, float]:
    """Whole samples, fractional length and correlation of the period at `mark`; 0 samples if there is no maximum."""
    before, at = 0.0, _correlation(samples, sums, squares, mark, shortest)
    period, length, highest, place = 0, 0.0, 0.0, 0.0
    for lag in range(shortest + 1, longest + 1):
        after = _correlation(samples, sums, squares, mark, lag)
        if lag > shortest + 1 and at > before and at >= after and (period == 0 or at > place):
            shift = 0.5 * (before - after) / (before - 2.0 * at + after)
            period, length, place = lag - 1, lag - 1 + shift, at
            highest = at - 0.25 * (before - after) * shift
        before, at = at, after
    return period, length, highest


@njit(cache=True, nogil=True, fastmath=True)
def _correlation(
    samples: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64], mark: int, lag: int
) -> float:
    """Normalised correlation, without means, of two stretches of `lag` samples that follow each other."""
    product = 0.0
    one, other = samples[mark : mark + lag], samples[mark + lag : mark + 2 * lag]
    for i in range(lag):
        product += one[i] * other[i]
    first, second = sums[mark + lag] - sums[mark], sums[mark + 2 * lag] - sums[mark + lag]
    power = (squares[mark + lag] - squares[mark] - first * first / lag) * (
        squares[mark + 2 * lag] - squares[mark + lag] - second * second / lag
    )
    return (product - first * second / lag) / np.sqrt(power) if power > 1e-24 else 0.0


@njit(cache=True, nogil=True)
def _height(samples: NDArray[np.float64], mark: int, period: int) -> float:
    """Largest minus smallest of the samples inside a period; the first and the last do not count."""
    low = high = samples[mark + 1]
    for i in range(mark + 2, mark + period - 1):
        low = min(low, samples[i])
        high = max(high, samples[i])
    return float(high - low)


@njit(cache=True, nogil=True)
def running_sums(
    samples: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Samples as float64, shape (n_samples,); their sums and those of their squares before each, (n_samples + 1,)."""
    n = len(samples)
    x, sums, squares = np.empty(n), np.empty(n + 1), np.empty(n + 1)
    total = power = 0.0
    sums[0] = squares[0] = 0.0
    for i in range(n):
        value = float(samples[i])
        total += value
        power += value * value
        x[i], sums[i + 1], squares[i + 1] = value, total, power
    return x, sums, squares

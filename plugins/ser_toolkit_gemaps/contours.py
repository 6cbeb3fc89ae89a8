"""Compiled loops over contours: peaks and valleys, and the slopes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["column_moments", "find_extrema", "run_lengths", "slope_statistics"]


@njit(cache=True, nogil=True)
def find_extrema(x: NDArray[np.float64], threshold: float, replacing: float) -> NDArray[np.int64]:
    """Peaks and valleys that matter, see `ser_toolkit_gemaps.functionals.extrema`."""
    found = np.empty((len(x), 2), dtype=np.int64)
    n = 0
    if len(x) < 5:
        return found[:0]
    least = threshold * (x.max() - x.min())
    kind = 0  # of the last one taken
    last = x[0]
    valley = peak = highest = x[0]  # what the next peak, the next valley and the next higher peak are compared with
    fell = False
    for i in range(2, len(x) - 2):
        if x[i - 1] < x[i] > x[i + 1]:
            base = valley if fell or kind != 1 else peak
            if (kind == 1 and x[i] > replacing * highest) or abs(x[i] - base) > least:
                if kind == 1:
                    if x[i] > last:
                        found[n - 1, 0] = i
                        last = x[i]
                    highest = max(highest, x[i])
                else:
                    highest = x[i] if n else max(x[0], x[i])
                    found[n] = i, 1
                    n += 1
                    kind, last = 1, x[i]
                peak, fell = x[i], False
        elif x[i - 1] > x[i] < x[i + 1]:
            fell = True
            if peak - x[i] > least:
                if kind != -1:
                    found[n] = i, -1
                    n += 1
                    kind = -1
                    last = valley = x[i]
                elif x[i] < last:
                    found[n - 1, 0] = i
                    last = valley = x[i]
            elif kind == 1 or (kind == 0 and (x[i] < valley or x[i] - valley >= least)):
                valley = x[i]
    return found[:n]


@njit(cache=True, nogil=True)
def slope_statistics(x: NDArray[np.float64], extrema: NDArray[np.int64], period_s: float) -> NDArray[np.float64]:
    """Mean and standard deviation of the rising slopes, then of the falling ones, per second.

    The slope from the last extremum to the end counts in the mean, with its sign, and in the number of slopes but
    not in the sum of squares; without an extremum the only slope is that over the whole contour, per frame: both as
    openSMILE has it.
    """
    slopes = np.empty((2, len(extrema) + 1))
    inner = np.zeros(2, dtype=np.int64)
    begin, value = 0, x[0]
    for k in range(len(extrema)):
        i = extrema[k, 0]
        falling = 0 if extrema[k, 1] == 1 else 1
        slopes[falling, inner[falling]] = (1 - 2 * falling) * (x[i] - value) / ((i - begin) * period_s)
        inner[falling] += 1
        begin, value = i, x[i]
    total = inner.copy()
    if len(extrema):
        falling = 1 if extrema[-1, 1] == 1 else 0
        slopes[falling, inner[falling]] = (x[-1] - value) / ((len(x) - 1 - begin) * period_s)
    else:
        falling = 0 if x[-1] > x[0] else 1
        slopes[falling, 0] = (x[-1] - x[0]) / len(x)
    total[falling] += 1
    statistics = np.zeros(4)
    for falling in range(2):
        if total[falling]:
            mean = slopes[falling, : total[falling]].mean()
            off = slopes[falling, : inner[falling]] - mean
            statistics[2 * falling] = mean
            statistics[2 * falling + 1] = np.sqrt((off * off).sum() / total[falling])
    return statistics


@njit(cache=True, nogil=True)
def column_moments(values: NDArray[np.float32], nonzero: bool) -> NDArray[np.float64]:
    """Mean and normalised standard deviation of each column, see `ser_toolkit_gemaps.functionals.moments`."""
    n, n_columns = values.shape
    found = np.zeros((n_columns, 2))
    for k in range(n_columns):
        total, count = 0.0, 0
        for i in range(n):
            total += values[i, k]
            count += values[i, k] != 0 or not nonzero
        if count == 0:
            continue
        mean, square = total / count, 0.0
        for i in range(n):
            if values[i, k] != 0 or not nonzero:
                square += (values[i, k] - mean) ** 2
        found[k, 0] = mean
        if mean != 0.0:
            found[k, 1] = np.sqrt(square / count) / mean
    return found


@njit(cache=True, nogil=True)
def run_lengths(members: NDArray[np.bool_], shortest: int) -> NDArray[np.int64]:
    """Lengths of the runs in frames, see `ser_toolkit_gemaps.temporal.segment_lengths`."""
    n = len(members)
    lengths = np.empty(n // 2 + 1, dtype=np.int64)
    found = begin = 0
    inside = False
    for i in range(n + 1):
        gap = 0 < i < n - 1 and members[i - 1] and members[i + 1]
        member = i < n and (members[i] or gap)
        if member and not inside:
            begin = i
        elif inside and not member and i - begin >= shortest:
            lengths[found] = i - begin
            found += 1
        inside = member
    return lengths[:found]

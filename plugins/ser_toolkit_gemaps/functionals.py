"""Smoothing of descriptors and statistics over them (Eyben et al. 2016, section 3.3).

Statistics of voiced or unvoiced frames leave out zeros, which is how openSMILE marks what they do not cover.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit_gemaps.frames import HOP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contour_statistics", "extrema", "moments", "percentiles", "smooth", "smooth_nonzero"]

PEAK_THRESHOLD = 0.1
"""Least height of a peak, relative to the range of the contour."""

REPLACING_PEAK = 1.05
"""A peak this much higher than the last one takes its place even without a valley between them."""


def smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each frame and its two neighbours: openSMILE's ``sma3``.

    Parameters
    ----------
    values : ndarray of float32, shape (n_frames, ...)
        Descriptors.

    Returns
    -------
    ndarray of float32, shape (n_frames, ...)
        The first and the last frame count as their own neighbours.
    """
    padded = np.concatenate([values[:1], values, values[-1:]])
    mean: NDArray[np.float32] = (padded[:-2] + padded[1:-1] + padded[2:]) * np.float32(1 / 3)
    return mean


def smooth_nonzero(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each frame and those of its two neighbours that are not zero: openSMILE's ``sma3nz``.

    Parameters
    ----------
    values : ndarray of float32, shape (n_frames, ...)
        Descriptors.

    Returns
    -------
    ndarray of float32, shape (n_frames, ...)
        Zeros stay zeros. The first and the last frame count as their own neighbours.
    """
    padded = np.concatenate([values[:1], values, values[-1:]])
    there = (padded != 0).astype(np.float32)
    counts = there[:-2] + there[1:-1] + there[2:]
    mean = (padded[:-2] + padded[1:-1] + padded[2:]) / np.maximum(counts, 1)
    kept: NDArray[np.float32] = mean * there[1:-1]
    return kept


def moments(values: NDArray[np.float32], *, nonzero: bool) -> NDArray[np.float64]:
    """Arithmetic mean and normalised standard deviation of each column.

    Parameters
    ----------
    values : ndarray of float32, shape (n_frames, n_columns)
        Descriptors.
    nonzero : bool
        Leave out zeros.

    Returns
    -------
    ndarray of float64, shape (n_columns, 2)
        ``amean``, and ``stddevNorm``: the standard deviation (divisor *n*) over the mean, with the sign of the mean.
        Zeros where there is nothing to average; ``stddevNorm`` is 0 as well where the mean is.
    """
    found: NDArray[np.float64] = _kernels()[2](values, nonzero)
    return found


def percentiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """20th, 50th and 80th percentile and the range from the 20th to the 80th.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        One or more values.

    Returns
    -------
    ndarray of float64, shape (4,)
        Interpolated linearly between the order statistics.
    """
    ordered = np.sort(values)
    last = len(ordered) - 1
    low, middle, high = (_between(ordered, part * last) for part in (0.2, 0.5, 0.8))
    return np.array([low, middle, high, high - low])


def _between(ordered: NDArray[np.float32], at: float) -> float:
    below = int(at)
    value, following = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return value + (at - below) * (following - value)


def contour_statistics(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The ten functionals of pitch and of loudness.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        A contour, without the frames that do not count.

    Returns
    -------
    ndarray of float64, shape (10,)
        Mean, normalised standard deviation, three percentiles and their range, then mean and standard deviation of
        the rising and of the falling slopes, per second. Zeros for an empty contour.
    """
    if not len(values):
        return np.zeros(10)
    slopes = _kernels()[1](values.astype(np.float64), extrema(values), HOP_S)
    return np.concatenate([moments(values[:, None], nonzero=False)[0], percentiles(values), slopes])


def extrema(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Peaks and valleys of a contour that matter, in turn.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        A contour.

    Returns
    -------
    ndarray of int64, shape (n_extrema, 2)
        Frame, and 1 for a peak or -1 for a valley.

    Notes
    -----
    Candidates are strict local extrema, two frames or more from either end. One is taken if it is further than a
    tenth of the range of the contour from the last one of the other kind; a higher peak (deeper valley) that follows
    without a valley (peak) that was taken between them replaces the last one. What counts as the last one before
    anything was taken was found by comparison with openSMILE on contours made for it: 98 % of random contours give
    the same extrema.
    """
    found: NDArray[np.int64] = _kernels()[0](values.astype(np.float64), PEAK_THRESHOLD, REPLACING_PEAK)
    return found


@functools.lru_cache(maxsize=1)
def _kernels() -> tuple[Callable[..., Any], ...]:
    from ser_toolkit_gemaps.contours import column_moments, find_extrema, slope_statistics

    return find_extrema, slope_statistics, column_moments

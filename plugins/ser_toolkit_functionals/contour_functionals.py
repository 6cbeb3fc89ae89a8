"""Functionals of contours: where they lie, how they are spread, where they go, how they move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAMES", "functionals"]

PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
UP_LEVELS = (0.25, 0.5, 0.75, 0.9)
LAGS = (2, 5, 10, 20)
SMOOTHED = 5
"""Frames of the moving average under which peaks are looked for."""

SHORTEST = 4
"""Frames that a contour is repeated to if it has fewer."""

NAMES = (
    "mean", "sd", "skewness", "kurtosis", *(f"p{q}" for q in PERCENTILES), "p50-p25", "p75-p50", "p75-p25", "p99-p1",
    "slope", "slope error, absolute", "slope error, rms", "curvature", "curvature error, rms", "change, absolute",
    "change, sd", "rise, mean", "fall, mean", "rising share", *(f"share above {q:g} of range" for q in UP_LEVELS),
    "left-curved share", "mean crossings", "peaks", "peak height", *(f"autocorrelation {lag}" for lag in LAGS),
)  # fmt: skip
"""Names of the functionals, in order."""

_TINY = 1e-9


def functionals(contours: NDArray[np.floating]) -> NDArray[np.float64]:
    """Functionals of each column.

    Parameters
    ----------
    contours : ndarray of float, shape (n_frames, n_contours)
        Values over time; no frame at all counts as zeros.

    Returns
    -------
    ndarray of float64, shape (37, n_contours)
        In the order of `NAMES`. Time runs from -1 to 1 in slope and curvature; changes are from frame to frame; peaks
        are per frame, their height above the mean; of a constant contour all is 0 but its mean, its percentiles, and
        shares.
    """
    x = np.asarray(contours, dtype=np.float64)
    if len(x) < SHORTEST:
        x = np.resize(x, (SHORTEST, x.shape[1])) if len(x) else np.zeros((SHORTEST, x.shape[1]))
    mean = x.mean(axis=0)
    sd = x.std(axis=0)
    z = (x - mean) / (sd + _TINY)
    z_2 = z * z
    percentiles = np.percentile(x, PERCENTILES, axis=0)
    p1, _, p25, p50, p75, _, p99 = percentiles
    return np.stack(
        [
            mean,
            sd,
            (z_2 * z).mean(axis=0),
            (z_2 * z_2).mean(axis=0),
            *percentiles,
            p50 - p25,
            p75 - p50,
            p75 - p25,
            p99 - p1,
            *_trend(x - mean),
            *_movement(x),
            *((x > p1 + part * (p99 - p1 + _TINY)).mean(axis=0) for part in UP_LEVELS),
            (np.diff(x, n=2, axis=0) > 0).mean(axis=0),
            (np.diff(np.sign(z), axis=0) != 0).mean(axis=0),
            *_peaks(x, mean),
            *((z[lag:] * z[:-lag]).mean(axis=0) if lag < len(z) else np.zeros(z.shape[1]) for lag in LAGS),
        ]
    )


def _trend(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Slope, its errors, curvature and its error: a parabola fitted in two steps."""
    time = np.linspace(-1, 1, len(centred))
    bow = time**2 - (time**2).mean()
    slope = time @ centred / (time @ time)
    rest = centred - slope * time[:, None]
    curvature = bow @ rest / (bow @ bow)
    last = rest - curvature * bow[:, None]
    rms = [np.sqrt((values**2).mean(axis=0)) for values in (rest, last)]
    return slope, np.abs(rest).mean(axis=0), rms[0], curvature, rms[1]


def _movement(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Mean absolute change, its deviation, mean rise, mean fall, share of rising frames."""
    change = np.diff(x, axis=0)
    up, down = change > 0, change < 0
    rise = np.where(up, change, 0).sum(axis=0) / np.maximum(up.sum(axis=0), 1)
    fall = np.where(down, change, 0).sum(axis=0) / np.maximum(down.sum(axis=0), 1)
    return np.abs(change).mean(axis=0), change.std(axis=0), rise, fall, up.mean(axis=0)


def _peaks(x: NDArray[np.float64], mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Peaks of the smoothed contour above its mean, per frame, and their mean height."""
    side = SMOOTHED // 2
    sums = np.zeros((len(x) + 2 * side + 1, x.shape[1]))
    sums[side + 1 : side + 1 + len(x)] = x.cumsum(axis=0)
    sums[side + 1 + len(x) :] = sums[side + len(x)]
    smooth = (sums[SMOOTHED:] - sums[:-SMOOTHED]) / SMOOTHED
    inner = smooth[1:-1]
    peak = (inner > smooth[:-2]) & (inner >= smooth[2:]) & (inner > mean)
    n = peak.sum(axis=0)
    return n / len(x), np.where(n > 0, (inner * peak).sum(axis=0) / np.maximum(n, 1) - mean, 0.0)

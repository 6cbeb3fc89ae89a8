"""Temporal descriptors: loudness peaks, voiced and unvoiced segments (Eyben et al. 2016, section 3.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import HOP_S
from ser_toolkit_gemaps.functionals import extrema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["peaks_per_second", "segment_lengths", "temporal_statistics"]

SHORTEST_SEGMENT = 3
"""Frames in the shortest segment that counts."""


def temporal_statistics(loudness: NDArray[np.float32], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The six temporal functionals.

    Parameters
    ----------
    loudness : ndarray of float32, shape (n_short,)
        Smoothed loudness of the 20 ms frames.
    voiced : ndarray of bool, shape (n_long,)
        Whether each 60 ms frame is voiced.

    Returns
    -------
    ndarray of float64, shape (6,)
        Loudness peaks per second, voiced segments per second, mean and standard deviation of the lengths of voiced
        segments in seconds, the same of unvoiced ones. Zeros where there is no segment.
    """
    heard, silent = segment_lengths(voiced), segment_lengths(~voiced)
    rate = len(heard) / (len(voiced) * HOP_S) if len(voiced) else 0.0
    return np.array([peaks_per_second(loudness), rate, *_mean_std(heard), *_mean_std(silent)])


def peaks_per_second(loudness: NDArray[np.float32]) -> float:
    """Number of peaks of a contour, see `ser_toolkit_gemaps.functionals.extrema`, over its length in seconds."""
    return float((extrema(loudness)[:, 1] == 1).sum() / (len(loudness) * HOP_S))


def segment_lengths(members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lengths of the runs of frames that belong to a segment.

    Parameters
    ----------
    members : ndarray of bool, shape (n_frames,)
        Which frames belong.

    Returns
    -------
    ndarray of float64, shape (n_segments,)
        In seconds, from the first to the last frame of a run. A gap of one frame does not end a run; runs of fewer
        than three frames do not count.
    """
    from ser_toolkit_gemaps.contours import run_lengths

    runs: NDArray[np.int64] = run_lengths(members, SHORTEST_SEGMENT)
    return np.asarray((runs - 1) * HOP_S)


def _mean_std(lengths: NDArray[np.float64]) -> tuple[float, float]:
    if not len(lengths):
        return 0.0, 0.0
    values = lengths.tolist()  # few: plain numbers are faster than NumPy
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))

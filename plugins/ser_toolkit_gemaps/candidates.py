"""Highest peaks of the subharmonic sums, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pick"]


@njit(cache=True, nogil=True)
def pick(
    sums: NDArray[np.float32],
    first_hz: float,
    octaves_per_point: float,
    lowest_hz: float,
    highest_hz: float,
    n_candidates: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Peaks of each frame as pitch candidates, see `ser_toolkit_gemaps.pitch.candidates`.

    Parameters
    ----------
    sums : ndarray of float32, shape (n_frames, n_points)
        Subharmonic sums on an octave axis.
    first_hz, octaves_per_point : float
        The octave axis.
    lowest_hz, highest_hz : float
        Range of the candidates.
    n_candidates : int
        Highest peaks that are looked at.

    Returns
    -------
    frequency, voicing, score : ndarray of float64, shape (n_frames, n_candidates)
        The highest of the interpolated peaks first, the others in order of the uninterpolated ones.
    count : ndarray of int64, shape (n_frames,)
    """
    n_frames = len(sums)
    frequency = np.zeros((n_frames, n_candidates))
    voicing = np.zeros((n_frames, n_candidates))
    score = np.zeros((n_frames, n_candidates))
    count = np.zeros(n_frames, dtype=np.int64)
    highest = np.empty(n_candidates, dtype=np.int64)
    for t in range(n_frames):
        s = sums[t]
        before, here, after = s[:-2], s[1:-1], s[2:]
        found, lowest = 0, np.float32(-np.inf)
        for k in range(len(here)):
            if not (here[k] > lowest and here[k] > before[k] and here[k] > after[k]):
                continue
            i = k + 1
            j = min(found, n_candidates - 1)
            while j > 0 and s[highest[j - 1]] < s[i]:
                highest[j] = highest[j - 1]
                j -= 1
            highest[j] = i
            found = min(found + 1, n_candidates)
            if found == n_candidates:
                lowest = s[highest[found - 1]]
        mean = _mean(s)
        for j in range(found):
            i = highest[j]
            left, middle, right = float(s[i - 1]), float(s[i]), float(s[i + 1])
            shift = 0.5 * (left - right) / (left - 2.0 * middle + right)
            hz = first_hz * 2.0 ** (octaves_per_point * (i + shift))
            if lowest_hz <= hz <= highest_hz:
                c = count[t]
                frequency[t, c] = hz
                score[t, c] = middle - 0.25 * (left - right) * shift
                voicing[t, c] = max(0.0, 1.0 - mean / score[t, c]) if score[t, c] > 0.0 else 0.0
                count[t] += 1
        best = np.argmax(score[t, : count[t]]) if count[t] > 0 else 0
        for values in (frequency[t], voicing[t], score[t]):
            values[0], values[best] = values[best], values[0]
    return frequency, voicing, score, count


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _mean(values: NDArray[np.float32]) -> float:
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total / len(values)

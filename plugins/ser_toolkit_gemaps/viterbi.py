"""The smoothest credible path through the pitch candidates of a recording, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["best_path"]

LAG = 40
"""Frames that a decision waits: it knows 0.4 s of what follows."""

VOICING_CUTOFF = 0.7
"""Frames whose best candidate has at least this voicing probability are taken for voiced until the path says no."""

LOCAL, THRESHOLD, RANGE, JUMP, CURVE, CHANGE = 2.0, 4.0, 1.0, 10.0, 5.0, 10.0
"""Weights of the costs, see `best_path`."""

STAY_UNVOICED = 1.0
"""Cost of staying unvoiced; measured (the weight that the configuration states has no effect)."""


@njit(cache=True, nogil=True)
def best_path(
    frequency: NDArray[np.float64], voicing: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Candidate of each frame on the path of least cost.

    Parameters
    ----------
    frequency, voicing : ndarray of float64, shape (n_frames, n_candidates)
        Hz and probability of voicing, the best candidate first.
    count : ndarray of int64, shape (n_frames,)
        Number of candidates in each frame.

    Returns
    -------
    ndarray of int64, shape (n_frames,)
        Index of the candidate, or n_candidates where the frame is unvoiced.

    Notes
    -----
    A candidate costs 2 (-ln p + 4 [p < 0.7]) for its voicing probability p and 1 times its distance from the range
    of voices (`_out_of_range`); an unvoiced frame costs 2 * 4 if its best candidate has p >= 0.7. From frame to frame
    a change of voicing costs 10, staying unvoiced 1, staying voiced 10 times the octaves between the two and 5 times
    how much that differs from the step before. Measured on openSMILE: going from a candidate that is not the best of
    its frame to another that is not, the octaves are those between the latter and the next better of its own frame.
    After `LAG` frames a decision is final.
    """
    n_frames, unvoiced = frequency.shape
    total = np.full((n_frames, unvoiced + 1), np.inf)
    origin = np.zeros((n_frames, unvoiced + 1), dtype=np.int64)
    octave = np.log2(np.maximum(frequency, 1e-9))
    path = np.empty(n_frames, dtype=np.int64)
    for t in range(n_frames):
        for s in range(unvoiced + 1):
            if s == unvoiced:
                voiced = count[t] > 0 and voicing[t, 0] >= VOICING_CUTOFF
                local = LOCAL * THRESHOLD if voiced else 0.0
            elif s < count[t]:
                p = voicing[t, s]
                local = -LOCAL * np.log(max(p, 1e-20)) + RANGE * _out_of_range(frequency[t, s])
                if p < VOICING_CUTOFF:
                    local += LOCAL * THRESHOLD
            else:
                continue
            if t == 0:
                total[t, s] = local
                continue
            best = np.inf
            for p_ in range(unvoiced + 1):
                cost = total[t - 1, p_]
                if cost == np.inf:
                    continue
                if s == unvoiced and p_ == unvoiced:
                    cost += STAY_UNVOICED
                elif s == unvoiced or p_ == unvoiced:
                    cost += CHANGE
                else:
                    left = octave[t, s - 1] if s > 0 and p_ > 0 else octave[t - 1, p_]
                    step = octave[t, s] - left
                    cost += JUMP * abs(step)
                    before = origin[t - 1, p_]
                    if t > 1 and before < unvoiced:
                        cost += CURVE * abs(step - left + octave[t - 2, before])
                if cost < best:
                    best = cost
                    origin[t, s] = p_
            total[t, s] = best + local
        if t >= LAG:
            path[t - LAG] = _trace(total[t], origin, t, LAG)
    last = np.argmin(total[n_frames - 1])
    for t in range(n_frames - 1, max(n_frames - 1 - LAG, -1), -1):
        path[t] = last
        last = origin[t, last]
    return path


@njit(cache=True, nogil=True)
def _trace(total: NDArray[np.float64], origin: NDArray[np.int64], t: int, steps: int) -> int:
    state = np.argmin(total)
    for i in range(steps):
        state = origin[t - i, state]
    return int(state)


@njit(cache=True, nogil=True)
def _out_of_range(frequency: float) -> float:
    """0 from 100 to 350 Hz, rising linearly to 0.45 at 55 Hz and 1 at 600 Hz, 1.2 above; measured."""
    if frequency < 100.0:
        return (100.0 - frequency) / 100.0
    if frequency > 600.0:
        return 1.2
    return max(0.0, (frequency - 350.0) / 250.0)

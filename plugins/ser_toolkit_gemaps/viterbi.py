"""The smoothest credible path through the pitch candidates of a recording, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["best_path"]

LAG = 39
"""Frames that a decision waits: it knows 0.39 s of what follows."""

VOICING_CUTOFF = 0.7
"""Frames whose best candidate has at least this voicing probability are taken for voiced until the path says no."""

LOCAL, THRESHOLD, RANGE, JUMP, CURVE, CHANGE = 2.0, 4.0, 1.0, 10.0, 10.0, 10.0
"""Weights of the costs, see `best_path`."""

STAY_UNVOICED = 1.0
"""Cost of staying unvoiced; measured (the weight that the configuration states has no effect)."""

FIRST_STEP = 1.0
"""What the very first step of a recording is compared with, in e-folds; measured."""


@njit(cache=True, nogil=True)
def best_path(
    frequency: NDArray[np.float64], voicing: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Candidate of each frame on the path of least cost.

    Parameters
    ----------
    frequency, voicing : ndarray of float64, shape (n_frames, n_candidates)
        Hz and probability of voicing, the best candidate first.
    count : ndarray of int64, shape (n_frames,)
        Number of candidates in each frame.

    Returns
    -------
    path : ndarray of int64, shape (n_frames,)
        Index of the candidate, or n_candidates where the frame is unvoiced.
    settled : ndarray of int64, shape (n_frames,)
        Number of frames, from the first one on, in which all paths that end in this frame are one.

    Notes
    -----
    A candidate costs 2 (-ln p + 4 [p < 0.7]) for its voicing probability p and 1 times its distance from the range
    of voices (`_out_of_range`); an unvoiced frame costs 2 * 4 if its best candidate has p >= 0.7. From frame to frame
    a change of voicing costs 10, staying unvoiced 1. Going from candidate i, of frequency f_i, to one of frequency g
    in the next frame is a step of d_i = ln(g / f_i) and costs 10 |d_i| + 10 |d_i - d_(i-1)|.

    d_(i-1) is the step from the candidate of the frame before that is next better than i, 0 for the best one. (One
    would expect the step before, of the same path; openSMILE compares with the step that it has looked at last.)
    Only the first step from the first frame to the best candidate of the second is compared with 1. All of this is
    measured: openSMILE's smoother was given made candidates and one weight at a time, and its paths through random
    candidates and through those of recordings are the same as these.

    After `LAG` frames a decision is final.
    """
    n_frames, unvoiced = frequency.shape
    total = np.full((n_frames, unvoiced + 1), np.inf)
    origin = np.full((n_frames, unvoiced + 1), unvoiced, dtype=np.int64)
    path, settled = np.empty(n_frames, dtype=np.int64), np.empty(n_frames, dtype=np.int64)
    here, left, curve = np.zeros(unvoiced), np.zeros(unvoiced), np.zeros(unvoiced)
    for t in range(n_frames):
        here, left = left, here
        for s in range(count[t]):
            here[s] = np.log(frequency[t, s])
            weak = LOCAL * THRESHOLD if voicing[t, s] < VOICING_CUTOFF else 0.0
            credible = -LOCAL * np.log(max(voicing[t, s], 1e-20))
            total[t, s] = credible + weak + RANGE * _out_of_range(frequency[t, s])
        clear = count[t] > 0 and voicing[t, 0] >= VOICING_CUTOFF
        total[t, unvoiced] = LOCAL * THRESHOLD if clear else 0.0
        if t > 0:
            before, n_before = total[t - 1], count[t - 1]
            for i in range(1, n_before):
                curve[i] = before[i] + CURVE * abs(left[i] - left[i - 1])
            for s in range(count[t]):
                best, least = unvoiced, before[unvoiced] + CHANGE
                for i in range(n_before - 1, -1, -1):
                    step = here[s] - left[i]
                    cost = JUMP * abs(step)
                    if i > 0:
                        cost += curve[i]
                    else:
                        cost += before[0] + CURVE * abs(step - (FIRST_STEP if t == 1 and s == 0 else 0.0))
                    if cost <= least:
                        best, least = i, cost
                origin[t, s] = best
                total[t, s] += least
            best, least = unvoiced, before[unvoiced] + STAY_UNVOICED
            for i in range(n_before - 1, -1, -1):
                if before[i] + CHANGE <= least:
                    best, least = i, before[i] + CHANGE
            origin[t, unvoiced] = best
            total[t, unvoiced] += least
        settled[t] = _settled(origin, t)
        if t >= LAG:
            path[t - LAG] = _trace(total[t], origin, t, LAG)
    if n_frames > 0:
        last = np.argmin(total[n_frames - 1])
        for t in range(n_frames - 1, max(n_frames - 1 - LAG, -1), -1):
            path[t] = last
            last = origin[t, last]
    return path, settled


@njit(cache=True, nogil=True)
def _trace(total: NDArray[np.float64], origin: NDArray[np.int64], t: int, steps: int) -> int:
    state = np.argmin(total)
    for i in range(steps):
        state = origin[t - i, state]
    return int(state)


@njit(cache=True, nogil=True)
def _settled(origin: NDArray[np.int64], t: int) -> int:
    """Frames up to the last one that all states of frame `t` have come through alike, at least those decided by now.

    Candidates that a frame does not have count as coming from unvoiced; measured.
    """
    n_states = origin.shape[1]
    states = (1 << n_states) - 1
    first = max(t - LAG, 0)
    while t > first and states & (states - 1):
        before = 0
        for s in range(n_states):
            if states >> s & 1:
                before |= 1 << origin[t, s]
        states = before
        t -= 1
    return t + 1


@njit(cache=True, nogil=True)
def _out_of_range(frequency: float) -> float:
    """0 from 100 to 350 Hz, rising linearly to 0.45 at 55 Hz and 1 at 600 Hz, 1.2 above; measured."""
    if frequency < 100.0:
        return (100.0 - frequency) / 100.0
    if frequency > 600.0:
        return 1.2
    return max(0.0, (frequency - 350.0) / 250.0)

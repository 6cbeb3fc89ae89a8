"""Windows that share what is computed of a recording: which of them in one pass, and over which audio."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import SlidingFeatureExtractor

__all__ = ["slide", "slide_over"]

_MOST_ROWS = 300
"""Windows of one pass for the sake of one that is off the grid: more cost as much as a pass of its own."""


def slide_over(
    extractor: SlidingFeatureExtractor,
    y: NDArray[np.float32],
    sr: int,
    *,
    starts: NDArray[np.int64],
    n_window: int,
    n_hop: int,
) -> dict[int, NDArray[np.float32]]:
    """Features of windows in as few passes as possible.

    Parameters
    ----------
    extractor : SlidingFeatureExtractor
        The extractor.
    y : ndarray of float32, shape (n_samples,)
        The recording, or a part of it that begins on the grid of hops.
    sr : int
        Sample rate in Hz.
    starts : ndarray of int64, shape (n,)
        First samples of windows that lie inside, rising: multiples of the hop, and perhaps one that is aligned to the
        end.
    n_window, n_hop : int
        Window and hop in samples.

    Returns
    -------
    dict of int to ndarray
        Start to features. Where sliding gives numbers of its own, all windows; else those that share a pass. The
        window that is off the grid begins up to `sliding_grid_s` earlier, if the extractor has one.
    """
    own = extractor.sliding_agreement < 1
    regular, rest = starts[starts % n_hop == 0], starts[starts % n_hop != 0]
    runs = [run for run in np.split(regular, np.flatnonzero(np.diff(regular) != n_hop) + 1) if len(run)]
    found: dict[int, NDArray[np.float32]] = {}
    grid = max(1, round(getattr(extractor, "sliding_grid_s", 0.0) * sr))
    for tail in rest.tolist() if own else ():
        at = tail - tail % grid
        start = int(runs[-1][0]) if runs else at
        step = math.gcd(n_hop, at - start)
        count = 1 + (at - start) // step
        if grid > 1 and runs and count <= _MOST_ROWS:
            rows = slide(extractor, y, sr, n_window=n_window, n_hop=step, start=start, count=count)
            found |= {s: rows[(s - start) // step] for s in runs.pop().tolist()}
            found[tail] = rows[-1]
        else:
            found[tail] = slide(extractor, y, sr, n_window=n_window, n_hop=n_hop, start=at, count=1)[0]
    for run in runs:
        if len(run) > (0 if own else 1):
            rows = slide(extractor, y, sr, n_window=n_window, n_hop=n_hop, start=int(run[0]), count=len(run))
            found |= zip(run.tolist(), rows, strict=True)
    return found


def slide(
    extractor: SlidingFeatureExtractor,
    y: NDArray[np.float32],
    sr: int,
    *,
    n_window: int,
    n_hop: int,
    start: int,
    count: int,
) -> NDArray[np.float32]:
    """Some of the windows of a recording in one pass over no more audio than they need.

    The chunk begins on the grid ``start + k * n_hop`` with at least ``extractor.context_s`` of audio on either
    side where the recording has it, so that the numbers are those of one pass over everything. Less than a hop of
    audio before the grid's first window is not seen.

    Parameters
    ----------
    extractor : SlidingFeatureExtractor
        The extractor.
    y : ndarray of float32, shape (n_samples,)
        The whole recording.
    sr : int
        Sample rate in Hz.
    n_window, n_hop : int
        Window and hop in samples.
    start : int
        First sample of the first window.
    count : int
        Number of windows.

    Returns
    -------
    ndarray of float32, shape (count, *spec.shape)
        One row a window.

    Raises
    ------
    ComponentError
        If the extractor returns fewer windows than the audio holds.
    """
    n_context = math.ceil(extractor.context_s * sr)
    before = min(math.ceil(n_context / n_hop), start // n_hop)
    first = start - before * n_hop
    stop = start + (count - 1) * n_hop + n_window
    rows = extractor.sliding(y[first : min(len(y), stop + n_context)], sr, n_window=n_window, n_hop=n_hop)
    if len(rows) < before + count:
        raise ComponentError(
            f"{extractor.name}.sliding gave {len(rows)} windows where the audio holds {before + count}"
        )
    return rows[before : before + count]

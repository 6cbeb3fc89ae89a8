"""Windows, which may overlap, as intervals that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.window_arrays import as_windows, predicted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.report.results import WindowResult

__all__ = ["Interval", "intervals"]

_TOUCH_S = 1e-3  # windows that are nearer than this touch: their places are rounded to samples


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A stretch of a recording with one emotion.

    Parameters
    ----------
    start_s, end_s : float
        Place in the recording in seconds; `end_s` is after `start_s`.
    label : str
        Emotion, or `ser_toolkit.report.results.UNCERTAIN`.
    confidence : float
        Mean over the stretch of the highest probability, 0 to 1.
    """

    start_s: float
    end_s: float
    label: str
    confidence: float


def intervals(windows: Sequence[WindowResult], *, labels: Sequence[str]) -> tuple[Interval, ...]:
    """Timeline of a recording.

    Parameters
    ----------
    windows : sequence of WindowResult
        Their starts and ends rise; they may overlap.
    labels : sequence of str
        Emotions of the model.

    Returns
    -------
    tuple of Interval
        In order, none overlaps another. The emotion of a window is the likeliest by its smoothed probabilities, or by
        its own if they were not smoothed; `UNCERTAIN` below the least confidence. Where two windows overlap, the
        boundary is midway between their centres. Neighbours of one label are one interval, whose confidence is the
        mean of theirs weighted by duration. Parts without a window, such as silence that was skipped, have no
        interval.
    """
    held = as_windows(windows, labels=labels)
    if not len(held):
        return ()
    begin_s, end_s = _apart(held.starts_s.astype(np.float64), held.ends_s.astype(np.float64))
    there = end_s > begin_s
    begin_s, end_s = begin_s[there], end_s[there]
    probabilities = (held.probabilities if held.smoothed is None else held.smoothed)[there].astype(np.float64)
    confidence = probabilities.max(axis=1)
    code = predicted(probabilities, min_confidence=held.min_confidence)
    new = np.ones(len(code), dtype=np.bool_)
    new[1:] = (code[1:] != code[:-1]) | (begin_s[1:] > end_s[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(code)) - 1
    length_s = end_s - begin_s
    mean = np.add.reduceat(length_s * confidence, first) / np.add.reduceat(length_s, first)
    names = (*held.labels, UNCERTAIN)
    rows = zip(begin_s[first].tolist(), end_s[last].tolist(), code[first].tolist(), mean.tolist(), strict=True)
    return tuple(Interval(start_s=s, end_s=e, label=names[c], confidence=p) for s, e, c, p in rows)


def _apart(starts_s: NDArray[Any], ends_s: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Beginnings and ends without overlap; a window that lies within its neighbours may end up empty."""
    centre_s = (starts_s + ends_s) / 2
    between_s = np.clip((centre_s[1:] + centre_s[:-1]) / 2, starts_s[1:], np.maximum(ends_s[:-1], starts_s[1:]))
    meet = starts_s[1:] < ends_s[:-1] + _TOUCH_S
    begin_s, end_s = starts_s.copy(), ends_s.copy()
    begin_s[1:][meet], end_s[:-1][meet] = between_s[meet], between_s[meet]
    begin_s[1:] = np.maximum(begin_s[1:], np.maximum.accumulate(end_s)[:-1])
    return begin_s, end_s

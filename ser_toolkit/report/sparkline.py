"""Emotions of a recording over time as one line of characters, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.report.results import Windows
from ser_toolkit.report.window_arrays import as_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.report.results import WindowResult

__all__ = ["HEIGHTS", "letters", "n_places", "sparkline"]

HEIGHTS = " ▁▂▃▄▅▆▇█"
"""Blank for a gap, then eight heights."""


def sparkline(
    windows: Sequence[WindowResult], *, n_slices: int, hop_s: float, duration_s: float | None = None
) -> list[tuple[str, str | None]]:
    """Cut a recording into slices of time and say which emotion leads in each.

    Parameters
    ----------
    windows : sequence of WindowResult
        In order; `Windows` is read as arrays.
    n_slices : int
        Most characters. With fewer places for windows (see `n_places`) each place is a slice.
    hop_s : float
        Seconds between the starts of windows, above 0.
    duration_s : float, optional
        Length of the recording in seconds: what follows the last window is a gap; default: the end of that window.

    Returns
    -------
    list of (str, str or None)
        For each slice a character of `HEIGHTS`, by the probability of the leading label, and that label. Windows of
        one slice are averaged; where they were smoothed, the smoothed probabilities count. A slice without windows,
        because silence was skipped, is ``(" ", None)``.
    """
    if not windows or n_slices < 1:
        return []
    arrays = as_windows(windows, labels=tuple(windows[0].probabilities))
    probabilities = arrays.probabilities if arrays.smoothed is None else arrays.smoothed
    places = _places(arrays.starts_s, hop_s)
    n_all = n_places(windows, hop_s=hop_s, duration_s=duration_s)
    n = min(n_slices, n_all)
    slices = places * n // n_all
    counts = np.bincount(slices, minlength=n)
    sums = np.stack([np.bincount(slices, weights=column, minlength=n) for column in probabilities.T], axis=1)
    means = sums / np.maximum(counts, 1)[:, np.newaxis]  # (n, n_labels)
    leading, highest = means.argmax(axis=1), means.max(axis=1)
    heights = np.clip(np.rint(highest * (len(HEIGHTS) - 1)), 1, len(HEIGHTS) - 1).astype(int)
    return [
        (HEIGHTS[height], arrays.labels[label]) if count else (" ", None)
        for height, label, count in zip(heights, leading, counts, strict=True)
    ]


def n_places(windows: Sequence[WindowResult], *, hop_s: float, duration_s: float | None = None) -> int:
    """Number of windows that a recording would have had without gaps.

    Parameters
    ----------
    windows, hop_s, duration_s
        As of `sparkline`.

    Returns
    -------
    int
        At least the number of windows.
    """
    if not windows:
        return 0
    starts_s = windows.starts_s if isinstance(windows, Windows) else np.array([w.start_s for w in windows])
    last = int(_places(starts_s, hop_s)[-1]) + 1
    if duration_s is None:
        return last
    first = windows[0]
    behind = (duration_s - (first.end_s - first.start_s)) / hop_s
    return max(last, 1 + int(np.ceil(behind - 0.01)))  # a hundredth of a hop: rounding of times is no window


def letters(labels: Sequence[str]) -> dict[str, str]:
    """A letter for each label, where there is no colour.

    Parameters
    ----------
    labels : sequence of str
        Any text.

    Returns
    -------
    dict
        Label to one character of ASCII: the first letter of the label that no other label took, in lower case; then
        any that is left, in the order a-z, A-Z, 0-9; then ``"?"``.
    """
    spare = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
    chosen: dict[str, str] = {}
    for label in labels:
        own = [c for c in label.lower() if c.isascii() and c.isalnum()]
        letter = next((c for c in (*own, *spare) if c not in chosen.values()), "?")
        chosen[label] = letter
    return chosen


def _places(starts_s: NDArray[Any], hop_s: float) -> NDArray[np.int64]:
    """Place of each window on the grid of hops, rising: a last one that was moved to the end keeps its own place."""
    order = np.arange(len(starts_s))
    return np.maximum.accumulate(np.rint(starts_s / hop_s).astype(np.int64) - order) + order

"""The files of the HTML report as compact columns, in pieces that a page can hold and a browser can read lazily."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from ser_toolkit.data.files import path_from_display
from ser_toolkit.data.locations import Location, Url
from ser_toolkit.report.html_counting import judged
from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.window_arrays import as_windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.folder_labels import Truth
    from ser_toolkit.report.results import FileResult, WindowResult, Windows

__all__ = ["MOST_POINTS", "Rows", "averaged", "escaped_json", "relative_link"]

MOST_POINTS = 1000
"""Points of a timeline in the page; longer ones are averaged down."""

_LEAST_POINTS = 50
_POINTS_OF_PAGE = 500_000
_FILES = 500
_CHARACTERS = 2_000_000
_PER_MILLE = 1000


class Rows:
    """Turns results into blocks of JSON for the page.

    Parameters
    ----------
    labels : sequence of str
        Emotions of the model.
    labelled : bool
        Whether truths are known.
    dimensions : sequence of str, optional
        Dimensions of the model.

    Notes
    -----
    A block holds consecutive files: an element ``script.rows`` with columns, and after it a ``script.timelines`` which
    is read when one of its files is opened. Probabilities are in thousandths; those of timelines are little-endian
    uint16, times uint32 milliseconds, both in base64. So that any number of long files can be opened in a browser, one
    timeline takes at most a hundredth of the points that are left of half a million, but always 50.
    """

    def __init__(self, labels: Sequence[str], *, labelled: bool, dimensions: Sequence[str] = ()) -> None:
        self._labels, self._dimensions = tuple(labels), tuple(dimensions)
        self._labelled = labelled
        self._columns: dict[str, list[Any]] = {}
        self._timelines: dict[int, Any] = {}
        self._n = self._n_characters = 0
        self._points_left = _POINTS_OF_PAGE

    def add(self, result: FileResult, *, link: str | None, truth: Truth | None) -> str | None:
        """Add a file; gives a finished block of HTML now and then."""
        label_at = {label: i for i, label in enumerate(self._labels)}
        has = result.status == "ok" and bool(result.probabilities)
        predicted = result.predicted
        row: dict[str, Any] = {
            "file": result.file.replace(os.sep, "/"),
            "link": link,
            "status": result.status,
            "reason": result.reason,
            "detail": result.detail,
            "notes": list(result.notes),
            "ms": None if result.duration_s is None else round(result.duration_s * 1000),
            "windows": len(result.windows),
            "predicted": None if predicted is None else label_at.get(predicted, -1 if predicted == UNCERTAIN else None),
            "p": [per_mille(result.probabilities.get(label, 0.0)) for label in self._labels] if has else None,
            "set": None if result.prediction_set is None else [label_at[label] for label in result.prediction_set],
            "entropy": None if result.entropy is None else per_mille(result.entropy),
        }
        if self._dimensions:
            values = result.dimensions
            row["values"] = [float(f"{values[d]:.6g}") for d in self._dimensions] if values else None
        if self._labelled:
            row["truth"] = None if truth is None else truth.emotion
            row["speaker"] = None if truth is None else truth.speaker
            row["right"] = judged(result, truth, self._labels)
        for name, value in row.items():
            self._columns.setdefault(name, []).append(value)
        self._n_characters += len(result.file) + len(link or "") + len(result.detail) + 100
        if len(result.windows) > 1 and self._labels:
            self._add_timeline(result.windows)
        self._n += 1
        full = len(self._columns["file"]) >= _FILES or self._n_characters >= _CHARACTERS
        return self.flush() if full else None

    def _add_timeline(self, windows: Sequence[WindowResult]) -> None:
        most = max(_LEAST_POINTS, min(MOST_POINTS, self._points_left // 100))
        shown = averaged(as_windows(windows, labels=self._labels), most=most)
        self._points_left = max(0, self._points_left - len(shown))
        timeline: dict[str, Any] = {
            "n": len(windows),
            "s": _encoded(shown.starts_s * 1000, "<u4"),
            "e": _encoded(shown.ends_s * 1000, "<u4"),
            "p": _encoded(shown.probabilities * _PER_MILLE, "<u2"),
        }
        if shown.smoothed is not None:
            timeline["m"] = _encoded(shown.smoothed * _PER_MILLE, "<u2")
        self._timelines[self._n] = timeline
        self._n_characters += sum(len(v) for v in timeline.values() if isinstance(v, str))

    def flush(self) -> str:
        """Give the block that is begun, empty if none is."""
        if not self._columns:
            return ""
        columns, timelines = escaped_json(self._columns), escaped_json(self._timelines)
        self._columns, self._timelines, self._n_characters = {}, {}, 0
        return (
            f'<script type="application/json" class="rows">{columns}</script>\n'
            f'<script type="application/json" class="timelines">{timelines}</script>\n'
        )


def escaped_json(value: Any) -> str:
    """JSON that no text in it can break out of, wherever it stands in a page: pure ASCII, no ``<``, ``>``, ``&``."""
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("'", "\\u0027"))


def per_mille(p: float) -> int:
    """A share in thousandths."""
    return round(p * _PER_MILLE)


def averaged(windows: Windows, *, most: int) -> Windows:
    """Windows averaged down to at most `most`: means over runs that are equally long but for one window.

    Parameters
    ----------
    windows : Windows
        Of one recording.
    most : int
        Windows to keep, at least 1.

    Returns
    -------
    Windows
        Each from the start of the first to the end of the last of its run; `windows` itself if they are few enough.
    """
    if len(windows) <= most:
        return windows
    first = np.linspace(0, len(windows), most, endpoint=False).astype(np.int64)
    n = np.diff(first, append=len(windows))[:, None]

    def means(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.add.reduceat(values.astype(np.float64), first, axis=0) / n)

    return replace(
        windows,
        starts_s=windows.starts_s[first],
        ends_s=windows.ends_s[np.append(first[1:], len(windows)) - 1],
        probabilities=means(windows.probabilities),
        smoothed=None if windows.smoothed is None else means(windows.smoothed),
    )


def _encoded(values: NDArray[Any], dtype: str) -> str:
    limits = np.iinfo(dtype)
    whole = np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
    return base64.b64encode(whole.tobytes()).decode("ascii")


def relative_link(file: str, folder: Location) -> str | None:
    """Address of an audio file as seen from the folder of a page.

    Parameters
    ----------
    file : str
        From `ser_toolkit.data.files.display_path`.
    folder : Path or Url
        Where the page lies.

    Returns
    -------
    str or None
        Percent-encoded bytes of the relative path, which work for names that are not UTF-8 too; an absolute ``file:``
        address where no relative path exists (another drive). None if one of them is on another machine.
    """
    path = path_from_display(file)
    if isinstance(path, Url) or isinstance(folder, Url):
        return None
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:
        return path.absolute().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")))

"""Rows of tables: columns for CSV and Parquet, objects for JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ser_toolkit.report.results import UNCERTAIN, Windows
from ser_toolkit.report.window_arrays import as_windows, predicted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.report.results import FileResult

__all__ = ["Level", "columns", "file_object", "rows", "window_objects"]

Level = Literal["file", "window"]

_CHUNK = 4_096  # windows whose columns are in memory at a time


def columns(labels: Sequence[str], *, level: Level = "file", dimensions: Sequence[str] = ()) -> list[str]:
    """Columns of CSV and Parquet: audformat's segment index, a probability per label, values, what became of the file.

    A label that is called like another column is followed by ``(emotion)``, such a dimension by ``(dimension)``. At
    level ``"window"`` there is ``smoothed`` at the end.

    Parameters
    ----------
    labels : sequence of str
        Emotions of the model.
    level : {"file", "window"}, optional
        What a row is.
    dimensions : sequence of str, optional
        Dimensions of the model.

    Returns
    -------
    list of str
        No name occurs twice.
    """
    before, after = ["file", "start", "end"], ["predicted", "confidence", "status", "reason", "notes"]
    after += ["prediction_set", "entropy", "uncertain", "smoothed"]
    taken = {*before, *after, *labels}
    named: list[str] = []
    for label in labels:
        name = label
        while name in (*before, *after) or (name != label and name in taken):
            name = f"{name} (emotion)"
        taken.add(name)
        named.append(name)
    for name in dimensions:
        while name in taken:
            name = f"{name} (dimension)"
        taken.add(name)
        named.append(name)
    return [*before, *named, *(after if level == "window" else after[:-1])]


def rows(
    result: FileResult, labels: Sequence[str], level: Level, dimensions: Sequence[str] = ()
) -> Iterator[list[Any]]:
    """Rows of a file.

    Parameters
    ----------
    result : FileResult
        Its windows are taken as arrays, some at a time.
    labels : sequence of str
        Emotions of the model.
    level : {"file", "window"}
        A row for the file; or one per window, and one for a file without windows.
    dimensions : sequence of str, optional
        Dimensions of the model.

    Yields
    ------
    list
        Values of `columns`. A file without windows is one segment from 0 to its end, whose time may be unknown.
    """
    about = [result.status, result.reason, "; ".join(result.notes)]
    if level == "window" and len(result.windows):
        yield from _window_rows(result, labels, about, dimensions)
        return
    numbers = [result.probabilities.get(label) for label in labels]
    numbers += [result.dimensions.get(name) for name in dimensions]
    row = [result.file, 0.0, result.duration_s, *numbers, result.predicted, result.confidence, *about]
    row += [_joined(result.prediction_set), result.entropy, result.uncertain]
    yield [*row, None] if level == "window" else row


def _window_rows(
    result: FileResult, labels: Sequence[str], about: Sequence[str], dimensions: Sequence[str]
) -> Iterator[list[Any]]:
    held = as_windows(result.windows, labels=labels, dimensions=dimensions)
    for first in range(0, len(held), _CHUNK):
        part = slice(first, first + _CHUNK)
        p = held.probabilities[part].astype(np.float64)
        numbers = p.tolist()
        if held.values is not None:
            numbers = np.concatenate([p, held.values[part]], axis=1, dtype=np.float64).tolist()
        if not labels:
            times = (held.starts_s[part].tolist(), held.ends_s[part].tolist())
            for start_s, end_s, row in zip(*times, numbers, strict=True):
                yield [result.file, start_s, end_s, *row, None, None, *about, None, None, None, None]
            continue
        sets = _sets(result, p, labels, part)
        single = [
            _names(p, labels, held.min_confidence),
            p.max(axis=1).tolist(),
            [_joined(s) for s in sets],
            _entropy(p),
            [None if s is None else len(s) > 1 for s in sets],
            [None] * len(p)
            if held.smoothed is None
            else _names(held.smoothed[part].astype(np.float64), labels, held.min_confidence),
        ]
        times = (held.starts_s[part].tolist(), held.ends_s[part].tolist())
        for start_s, end_s, row, label, confidence, *tail in zip(*times, numbers, *single, strict=True):
            yield [result.file, start_s, end_s, *row, label, confidence, *about, *tail]


def _names(p: NDArray[np.float64], labels: Sequence[str], min_confidence: float) -> list[str]:
    names = (*labels, UNCERTAIN)
    return [names[code] for code in predicted(p, min_confidence=min_confidence).tolist()]


def _sets(
    result: FileResult, p: NDArray[np.float64], labels: Sequence[str], part: slice
) -> Sequence[tuple[str, ...] | None]:
    if not isinstance(result.windows, Windows):
        return [window.prediction_set for window in result.windows[part]]
    conformal = result.windows.conformal
    if conformal is None:
        return [None] * len(p)
    return [conformal.prediction_set(dict(zip(labels, row, strict=True))) for row in p.tolist()]


def _entropy(p: NDArray[np.float64]) -> list[float]:
    """As `normalized_entropy`, of each row."""
    if p.shape[1] < 2:
        return [0.0] * len(p)
    nats = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
    shares: list[float] = np.clip(nats / np.log(p.shape[1]), 0.0, 1.0).tolist()
    return shares


def _joined(labels: Sequence[str] | None) -> str | None:
    return None if labels is None else "; ".join(labels)


def file_object(result: FileResult) -> Iterator[str]:
    """A file as a line of JSON, in pieces.

    Parameters
    ----------
    result : FileResult
        Any.

    Yields
    ------
    str
        Together `FileResult.to_json` as one line; no piece holds more than one window.
    """
    head = replace(result, windows=()).to_json() | {"n_windows": len(result.windows)}
    yield json.dumps(head, allow_nan=False).removesuffix("]}")
    for i, window in enumerate(result.windows):
        yield (", " if i else "") + json.dumps(window.to_json(), allow_nan=False)
    yield "]}\n"


def window_objects(result: FileResult) -> Iterator[str]:
    """Windows of a file as lines of JSON.

    Parameters
    ----------
    result : FileResult
        Any.

    Yields
    ------
    str
        A line with what is said of the file and of a window; for a file without windows one with nulls.
    """
    about = {
        "file": result.file,
        "status": result.status,
        "reason": result.reason,
        "detail": result.detail,
        "notes": list(result.notes),
        "duration_s": result.duration_s,
    }
    for window in result.windows:
        said = window.to_json() | {"confidence": window.confidence, "uncertain": window.uncertain}
        yield json.dumps(about | said, allow_nan=False) + "\n"
    if not len(result.windows):
        said = {key: getattr(result, key) for key in ("predicted", "confidence", "probabilities", "entropy")}
        said |= {"dimensions": result.dimensions} if result.dimensions else {}
        said |= {"prediction_set": None, "uncertain": None, "smoothed": None}
        yield json.dumps(about | {"start_s": 0.0, "end_s": result.duration_s} | said, allow_nan=False) + "\n"

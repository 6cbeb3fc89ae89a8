"""Results as JSON lines, CSV and Parquet; one row per file, written as they come."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from ser_toolkit.data import atomic
from ser_toolkit.data.spreadsheet import safe_cell
from ser_toolkit.errors import OutputError

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = ["FORMATS", "Writer", "columns", "open_writer"]

FORMATS = ("jsonl", "csv", "parquet")
"""Formats that `open_writer` writes."""


class Writer(Protocol):
    """Takes results one by one."""

    def write(self, result: FileResult) -> None:
        """Write one row."""


@contextlib.contextmanager
def open_writer(kind: str, path: Path | None, labels: Sequence[str]) -> Iterator[Writer]:
    """Open a table; a file appears under its name when the block ends, also if Ctrl-C ends it.

    Parameters
    ----------
    kind : {"jsonl", "csv", "parquet"}
        Format; ``jsonl`` holds everything, windows too, the others the columns of `columns`.
    path : Path or None
        Where to; None writes to standard output (not for parquet).
    labels : sequence of str
        Emotions of the model.

    Yields
    ------
    Writer
        Takes results.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if path is None:
        if sys.stdout is None:
            raise OutputError("standard output is closed; write to a file with --output")
        yield _WRITERS[kind](sys.stdout, labels)
        return
    interrupted: KeyboardInterrupt | None = None
    with atomic.replacing(path) as temporary:
        if kind == "parquet":
            parquet = _Parquet(labels)
            try:
                yield parquet
            except KeyboardInterrupt as error:
                interrupted = error
            parquet.save(temporary)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                try:
                    yield _WRITERS[kind](file, labels)
                except KeyboardInterrupt as error:
                    interrupted = error
    if interrupted is not None:
        raise interrupted


def columns(labels: Sequence[str]) -> list[str]:
    """Columns of CSV and Parquet: audformat's segment index, a probability per label, what became of the file, sets.

    A label that is called like another column is followed by ``(emotion)``.
    """
    before, after = ["file", "start", "end"], ["predicted", "confidence", "status", "reason", "notes"]
    after += ["prediction_set", "entropy", "uncertain"]
    named = [f"{label} (emotion)" if label in (*before, *after) else label for label in labels]
    return [*before, *named, *after]


def _row(result: FileResult, labels: Sequence[str]) -> list[Any]:
    probabilities = [result.probabilities.get(label) for label in labels]
    tail = [result.predicted, result.confidence, result.status, result.reason, "; ".join(result.notes)]
    members = None if result.prediction_set is None else "; ".join(result.prediction_set)
    return [result.file, 0.0, result.duration_s, *probabilities, *tail, members, result.entropy, result.uncertain]


def _cell(value: str | float | bool | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return safe_cell(value)
        case _:
            return f"{value:.6g}"


class _JsonLines:
    def __init__(self, file: TextIO, labels: Sequence[str]) -> None:
        self._file = file

    def write(self, result: FileResult) -> None:
        self._file.write(json.dumps(result.to_json(), allow_nan=False) + "\n")
        self._file.flush()


class _Csv:
    def __init__(self, file: TextIO, labels: Sequence[str]) -> None:
        self._file, self._labels = file, labels
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([safe_cell(name) for name in columns(labels)])

    def write(self, result: FileResult) -> None:
        self._writer.writerow([_cell(value) for value in _row(result, self._labels)])
        self._file.flush()


_WRITERS: dict[str, Any] = {"jsonl": _JsonLines, "csv": _Csv}


class _Parquet:
    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._rows: list[list[Any]] = []

    def write(self, result: FileResult) -> None:
        self._rows.append(_row(result, self._labels))

    def save(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        text, number = pyarrow.string(), pyarrow.float64()
        types = [text, number, number, *[number] * len(self._labels), text, number, text, text, text]
        types += [text, number, pyarrow.bool_()]
        names = columns(self._labels)
        schema = pyarrow.schema([pyarrow.field(n, t) for n, t in zip(names, types, strict=True)])
        arrays = [pyarrow.array([row[i] for row in self._rows], type=schema.field(i).type) for i in range(len(names))]
        pyarrow.parquet.write_table(pyarrow.table(arrays, schema=schema), path)

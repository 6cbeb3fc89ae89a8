"""Results as JSON lines, CSV and Parquet: a row per file, or a row per window."""

from __future__ import annotations

import contextlib
import csv
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

from ser_toolkit.data import atomic
from ser_toolkit.data.spreadsheet import safe_cell
from ser_toolkit.errors import OutputError
from ser_toolkit.report.table_rows import Level, columns, file_object, rows, window_objects

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.report.results import FileResult

__all__ = ["FORMATS", "Kind", "Level", "Writer", "columns", "stream_writer", "write_table"]

Kind = Literal["jsonl", "csv", "parquet"]

FORMATS = ("jsonl", "csv", "parquet")
"""Formats of tables."""

_ROW_GROUP = 16_384


class Writer(Protocol):
    """Takes results one by one."""

    def write(self, result: FileResult) -> None:
        """Write the rows of a file."""


def write_table(
    path: Location | None,
    results: Collection[FileResult],
    labels: Sequence[str],
    *,
    kind: Kind,
    level: Level = "file",
    dimensions: Sequence[str] = (),
) -> None:
    """Write all results as one table.

    Parameters
    ----------
    path : Path, Url or None
        Where to; the file appears as a whole, or not at all. None writes to standard output (not parquet).
    results : collection of FileResult
        Iterated once; memory does not grow with their number, nor with the windows of one.
    labels : sequence of str
        Emotions of the model.
    kind : {"jsonl", "csv", "parquet"}
        ``jsonl`` holds everything, the others the columns of `columns`.
    level : {"file", "window"}, optional
        A row per file; or a row per window, and one for each file without windows, so that none is missing.
    dimensions : sequence of str, optional
        Dimensions of the model.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        if path is None:
            writer = stream_writer(kind, labels, level=level, dimensions=dimensions)
        else:
            temporary = stack.enter_context(atomic.replacing(path))
            writer = stack.enter_context(_opened(kind, temporary, labels, level, dimensions))
        for result in results:
            writer.write(result)


def stream_writer(
    kind: Kind, labels: Sequence[str], *, level: Level = "file", dimensions: Sequence[str] = ()
) -> Writer:
    """A table on standard output, row by row, so that a reader of a pipe has each result at once.

    Parameters
    ----------
    kind : {"jsonl", "csv"}
        As for `write_table`.
    labels : sequence of str
        Emotions of the model.
    level, dimensions
        As for `write_table`.

    Returns
    -------
    Writer
        Takes results. Raises BrokenPipeError when the reader has gone.

    Raises
    ------
    OutputError
        If standard output is closed.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed; write to a file with --output")
    if kind == "parquet":
        raise OutputError("parquet cannot be written to standard output; name a file with --output")
    writer: Writer = _WRITERS[kind](sys.stdout, labels, level, dimensions)
    return writer


@contextlib.contextmanager
def _opened(kind: str, path: Path, labels: Sequence[str], level: Level, dimensions: Sequence[str]) -> Iterator[Writer]:
    if kind == "parquet":
        with _Parquet(path, labels, level, dimensions) as parquet:
            yield parquet
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield _WRITERS[kind](file, labels, level, dimensions)


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


def _seconds(value: float | None) -> str:
    """To the microsecond, also after ten hours."""
    return "" if value is None else f"{round(value, 6):.12g}"


class _JsonLines:
    def __init__(self, file: TextIO, labels: Sequence[str], level: Level, dimensions: Sequence[str]) -> None:
        self._file, self._level = file, level

    def write(self, result: FileResult) -> None:
        for text in window_objects(result) if self._level == "window" else file_object(result):
            self._file.write(text)
        self._file.flush()


class _Csv:
    def __init__(self, file: TextIO, labels: Sequence[str], level: Level, dimensions: Sequence[str]) -> None:
        self._file, self._labels, self._level, self._dimensions = file, labels, level, dimensions
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow([safe_cell(name) for name in columns(labels, level=level, dimensions=dimensions)])

    def write(self, result: FileResult) -> None:
        for file, start_s, end_s, *values in rows(result, self._labels, self._level, self._dimensions):
            cells = (_cell(value) for value in values)
            self._writer.writerow([_cell(file), _seconds(start_s), _seconds(end_s), *cells])
        self._file.flush()


_WRITERS: dict[str, Any] = {"jsonl": _JsonLines, "csv": _Csv}


class _Parquet:
    """Writes row groups, so that no more than one is in memory."""

    def __init__(self, path: Path, labels: Sequence[str], level: Level, dimensions: Sequence[str]) -> None:
        import pyarrow
        import pyarrow.parquet

        text, number = pyarrow.string(), pyarrow.float64()
        types = [text, number, number, *[number] * (len(labels) + len(dimensions)), text, number, text, text, text]
        types += [text, number, pyarrow.bool_(), text]
        # level "file" has one column less
        named = columns(labels, level=level, dimensions=dimensions)
        self._schema = pyarrow.schema(list(zip(named, types, strict=False)))
        self._labels, self._level, self._dimensions = labels, level, dimensions
        self._rows: list[list[Any]] = []
        self._stack = contextlib.ExitStack()
        sink = self._stack.enter_context(path.open("wb"))  # pyarrow takes no name that is not UTF-8
        self._writer = self._stack.enter_context(pyarrow.parquet.ParquetWriter(sink, self._schema))

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            if kind is None:
                self._flush()

    def write(self, result: FileResult) -> None:
        for row in rows(result, self._labels, self._level, self._dimensions):
            self._rows.append(row)
            if len(self._rows) >= _ROW_GROUP:
                self._flush()

    def _flush(self) -> None:
        import pyarrow

        held = zip(*self._rows, strict=True) if self._rows else ([] for _ in self._schema)
        arrays = [pyarrow.array(list(values), type=f.type) for values, f in zip(held, self._schema, strict=True)]
        self._writer.write_table(pyarrow.table(arrays, schema=self._schema))
        self._rows.clear()

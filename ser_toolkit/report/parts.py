"""A table in parts: a folder of files, each with the results of so many recordings."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.errors import OutputError
from ser_toolkit.report.tables import Kind, Level, write_table

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = ["part_path", "remove_parts", "write_parts"]


def part_path(folder: Path, number: int, kind: str) -> Path:
    """Where a part is, counted from 0."""
    return folder / f"part-{number:05d}.{kind}"


def remove_parts(folder: Path, kind: str, *, start: int) -> None:
    """Remove the parts that an earlier run left, from this number on."""
    stale = itertools.takewhile(Path.exists, (part_path(folder, number, kind) for number in itertools.count(start)))
    for path in list(stale):
        path.unlink()


def write_parts(
    folder: Path,
    results: Collection[FileResult],
    labels: Sequence[str],
    *,
    kind: Kind,
    n_files: int,
    level: Level = "file",
    dimensions: Sequence[str] = (),
) -> int:
    """Write results as a folder of tables, which readers of Parquet and JSON lines take as one.

    Parameters
    ----------
    folder : Path
        Made if missing. Each part appears in it as a whole; parts of an earlier run that are not written again are
        removed at the end, and nothing else is touched.
    results : collection of FileResult
        Iterated once.
    labels : sequence of str
        Emotions of the model.
    kind : {"jsonl", "csv", "parquet"}
        Format of each part.
    n_files : int
        Recordings of a part, at least 1; the last may have fewer.
    level, dimensions
        As for `ser_toolkit.report.tables.write_table`.

    Returns
    -------
    int
        Number of parts; at least one, if only with the names of the columns.

    Raises
    ------
    OutputError
        If the folder or a part cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be a folder of tables: {error.strerror or error}") from error
    rest = iter(results)
    n = 0
    while (part := list(itertools.islice(rest, n_files))) or not n:
        write_table(part_path(folder, n, kind), part, labels, kind=kind, level=level, dimensions=dimensions)
        n += 1
    remove_parts(folder, kind, start=n)
    return n

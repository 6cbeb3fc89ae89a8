"""A table in parts: a folder of files, each with the results of so many recordings."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ser_toolkit.data import remote
from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Url
from ser_toolkit.data.remote_listing import files_under
from ser_toolkit.errors import OutputError, RemoteError
from ser_toolkit.report.folders import make_folder
from ser_toolkit.report.tables import Kind, Level, write_table

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.report.results import FileResult

__all__ = ["part_path", "remove_parts", "write_parts"]


def part_path(folder: Location, number: int, kind: str) -> Location:
    """Where a part is, counted from 0."""
    return folder / f"part-{number:05d}.{kind}"


def remove_parts(folder: Location, kind: str, *, start: int) -> None:
    """Remove the parts that an earlier run left, from this number on.

    Raises
    ------
    OutputError
        If one cannot be removed: who reads the folder would take it for a part of this run.
    """
    try:
        there = _parts_in(folder, kind)
        for number in itertools.count(start):
            path = there.get(str(part_path(folder, number, kind)))
            if path is None:
                break
            if isinstance(path, Url):
                remote.remove(path)
            else:
                path.unlink()
    except (RemoteError, OSError) as error:
        raise OutputError(f"{display_path(folder)}: parts of an earlier run cannot be removed: {error}") from error


def _parts_in(folder: Location, kind: str) -> dict[str, Location]:
    if isinstance(folder, Url):
        listing = files_under(folder, {f".{kind}"})
        return {str(url): url for url in listing.files} if listing else {}
    return {str(path): path for path in folder.glob(f"part-*.{kind}")}


def write_parts(
    folder: Location,
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
    folder : Path or Url
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
    make_folder(folder)
    rest = iter(results)
    n = 0
    while (part := list(itertools.islice(rest, n_files))) or not n:
        write_table(part_path(folder, n, kind), part, labels, kind=kind, level=level, dimensions=dimensions)
        n += 1
    remove_parts(folder, kind, start=n)
    return n

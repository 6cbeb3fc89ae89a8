"""The HTML report of `analyze` and its JSON twin: one self-contained page that a browser opens without a network."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ser_toolkit.data import atomic
from ser_toolkit.errors import OutputError
from ser_toolkit.report.html_counting import Counting
from ser_toolkit.report.html_page import page
from ser_toolkit.report.html_rows import Rows, relative_link
from ser_toolkit.report.html_twin import Twin

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.report.html_summary import Summary
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.run_info import RunInfo

__all__ = ["twin_path", "write_report"]

_PIECE = 1 << 20
_SILENT = ("missing", "unreadable", "empty", "undecodable")
"""Reasons of files that no browser can play either."""


def twin_path(path: Location) -> Location:
    """Where the JSON twin of a report goes.

    Parameters
    ----------
    path : Path or Url
        Of the report.

    Returns
    -------
    Path or Url
        The same name with the suffix ``.json``.

    Raises
    ------
    OutputError
        If the report itself has that suffix.
    """
    if path.suffix.lower() == ".json":
        raise OutputError(f"{path}: the report is a page, its data go into a .json file beside it: name it .html")
    return path.with_suffix(".json")


def write_report(
    path: Location,
    results: Collection[FileResult],
    run: RunInfo,
    *,
    labelled: Labelled | None = None,
    links: bool = True,
) -> Location:
    """Write the report as an HTML page, and its data as JSON beside it.

    The results are read once; no more than some hundred of them are in memory at a time.

    Parameters
    ----------
    path : Path or Url
        The page to make or replace: ``report.html``.
    results : collection of FileResult
        In the order of the arguments.
    run : RunInfo
        How they came about.
    labelled : Labelled, optional
        The files' true labels, and scores against them.
    links : bool, optional
        Whether the page plays the files through relative links, where it lies on the same machine as they, and counts
        by folder. False for results whose names are hidden (`ser_toolkit.report.anonymous.Anonymous`).

    Returns
    -------
    Path or Url
        The JSON twin.

    Raises
    ------
    OutputError
        If one of the files cannot be written; neither is then half there.
    """
    twin = twin_path(path)
    with (
        atomic.replacing(path) as page_file,
        atomic.replacing(twin) as twin_file,
        # beside the report: the system's folder for temporary files may be small, and may be memory
        _spool(path) as spool,
    ):
        with twin_file.open("w", encoding="ascii") as file:
            summary = _read(results, run, file, spool, folder=path.parent, labelled=labelled, links=links)
        spool.seek(0)
        with page_file.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.writelines(page(summary, run, _pieces(spool), labelled=labelled, links=links))
    return twin


def _spool(path: Location) -> TextIO:
    folder = path.parent if isinstance(path, Path) else None
    try:
        return tempfile.TemporaryFile("w+", encoding="ascii", prefix=atomic.PREFIX, dir=folder)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _read(
    results: Collection[FileResult],
    run: RunInfo,
    twin_file: TextIO,
    spool: TextIO,
    *,
    folder: Location,
    labelled: Labelled | None,
    links: bool,
) -> Summary:
    """Write the twin and the page's blocks in one pass over the results, and count."""
    counting = Counting(run.labels, folders=links)
    dimensions = tuple(run.dimensions)
    rows = Rows(run.labels, labelled=labelled is not None, dimensions=dimensions)
    twin = Twin(twin_file)
    twin.begin(run)
    for result in results:
        truth = labelled.truths.get(result.file) if labelled else None
        link = relative_link(result.file, folder) if links and result.reason not in _SILENT else None
        counting.add(result, truth)
        twin.add(result, run.labels, link=link, truth=truth, dimensions=dimensions)
        spool.write(rows.add(result, link=link, truth=truth) or "")
    spool.write(rows.flush())
    summary = counting.summary()
    twin.end(summary, labelled)
    return summary


def _pieces(spool: TextIO) -> Iterator[str]:
    while piece := spool.read(_PIECE):
        yield piece

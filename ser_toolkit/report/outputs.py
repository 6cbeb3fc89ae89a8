"""What `analyze` writes when it is done: table, report, label tracks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Location
from ser_toolkit.report.anonymous import Anonymous
from ser_toolkit.report.html_report import write_report
from ser_toolkit.report.parts import write_parts
from ser_toolkit.report.tables import Kind, Level, write_table
from ser_toolkit.report.tracks import write_tracks

if TYPE_CHECKING:
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.run_info import RunInfo

__all__ = ["Outputs", "hidden", "write_outputs"]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files that are wanted.

    Parameters
    ----------
    table : Path, Url or None
        CSV, Parquet or JSON lines.
    files_per_part : int or None
        The table is a folder with a file for so many recordings each; None: one file.
    kind : {"jsonl", "csv", "parquet"}
        Its format.
    level : {"file", "window"}
        Its rows.
    report : Path, Url or None
        HTML page; a JSON file of the same name comes with it.
    textgrid, audacity : Path, Url or None
        Folders of label tracks.
    key : bytes
        Hides names of files, see `Anonymous`; empty: they are shown.
    """

    table: Location | None = None
    files_per_part: int | None = None
    kind: Kind = "csv"
    level: Level = "file"
    report: Location | None = None
    textgrid: Location | None = None
    audacity: Location | None = None
    key: bytes = b""


class _Hidden(Collection["FileResult"]):
    def __init__(self, results: Collection[FileResult], anonymous: Anonymous) -> None:
        self._results, self._anonymous = results, anonymous

    def __iter__(self) -> Iterator[FileResult]:
        return (self._anonymous(result) for result in self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __contains__(self, result: object) -> bool:
        return any(result == mine for mine in self)


def hidden(
    results: Collection[FileResult], labelled: Labelled | None, key: bytes
) -> tuple[Collection[FileResult], Labelled | None]:
    """Results and labels without the names of files; as they are if the key is empty."""
    if not key:
        return results, labelled
    anonymous = Anonymous(key)
    return _Hidden(results, anonymous), anonymous.labelled(labelled) if labelled else None


def write_outputs(
    outputs: Outputs, results: Collection[FileResult], run: RunInfo, *, labelled: Labelled | None = None
) -> list[str]:
    """Write everything that is wanted, each file as a whole.

    Parameters
    ----------
    outputs : Outputs
        What.
    results : collection of FileResult
        With the names that the files have on disk.
    run : RunInfo
        The run.
    labelled : Labelled, optional
        Labels of the files.

    Returns
    -------
    list of str
        What was written, a phrase each: ``"results.csv"``, ``"report.html (and report.json)"``.

    Raises
    ------
    OutputError
        If something cannot be written; the others are there.
    """
    shown, labelled = hidden(results, labelled, outputs.key)
    written = []
    if outputs.table is not None and outputs.files_per_part:
        n = write_parts(
            outputs.table, shown, run.labels, kind=outputs.kind, n_files=outputs.files_per_part, level=outputs.level,
            dimensions=tuple(run.dimensions),
        )  # fmt: skip
        written.append(f"{n} part{'' if n == 1 else 's'} in {display_path(outputs.table)}")
    elif outputs.table is not None:
        write_table(
            outputs.table, shown, run.labels, kind=outputs.kind, level=outputs.level, dimensions=tuple(run.dimensions)
        )
        written.append(display_path(outputs.table))
    if outputs.report is not None:
        twin = write_report(outputs.report, shown, run, labelled=labelled, links=not outputs.key)
        written.append(f"{display_path(outputs.report)} (and {display_path(twin.name)})")
    for folder, kind in ((outputs.textgrid, "textgrid"), (outputs.audacity, "audacity")):
        if folder is not None:
            n = write_tracks(folder, shown, kind="textgrid" if kind == "textgrid" else "audacity", labels=run.labels)
            written.append(f"{n} label tracks in {display_path(folder)}")
    return written

"""The files that `extract` writes: one, or a folder of parts of which a later run keeps those that are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import OutputError
from ser_toolkit.inference.journal import stamp_of
from ser_toolkit.report.parts import part_path
from ser_toolkit.report.results import FileResult

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.inference.extraction_items import Item
    from ser_toolkit.report.feature_layout import FeatureLayout

__all__ = ["Part", "parts_of"]

_KIND = "parquet"


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One file and what is to be in it.

    Parameters
    ----------
    path : Path or Url
        The file.
    items : sequence of Item
        Recordings whose rows it holds.
    layout : FeatureLayout
        Its columns, and what is said of it.
    """

    path: Location
    items: Sequence[Item]
    layout: FeatureLayout

    def is_whole(self) -> bool:
        """Whether the file is there, with these columns, of these recordings as they are now."""
        import pyarrow.parquet

        try:
            with Path(str(self.path)).open("rb") as file:
                said = pyarrow.parquet.read_schema(file).metadata or {}
        except (OSError, pyarrow.ArrowException):
            return False
        return all(said.get(key.encode()) == text.encode() for key, text in self.layout.metadata().items())

    def results(self) -> Iterator[FileResult]:
        """Of recordings that gave nothing when it was written."""
        import pyarrow.parquet

        columns = ["file", "status", "reason", "notes"]
        with Path(str(self.path)).open("rb") as file:
            table = pyarrow.parquet.read_table(file, columns=columns, filters=[("status", "!=", "ok")])
        for name, status, reason, notes in zip(*(table[column].to_pylist() for column in columns), strict=True):
            kept = tuple(filter(None, notes.split("; ")))
            yield FileResult(file=name, status=status, reason=reason, notes=kept)

    def n_rows(self) -> int:
        """Rows of the file, also those of recordings that gave nothing."""
        import pyarrow.parquet

        with Path(str(self.path)).open("rb") as file:
            n: int = pyarrow.parquet.read_metadata(file).num_rows
        return n


def parts_of(folder: Path, items: Sequence[Item], layout: FeatureLayout, *, n_files: int) -> list[Part]:
    """Cut a run into parts.

    Parameters
    ----------
    folder : Path
        Made if missing.
    items : sequence of Item
        All recordings, in order.
    layout : FeatureLayout
        Columns of all parts.
    n_files : int
        Recordings of a part, at least 1; the last may have fewer.

    Returns
    -------
    list of Part
        At least one. What is said of each tells which part it is, and of which recordings.

    Raises
    ------
    OutputError
        If there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be a folder of tables: {error.strerror or error}") from error
    parts = []
    for number, start in enumerate(range(0, max(1, len(items)), n_files)):
        mine = items[start : start + n_files]
        said = {**layout.about, "part": {"number": number, "files": len(mine), "recordings": _digest(mine)}}
        parts.append(Part(path=part_path(folder, number, _KIND), items=mine, layout=replace(layout, about=said)))
    return parts


def _digest(items: Sequence[Item]) -> str:
    """Of the names of recordings, their sizes and times of change, and what a manifest says of them."""
    digest = hashlib.blake2b(digest_size=16)
    for item in items:
        said: list[Any] = [item.name, stamp_of(item.found.path), item.found.start_s, item.found.end_s, item.labels()]
        digest.update(json.dumps(said).encode() + b"\n")
    return digest.hexdigest()

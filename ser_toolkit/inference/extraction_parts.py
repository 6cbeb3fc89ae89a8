"""The files that `extract` writes: one, or a folder of parts of which a later run keeps those that are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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

__all__ = ["Kept", "Part", "parts_of"]

_KIND = "parquet"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a part of an earlier run holds.

    Parameters
    ----------
    without_features : tuple of FileResult
        Recordings that gave nothing, and why.
    n_windows : int
        Rows with features.
    """

    without_features: tuple[FileResult, ...]
    n_windows: int


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

    def kept(self) -> Kept | None:
        """What is in the file, if it has these columns, of these recordings as they are now; else None."""
        import pyarrow.parquet

        if not isinstance(self.path, Path):
            return None
        try:
            with self.path.open("rb") as file, pyarrow.parquet.ParquetFile(file) as table:
                said = table.schema_arrow.metadata or {}
                if any(said.get(key.encode()) != text.encode() for key, text in self.layout.metadata().items()):
                    return None
                rows = table.read(columns=["file", "status", "reason", "notes"]).to_pylist()
        except (OSError, pyarrow.ArrowException):
            return None
        without = tuple(
            FileResult(
                file=row["file"],
                status=row["status"],
                reason=row["reason"],
                notes=tuple(filter(None, row["notes"].split("; "))),
            )
            for row in rows
            if row["status"] != "ok"
        )
        return Kept(without_features=without, n_windows=len(rows) - len(without))


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

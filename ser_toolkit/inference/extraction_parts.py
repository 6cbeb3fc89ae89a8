"""The files that `extract` writes: one, or a folder of parts of which a later run keeps those that are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from ser_toolkit.data.locations import Url
from ser_toolkit.data.remote import read_in_place
from ser_toolkit.errors import RemoteError
from ser_toolkit.inference.journal import stamp_of
from ser_toolkit.report.folders import make_folder
from ser_toolkit.report.parts import part_path
from ser_toolkit.report.results import FileResult

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.inference.extraction_items import Item
    from ser_toolkit.report.feature_layout import FeatureLayout

__all__ = ["Kept", "Part", "kept_of", "parts_of"]

_KIND = "parquet"
_AT_ONCE = 16


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
        if any(isinstance(path := item.found.path, Url) and path.version is None for item in self.items):
            return None  # it may have changed
        try:
            if isinstance(self.path, Url):
                return read_in_place(self.path, self._kept)
            with self.path.open("rb") as file:
                return self._kept(file)
        except (OSError, RemoteError):
            return None

    def _kept(self, file: IO[bytes]) -> Kept | None:
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(file) as table:
                said = table.schema_arrow.metadata or {}
                if any(said.get(key.encode()) != text.encode() for key, text in self.layout.metadata().items()):
                    return None
                rows = table.read(columns=["file", "status", "reason", "notes"]).to_pylist()
        except pyarrow.ArrowException:
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


def kept_of(parts: Sequence[Part]) -> list[Kept | None]:
    """What is kept of each part; several are looked at a time, which may be far away."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(Part.kept, parts))


def parts_of(folder: Location, items: Sequence[Item], layout: FeatureLayout, *, n_files: int) -> list[Part]:
    """Cut a run into parts.

    Parameters
    ----------
    folder : Path or Url
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
    make_folder(folder)
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

"""Features of files in the order of the files: what comes too early, or piece by piece, waits on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ser_toolkit.data.atomic import PREFIX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.inference.pipeline import Row

__all__ = ["InOrder", "Piece"]

_FACTS = ("index", "status", "reason", "detail", "notes", "duration_s", "n_samples", "silent_parts", "piece")


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """Features of consecutive windows.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_windows,)
        First sample of each; silent windows are not among them.
    features : dict
        Input name to list of float32 arrays, one a window.
    """

    starts: NDArray[np.int64]
    features: dict[str, list[NDArray[np.float32]]]


@dataclass(eq=False)
class _Kept:
    """A piece on disk."""

    at: int
    starts: NDArray[np.int64]
    shapes: dict[str, list[tuple[int, ...]]]


@dataclass(eq=False)
class _File:
    """What is there of one file."""

    pieces: dict[int, Piece | _Kept] = field(default_factory=dict)
    last: Row | None = None

    @property
    def complete(self) -> bool:
        last = self.last
        return last is not None and (bool(last.get("status")) or len(self.pieces) > last["piece"])


class InOrder:
    """Collects rows of the pipeline, which may come in any order; a context manager.

    Parameters
    ----------
    folder : Path
        Where a temporary file has room.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, _File] = {}
        self._next = self._n_kept = 0

    def __enter__(self) -> Self:
        self._disk = tempfile.TemporaryFile(prefix=PREFIX, dir=self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()

    def add(self, row: Row) -> Row | None:
        """Take a row with features, or with a status.

        Parameters
        ----------
        row : dict
            See `ser_toolkit.inference.columns.Batch`.

        Returns
        -------
        dict or None
            What the last row says of its file, without features, if that was all of it.

        Raises
        ------
        OSError
            If the disk is full.
        """
        index = row["index"]
        if index < self._next:  # its process ended after its last row, and it was done once more
            return None
        file = self._files.setdefault(index, _File())
        light = {key: row[key] for key in _FACTS if key in row}
        if row.get("status"):
            self.drop(index)
            self._files[index] = _File(last=light)
            return light
        piece = Piece(starts=row["starts"][row["heard"]], features=row["features"] if row["heard"].any() else {})
        alone = row["piece"] == 0 and row["last"]
        file.pieces[row["piece"]] = piece if alone and index == self._next else self._keep(piece)
        if row["last"]:
            file.last = light
        return file.last if file.complete else None

    def drop(self, index: int) -> None:
        """Forget what there is of a file: it begins again."""
        file = self._files.pop(index, _File())
        self._n_kept -= sum(isinstance(piece, _Kept) for piece in file.pieces.values())

    def ready(self) -> Iterator[tuple[Row, Iterator[Piece]]]:
        """Files whose turn it is: what is said of each, and its pieces in order, to be used before the next file."""
        while (file := self._files.get(self._next)) is not None and file.complete:
            assert file.last is not None
            yield file.last, self._pieces(file)
            self.drop(self._next)
            self._next += 1
        if not self._n_kept:
            self._disk.seek(0)
            self._disk.truncate()

    def _pieces(self, file: _File) -> Iterator[Piece]:
        for _, piece in sorted(file.pieces.items()):
            yield self._read(piece) if isinstance(piece, _Kept) else piece

    def _keep(self, piece: Piece) -> _Kept:
        at = self._disk.seek(0, 2)
        for values in piece.features.values():
            for value in values:
                self._disk.write(np.ascontiguousarray(value, dtype=np.float32).tobytes())
        self._n_kept += 1
        shapes = {key: [value.shape for value in values] for key, values in piece.features.items()}
        return _Kept(at=at, starts=piece.starts, shapes=shapes)

    def _read(self, kept: _Kept) -> Piece:
        self._disk.seek(kept.at)

        def array(shape: tuple[int, ...]) -> NDArray[Any]:
            data = self._disk.read(4 * int(np.prod(shape)))
            return np.frombuffer(data, dtype=np.float32).reshape(shape)

        features = {key: [array(shape) for shape in shapes] for key, shapes in kept.shapes.items()}
        return Piece(starts=kept.starts, features=features)

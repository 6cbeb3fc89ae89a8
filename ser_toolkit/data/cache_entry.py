"""One entry of the feature cache: a file of arrays with a checksum, whole or not there."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import struct
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_toolkit.data.atomic import PREFIX

__all__ = [
    "CacheEntry",
    "find_entries",
    "is_damaged",
    "is_there",
    "leftovers",
    "read_entry",
    "remove_empty_folders",
    "remove_entries",
    "write_entry",
]

MAGIC = b"SERFEAT1"
_HEAD = struct.Struct("<8sII")  # magic, CRC-32 of all that follows but for itself, length of the header
_DTYPES = ("<f4", "<u4", "|u1")
_ALIGN = 16
_MARK_S = 3600.0
_KIND = re.compile(r"(_?[A-Za-z0-9.-]+)-(\d+)")
_SHARD = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{38}\.bin")


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """A file of the cache.

    Parameters
    ----------
    path : Path
        The file: ``<kind>-<version>/<2 digits>/<38 digits>.bin``.
    kind : str
        Name of the extractor; ``"_recordings"`` and ``"_fingerprints"`` are the cache's own.
    version : int
        Version of the extractor.
    n_bytes : int
        Size.
    used_s : float
        When it was last used, in seconds since 1970; may be an hour behind.
    """

    path: Path
    kind: str
    version: int
    n_bytes: int
    used_s: float


def write_entry(path: Path, arrays: Sequence[NDArray[Any]]) -> int:
    """Write an entry under a temporary name, then rename it; any number of processes may write the same one.

    There is no flush to the disk: what a power cut leaves behind fails its checksum and is a miss.

    Parameters
    ----------
    path : Path
        Where; folders are made.
    arrays : sequence of ndarray of float32, uint32 or uint8
        Of one type, of any shapes.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    OSError
        If that cannot be done; nothing is left behind.
    """
    kind = np.asarray(arrays[0]).dtype.newbyteorder("<").str if len(arrays) else "<f4"
    header = json.dumps({"key": _key(path), "dtype": kind, "shapes": [a.shape for a in arrays]}).encode()
    header += b" " * (-(_HEAD.size + len(header)) % _ALIGN)
    parts: list[bytes | memoryview] = [header, *(np.ascontiguousarray(a, dtype=kind).data for a in arrays)]
    crc = zlib.crc32(struct.pack("<I", len(header)))
    for part in parts:
        crc = zlib.crc32(part, crc)
    temporary = path.with_name(f"{PREFIX}{secrets.token_hex(8)}")
    try:
        with _create(temporary) as file:
            file.write(_HEAD.pack(MAGIC, crc, len(header)))
            for part in parts:
                file.write(part)
            n_bytes = int(file.tell())
        _rename(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return n_bytes


def _create(path: Path) -> Any:
    for _ in range(3):  # `clear` in another process may take the folder away between the two
        with contextlib.suppress(FileNotFoundError):
            return path.open("xb")
        path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except PermissionError:
        if not path.is_file():  # Windows keeps a file that somebody reads, and it is the same one
            raise


def read_entry(path: Path) -> list[NDArray[Any]] | None:
    """Read an entry.

    Parameters
    ----------
    path : Path
        As given to `write_entry`.

    Returns
    -------
    list of ndarray or None
        The arrays, read-only. None if there is no such entry, or a damaged one, which is removed.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return _unpacked(data, path)


def is_damaged(path: Path) -> bool:
    """Whether an entry cannot be read; one that is damaged is removed. One that has gone meanwhile is fine.

    Parameters
    ----------
    path : Path
        As given to `write_entry`.

    Returns
    -------
    bool
        True if it is damaged, or refused.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return _unpacked(data, path) is None


def is_there(path: Path) -> bool:
    """Whether there is an entry, of whatever content; marks it as used, at most once an hour.

    Parameters
    ----------
    path : Path
        As given to `write_entry`.

    Returns
    -------
    bool
        True if `read_entry` is worth trying.
    """
    try:
        used_s = path.stat().st_mtime
    except OSError:
        return False
    if used_s < time.time() - _MARK_S:
        with contextlib.suppress(OSError):  # a cache that may only be read is of use all the same
            os.utime(path)
    return True


def remove_entries(entries: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Remove entries; gives those that could be removed."""
    removed = []
    for entry in entries:
        with contextlib.suppress(OSError):
            entry.path.unlink()
            removed.append(entry)
    return removed


def remove_empty_folders(folder: Path) -> None:
    """Remove the folders of a cache that hold nothing."""
    for _, _, shard in list(_folders(folder)):
        for path in (shard, shard.parent):
            with contextlib.suppress(OSError):  # there is something in it
                path.rmdir()


def _unpacked(data: bytes, path: Path) -> list[NDArray[Any]] | None:
    arrays = _unpack(data, _key(path))
    if arrays is None:
        with contextlib.suppress(OSError):
            path.unlink()
    return arrays


def _unpack(data: bytes, key: str) -> list[NDArray[Any]] | None:
    if len(data) < _HEAD.size:
        return None
    magic, crc, length = _HEAD.unpack_from(data)
    if magic != MAGIC or zlib.crc32(memoryview(data)[_HEAD.size - 4 :]) != crc:
        return None
    at = _HEAD.size + length
    try:
        header = json.loads(data[_HEAD.size : at])
        shapes = [tuple(map(int, shape)) for shape in header["shapes"]]
        sizes = [math.prod(shape) for shape in shapes]
        dtype = np.dtype({d: d for d in _DTYPES}[header["dtype"]])
        if header["key"] != key or at + sum(sizes) * dtype.itemsize != len(data):
            return None
        flat = np.frombuffer(data, dtype=dtype, offset=at)
        ends = np.cumsum([0, *sizes]).tolist()
        return [flat[a:b].reshape(s) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True)]
    except (ValueError, KeyError, TypeError):
        return None


def _key(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}{path.stem}"


def _folders(folder: Path) -> Iterator[tuple[str, int, Path]]:
    """Shards with kind and version; nothing that the cache did not make."""
    for kind in _scan(folder):
        if (named := _KIND.fullmatch(kind.name)) and kind.is_dir(follow_symlinks=False):
            for shard in _scan(Path(kind.path)):
                if _SHARD.fullmatch(shard.name) and shard.is_dir(follow_symlinks=False):
                    yield named[1], int(named[2]), Path(shard.path)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda e: e.name)
    except OSError:  # not there, or taken away meanwhile
        return []


def find_entries(folder: Path) -> Iterator[CacheEntry]:
    """All entries of a cache, sorted by kind; files that are not the cache's are left out."""
    for kind, version, shard in _folders(folder):
        for file in _scan(shard):
            if _NAME.fullmatch(file.name):
                with contextlib.suppress(OSError):
                    status = file.stat(follow_symlinks=False)
                    yield CacheEntry(
                        path=Path(file.path),
                        kind=kind,
                        version=version,
                        n_bytes=status.st_size,
                        used_s=status.st_mtime,
                    )


def leftovers(folder: Path, *, before_s: float) -> Iterator[Path]:
    """Temporary files of processes that were killed while they wrote, last changed before a time since 1970."""
    for _, _, shard in _folders(folder):
        for file in _scan(shard):
            with contextlib.suppress(OSError):
                if file.name.startswith(PREFIX) and file.stat(follow_symlinks=False).st_mtime < before_s:
                    yield Path(file.path)

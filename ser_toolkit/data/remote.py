"""Files on other machines, over fsspec: fetched one at a time, written in one step."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from ser_toolkit.data.atomic import PREFIX
from ser_toolkit.data.connection import path_of, patiently
from ser_toolkit.data.locations import WRITABLE, Url
from ser_toolkit.errors import RemoteError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["MAX_BYTES", "check_writable", "fetched", "make_folder", "put", "read_bytes", "read_in_place", "remove"]

MAX_BYTES = 32 * 2**30
"""Largest file that is fetched."""

_Read = TypeVar("_Read")

_DESCRIPTORS = Path("/proc/self/fd")
_TEXT_BYTES = 256 * 2**20


@contextlib.contextmanager
def fetched(url: Url) -> Iterator[Path]:
    """A copy on this machine that goes with the block, and with the process.

    Parameters
    ----------
    url : Url
        A file.

    Yields
    ------
    Path
        What decoders open. On Linux the copy has no name in any folder, so that nothing can be left of it.

    Raises
    ------
    RemoteError
        If it cannot be had.
    """
    with _unnamed(url.suffix) as copy:
        patiently(url, lambda system: _get(system, url, copy))
        yield copy


def read_bytes(url: Url) -> bytes:
    """The whole of a small file, such as a manifest.

    Parameters
    ----------
    url : Url
        A file.

    Raises
    ------
    RemoteError
        If it cannot be had, or is over 256 MB.
    """
    with fetched(url) as copy:
        if copy.stat().st_size > _TEXT_BYTES:
            raise RemoteError(f"it is larger than {_TEXT_BYTES // 2**20} MB")
        return copy.read_bytes()


def read_in_place(url: Url, read: Callable[[IO[bytes]], _Read]) -> _Read:
    """Read parts of a large file without fetching the rest.

    Parameters
    ----------
    url : Url
        A file.
    read : callable
        Takes the file, opened for reading, in which it may seek; may be called several times.

    Returns
    -------
    object
        What `read` gives.

    Raises
    ------
    RemoteError
        If it cannot be had.
    """

    def act(system: AbstractFileSystem) -> _Read:
        with system.open(path_of(url), "rb") as file:
            return read(file)

    return patiently(url, act)


def put(local: Path, url: Url) -> None:
    """Write a file in one step: it is there as a whole or not at all.

    Parameters
    ----------
    local : Path
        What is to be written.
    url : Url
        Where to. Object stores take a file in one step; elsewhere it is written under another name and renamed.

    Raises
    ------
    RemoteError
        If it cannot be written; what was there before still is.
    """

    def act(system: AbstractFileSystem) -> None:
        if url.scheme != "sftp":
            system.put_file(str(local), path_of(url))
            return
        beside = path_of(url.with_name(f"{PREFIX}{secrets.token_hex(4)}{url.suffix}"))
        try:
            system.put_file(str(local), beside)
            system.mv(beside, path_of(url))
        except BaseException:
            with contextlib.suppress(Exception):
                system.rm_file(beside)
            raise

    patiently(url, act)


def make_folder(url: Url) -> None:
    """Make a folder and those above it, where there are folders: object stores have none.

    Raises
    ------
    RemoteError
        If it cannot be made.
    """
    if url.scheme == "sftp":
        patiently(url, lambda system: system.makedirs(path_of(url), exist_ok=True))


def remove(url: Url) -> None:
    """Remove a file.

    Raises
    ------
    RemoteError
        If it cannot be removed.
    """
    patiently(url, lambda system: system.rm_file(path_of(url)))


def check_writable(url: Url) -> None:
    """Write nothing, and take it away again: what would fail at the end of a run fails before it.

    Raises
    ------
    RemoteError
        If nothing can be written beside it, or to no URL of this kind.
    """
    if url.scheme not in WRITABLE:
        raise RemoteError(f"can be read but not written to; {', '.join(f'{s}://' for s in WRITABLE)} can")
    trial = path_of(url.with_name(f"{PREFIX}{secrets.token_hex(4)}"))

    def act(system: AbstractFileSystem) -> None:
        if url.scheme == "sftp" and not system.isdir(path_of(url.parent)):  # else it would be made
            raise FileNotFoundError
        system.pipe_file(trial, b"")
        with contextlib.suppress(Exception):  # there are stores into which people may put and from which not remove
            system.rm_file(trial)

    patiently(url, act)


def _get(system: AbstractFileSystem, url: Url, copy: Path) -> None:
    try:
        system.get_file(path_of(url), str(copy), callback=_bounded())
    except PermissionError as error:
        if error.filename == str(copy) and error.__context__ is not None:
            raise error.__context__ from None  # gcsfs removes what it could not finish, which here has no name
        raise


def _bounded() -> Any:
    """Breaks off what has no end, such as a radio station."""
    from fsspec.callbacks import Callback

    class Bounded(Callback):  # type: ignore[misc]
        def call(self, *_: object, **__: object) -> None:
            if self.value > MAX_BYTES:
                raise RemoteError(f"it is larger than {MAX_BYTES // 2**30} GB")

    return Bounded()


@contextlib.contextmanager
def _unnamed(suffix: str) -> Iterator[Path]:
    if _DESCRIPTORS.is_dir():
        with tempfile.TemporaryFile(prefix=PREFIX) as file:
            yield _DESCRIPTORS / str(file.fileno())
        return
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=suffix)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)

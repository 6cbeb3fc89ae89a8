"""Whole files or nothing: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ser_toolkit.data.locations import Location, Url
from ser_toolkit.errors import OutputError, RemoteError

__all__ = ["PREFIX", "replacing", "write_bytes", "write_text"]

PREFIX = ".writing-"
"""How the names of temporary files begin."""


@contextlib.contextmanager
def replacing(path: Location) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block ends well, delete it if not.

    Parameters
    ----------
    path : Path or Url
        The file to make or replace.

    Yields
    ------
    Path
        Where to write; same folder, same suffix. For a URL a temporary file of this machine, which is put there in the
        end.

    Raises
    ------
    OutputError
        If the folder is missing, read-only or full; says which file. What could not be put to a URL is kept, and it
        says where.
    """
    if isinstance(path, Url):
        with _putting(path) as temporary:
            yield temporary
        return
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: is no regular file, and is not replaced")
    try:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; give the mode that open() would have given
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _putting(url: Url) -> Iterator[Path]:
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.remote import put

    shown = display_path(url)
    try:
        handle, name = tempfile.mkstemp(prefix=f"{Path(url.name).stem}-", suffix=url.suffix)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"{shown}: there is no room for it here: {error.strerror}. Set TMPDIR") from error
    temporary = Path(name)
    kept = False
    try:
        yield temporary
        put(temporary, url)
    except RemoteError as error:
        kept = True
        raise OutputError(f"{shown}: cannot be written: {error}. What was to be written is in {temporary}") from None
    except OSError as error:
        raise OutputError(f"{shown}: cannot be written: {error.strerror or error}") from error
    finally:
        if not kept:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Location, data: bytes) -> None:
    """Write a file as one act; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Location, text: str) -> None:
    """Write a UTF-8 file as one act; see `replacing`."""
    write_bytes(path, text.encode("utf-8"))

"""Whole files or nothing: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ser_toolkit.errors import OutputError

__all__ = ["PREFIX", "replacing", "write_bytes", "write_text"]

PREFIX = ".writing-"
"""How the names of temporary files begin."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block ends well, delete it if not.

    Parameters
    ----------
    path : Path
        The file to make or replace.

    Yields
    ------
    Path
        Where to write; same folder, same suffix.

    Raises
    ------
    OutputError
        If the folder is missing, read-only or full; says which file.
    """
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


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as one act; see `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file as one act; see `replacing`."""
    write_bytes(path, text.encode("utf-8"))

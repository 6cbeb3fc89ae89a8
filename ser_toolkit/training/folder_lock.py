"""One process at a time in a run folder."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from ser_toolkit.errors import ConfigError, OutputError

__all__ = ["LOCK", "locked"]

LOCK = "run.lock"
"""Is there while a process writes to the folder; names it."""

_BYTE = 4096
"""Windows locks this byte, past the text, so that others can read who holds it."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder while the body runs, errors included.

    The operating system lets go of the lock when the process ends, however it ends: a file that a killed process left
    is taken over, whatever process has its number now. Where the file system knows no locks there is none.

    Parameters
    ----------
    folder : Path
        Must be there.

    Raises
    ------
    ConfigError
        If another process holds it: says which.
    OutputError
        If nothing can be written there.
    """
    path = folder / LOCK
    handle = _open(path)
    try:
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f"process {os.getpid()} on {platform.node() or 'this machine'}".encode())
        yield
    finally:
        if sys.platform != "win32":
            path.unlink(missing_ok=True)  # while it is held: who opened it before looks again
        os.close(handle)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # another process may have opened it
                path.unlink(missing_ok=True)


def _open(path: Path) -> int:
    """Descriptor of the locked file, which is still the one of that name."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            _lock(handle)
        except BlockingIOError:
            who = os.read(handle, 200).decode(errors="replace") or "another process"
            os.close(handle)
            raise ConfigError(
                f"{path.parent}: {who} works in this folder: wait until it has ended, or give another --out"
            ) from None
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)  # who held it has removed it in the meantime


def _lock(handle: int) -> None:
    """Lock an open file.

    Raises
    ------
    BlockingIOError
        If somebody else has.
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, str(error)) from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return  # a file system without locks

"""Folders into which several files are written, here or on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_toolkit.data import remote
from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Url
from ser_toolkit.errors import OutputError, RemoteError

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location

__all__ = ["make_folder"]


def make_folder(folder: Location, *, check: bool = True) -> None:
    """Make a folder, and those above it, if it is missing.

    Parameters
    ----------
    folder : Path or Url
        The folder.
    check : bool, optional
        Find out whether a file can be written into that of a URL.

    Raises
    ------
    OutputError
        If it cannot be made, or nothing can be written into it.
    """
    try:
        if isinstance(folder, Url):
            remote.make_folder(folder)
            if check:
                remote.check_writable(folder / "trial")
        else:
            folder.mkdir(parents=True, exist_ok=True)
    except RemoteError as error:
        raise OutputError(f"{display_path(folder)}: the folder cannot be made: {error}") from None
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made: {error.strerror or error}") from error

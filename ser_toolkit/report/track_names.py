"""Names of files that mirror the recordings' folders inside another folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ser_toolkit.data.locations import Url

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location

__all__ = ["Mirror", "common_folder"]

_MAX_NAME = 240  # bytes; file systems take 255
_MAX_PATH = 1024  # bytes, of the part below the folder


def common_folder(files: Iterable[str]) -> Path:
    """The deepest folder that holds all files.

    Parameters
    ----------
    files : iterable of str
        Paths; relative ones are below the current folder.

    Returns
    -------
    Path
        Absolute. The root if there is no common folder; the current folder if there is no file.
    """
    common: str | None = None
    for file in files:
        folder = str(_absolute(file).parent)
        try:
            common = folder if common is None else os.path.commonpath([common, folder])
        except ValueError:  # two drives
            return Path(_absolute(file).anchor)
    return Path.cwd() if common is None else Path(common)


class Mirror:
    """Gives each recording a file of its own below a folder.

    Parameters
    ----------
    folder : Path or Url
        Where the files lie; no name that is given leads out of it.
    base : Path
        Folder whose inside is mirrored, from `common_folder`.
    suffix : str
        Of the files: ``".TextGrid"``.
    """

    def __init__(self, folder: Location, *, base: Path, suffix: str) -> None:
        self._folder, self._base, self._suffix = folder, base, suffix
        self._taken: set[str] = set()

    def __call__(self, file: str, *, plain: bool = True) -> Location:
        """The file of a recording.

        Parameters
        ----------
        file : str
            Path of the recording.
        plain : bool, optional
            Whether its own name may do; if not, a short hash is part of it.

        Returns
        -------
        Path or Url
            The recording's way below the base, with the suffix changed. With a short hash of that way where the name
            is taken, also where it differs in case only, or is too long.
        """
        path = _absolute(file)
        within = path.relative_to(self._base) if path.is_relative_to(self._base) else PurePath(*path.parts[1:])
        way = within.as_posix()
        parts = [_cut(part) for part in within.parts[:-1]]
        if len(way.encode("utf-8", "surrogateescape")) > _MAX_PATH:
            parts, plain = [], False
        name = within.stem + self._suffix
        plain = plain and len(name.encode("utf-8", "surrogateescape")) <= _MAX_NAME
        target = PurePath(*parts, name)
        if not plain or str(target).casefold() in self._taken:
            target = PurePath(*parts, f"{_short(within.stem, _MAX_NAME - 40)}.{_digest(way)}{self._suffix}")
        self._taken.add(str(target).casefold())
        if isinstance(self._folder, Url):
            return self._folder.joined(target.as_posix())
        return self._folder / target


def _absolute(file: str) -> PurePath:
    """Without ``.`` and ``..``, links left as they are."""
    return PurePath(os.path.abspath(file))  # noqa: PTH100 - Path.absolute keeps ".."


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()


def _short(name: str, n_bytes: int) -> str:
    return name.encode("utf-8", "surrogateescape")[:n_bytes].decode("utf-8", "ignore")


def _cut(name: str) -> str:
    """The name of a folder, with a hash if it is too long."""
    if len(name.encode("utf-8", "surrogateescape")) <= _MAX_NAME:
        return name
    return f"{_short(name, _MAX_NAME - 40)}.{_digest(name)}"

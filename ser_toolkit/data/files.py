"""Find audio files, and show their names safely."""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from ser_toolkit.errors import AudioError

__all__ = ["AUDIO_SUFFIXES", "Found", "display_path", "find_audio", "identity", "is_file", "path_from_display"]

AUDIO_SUFFIXES = frozenset(
    f".{s}"
    for s in "wav flac ogg oga opus mp3 m4a mp4 aac webm aiff aif au wma".split()  # noqa: SIM905
)
"""Suffixes, in any case, by which folders are searched."""

# control characters, line and paragraph separators, bidirectional controls, bytes that are not UTF-8, false escapes
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|%(?=[0-9a-fA-F]{2})"
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One file that was asked for, or one argument that cannot be used.

    Parameters
    ----------
    path : Path
        The file: the argument itself, or the argument with the way from it to the file.
    root : Path
        The argument that it came from.
    error : AudioError or None
        Why it cannot be used: ``"missing"``, ``"unreadable"``, or ``"empty"`` for a folder without audio.
    start_s, end_s : float or None
        Part of the file that is asked for, in seconds; None: its beginning, its end.
    """

    path: Path
    root: Path
    error: AudioError | None = None
    start_s: float | None = None
    end_s: float | None = None


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Found]:
    """Audio files among files and folders.

    Parameters
    ----------
    paths : iterable of str or path-like
        Files, taken whatever their suffix, and folders, searched recursively for `AUDIO_SUFFIXES`. Names that begin
        with a dot are skipped in folders. Links to folders are followed, each folder is entered once.

    Returns
    -------
    list of Found
        In the order of the arguments, sorted within each. A file that is reached twice is listed once. What is
        missing or unreadable, and a folder with no audio in it, are rows with an error: one bad argument ends nothing.
    """
    listed: set[str] = set()
    rows = []
    for argument in paths:
        root = Path(argument)
        for found in _under(root):
            key = identity(found.path)
            if key not in listed:
                listed.add(key)
                rows.append(found)
    return rows


def identity(path: Path) -> str:
    """What makes two paths the same file: its folder with links resolved, and its name.

    A link to a file keeps its own name, because data sets link several names to one stored copy.

    Parameters
    ----------
    path : Path
        Any path; need not exist.

    Returns
    -------
    str
        An absolute path.
    """
    if path.name in ("", ".."):
        return os.path.realpath(path)
    return str(Path(_real_folder(os.path.abspath(path.parent), os.fspath(path.parent)), path.name))  # noqa: PTH100


def is_file(path: Path) -> bool:
    """Whether a regular file is there; what cannot be looked at is not.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    bool
        False for folders, pipes, broken links and names that no file can have.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


@functools.lru_cache(maxsize=4096)
def _real_folder(_absolute: str, folder: str) -> str:
    return os.path.realpath(folder)


def _under(root: Path) -> list[Found]:
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null byte in the name
        return [Found(path=root, root=root, error=AudioError("missing", "there is no such file or folder"))]
    except OSError as error:
        return [_unreadable(root, root, error)]
    if not is_folder:
        return [Found(path=root, root=root)]
    rows = sorted(_walk(root), key=lambda found: found.path.parts)
    if not rows:
        looked = ", ".join(sorted(AUDIO_SUFFIXES))
        nothing = AudioError("empty", f"there is no audio file in this folder (looked for {looked})")
        return [Found(path=root, root=root, error=nothing)]
    return rows


def _walk(root: Path) -> Iterator[Found]:
    entered: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            entries = sorted(folder.iterdir(), reverse=True)  # the stack turns the order round
        except OSError as error:
            yield _unreadable(folder, root, error)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                waiting.append(entry)
            elif entry.suffix.lower() in AUDIO_SUFFIXES:
                yield Found(path=entry, root=root)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # may not be looked at: decoding it will say so
        return False


def _unreadable(path: Path, root: Path, error: OSError) -> Found:
    return Found(path=path, root=root, error=AudioError("unreadable", error.strerror or str(error)))


def display_path(path: str | os.PathLike[str]) -> str:
    """A path as one line of valid text that names exactly one file.

    Parameters
    ----------
    path : str or path-like
        Any path.

    Returns
    -------
    str
        The path with percent-encoding for bytes that are not UTF-8 (``%FF``), control characters and line breaks
        (``%0A``), characters that turn the direction of writing, and a percent sign before two hexadecimal digits.
        Markup is not escaped: that is up to whoever prints it. `path_from_display` gives the path back.
    """
    return _UNSAFE.sub(_percent, os.fspath(path))


def path_from_display(text: str) -> Path:
    """The path that `display_path` shows as `text`.

    Parameters
    ----------
    text : str
        Path with percent-encoding.

    Returns
    -------
    Path
        The path as the file system knows it.
    """
    return Path(os.fsdecode(unquote_to_bytes(text)))


def _percent(match: re.Match[str]) -> str:
    character = match.group()
    stray = 0xDC80 <= ord(character) <= 0xDCFF  # how Python keeps a byte that is not UTF-8
    encoded = character.encode("utf-8", "surrogateescape" if stray else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in encoded)

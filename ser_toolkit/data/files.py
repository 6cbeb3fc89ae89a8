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

from ser_toolkit.data.locations import Location, Url, is_url, locate, shown_url
from ser_toolkit.errors import AudioError, RemoteError

__all__ = ["AUDIO_SUFFIXES", "Found", "display_path", "find_audio", "identity", "is_file", "path_from_display"]

AUDIO_SUFFIXES = frozenset(
    f".{s}"
    for s in "wav flac ogg oga opus mp3 m4a mp4 aac webm aiff aif au wma".split()  # noqa: SIM905
)
"""Suffixes, in any case, by which folders are searched."""

# control characters, line and paragraph separators, bidirectional controls, bytes that are not UTF-8
_CONTROLS = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
_UNSAFE = re.compile(f"{_CONTROLS}|%(?=[0-9a-fA-F]{{2}})")  # and false escapes
_UNSAFE_ON_THE_WEB = re.compile(_CONTROLS)  # where escapes are part of the address


@dataclass(frozen=True, kw_only=True)
class Found:
    """One file that was asked for, or one argument that cannot be used.

    Parameters
    ----------
    path : Path or Url
        The file: the argument itself, or the argument with the way from it to the file.
    root : Path or Url
        The argument that it came from.
    error : AudioError or None
        Why it cannot be used: ``"missing"``, ``"unreadable"``, or ``"empty"`` for a folder without audio.
    start_s, end_s : float or None
        Part of the file that is asked for, in seconds; None: its beginning, its end.
    """

    path: Location
    root: Location
    error: AudioError | None = None
    start_s: float | None = None
    end_s: float | None = None


def find_audio(paths: Iterable[str | os.PathLike[str]]) -> list[Found]:
    """Audio files among files and folders.

    Parameters
    ----------
    paths : iterable of str or path-like
        Files, taken whatever their suffix, and folders, searched recursively for `AUDIO_SUFFIXES`. Names that begin
        with a dot are skipped in folders. Links to folders are followed, each folder is entered once. URLs name files
        and folders on other machines; see `ser_toolkit.data.remote_listing.files_under`.

    Returns
    -------
    list of Found
        In the order of the arguments, sorted within each. A file that is reached twice is listed once. What is
        missing or unreadable, and a folder with no audio in it, are rows with an error: one bad argument ends nothing.

    Raises
    ------
    ConfigError
        If a URL is of a kind that cannot be read, or has a password in it.
    MissingTierError
        If there is a URL, and the [remote] tier is not installed.
    """
    listed: set[str] = set()
    rows = []
    for argument in paths:
        root = locate(argument)
        for found in _under_url(root) if isinstance(root, Url) else _under(root):
            key = identity(found.path)
            if key not in listed:
                listed.add(key)
                rows.append(found)
    return rows


def identity(path: Location) -> str:
    """What makes two paths the same file: its folder with links resolved, and its name.

    A link to a file keeps its own name, because data sets link several names to one stored copy.

    Parameters
    ----------
    path : Path or Url
        Any path; need not exist.

    Returns
    -------
    str
        An absolute path, or a URL as it is shown.
    """
    if isinstance(path, Url):
        return display_path(path)
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


def _under_url(root: Url) -> list[Found]:
    from ser_toolkit.data.remote_listing import described, files_under

    try:
        listing = files_under(root, AUDIO_SUFFIXES)
    except RemoteError as error:
        return [Found(path=root, root=root, error=AudioError(error.reason, str(error)))]
    if listing is None:
        return [Found(path=path, root=root) for path in described([root])]
    rows = [Found(path=path, root=root) for path in listing.files]
    rows += [Found(path=path, root=root, error=AudioError("unreadable", str(error))) for path, error in listing.failed]
    if not rows:
        looked = ", ".join(sorted(AUDIO_SUFFIXES))
        index = " in the index that the server shows of it" if root.scheme.startswith("http") else ""
        nothing = AudioError("empty", f"there is no audio file in this folder{index} (looked for {looked})")
        return [Found(path=root, root=root, error=nothing)]
    return sorted(rows, key=lambda found: found.path.parts)


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
        Markup is not escaped: that is up to whoever prints it. `path_from_display` gives the path back. Of a URL on the
        web a short hash stands for its query, where keys to it may stand; that does not come back.
    """
    text = os.fspath(path)
    if not is_url(text):
        return _UNSAFE.sub(_percent, text)
    text = shown_url(text)
    return (_UNSAFE_ON_THE_WEB if text.startswith("http") else _UNSAFE).sub(_percent, text)


def path_from_display(text: str) -> Location:
    """The path that `display_path` shows as `text`.

    Parameters
    ----------
    text : str
        Path with percent-encoding.

    Returns
    -------
    Path or Url
        The path as the file system knows it.
    """
    if is_url(text):
        return Url(text if text.startswith("http") else os.fsdecode(unquote_to_bytes(text)))
    return Path(os.fsdecode(unquote_to_bytes(text)))


def _percent(match: re.Match[str]) -> str:
    character = match.group()
    stray = 0xDC80 <= ord(character) <= 0xDCFF  # how Python keeps a byte that is not UTF-8
    encoded = character.encode("utf-8", "surrogateescape" if stray else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in encoded)

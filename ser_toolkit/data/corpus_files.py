"""Finding the files of a corpus: any audio format, copies counted once, odd names reported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_toolkit.data.files import display_path, find_audio
from ser_toolkit.errors import ManifestError

__all__ = [
    "AudioFiles",
    "Named",
    "audio_files",
    "find_text",
    "key_of",
    "listed",
    "match_names",
    "read_text",
    "wrong_layout",
]

_SHOWN = 5
_SEEN = 1000
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, kw_only=True)
class AudioFiles:
    """Audio files of a folder.

    Parameters
    ----------
    root : Path
        The folder, absolute.
    files : tuple of Path
        At least one, absolute, sorted; none is empty.
    notes : tuple of str
        What was left out.
    """

    root: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Named:
    """Audio files whose names say what they hold.

    Parameters
    ----------
    root : Path
        The folder, absolute.
    files : tuple of (Path, re.Match)
        Sorted by path; each recording once.
    notes : tuple of str
        What was left out.
    """

    root: Path
    files: tuple[tuple[Path, re.Match[str]], ...]
    notes: tuple[str, ...]


def wrong_layout(root: Path, corpus: str, layout: str) -> ManifestError:
    """The error for a folder that does not hold the corpus: names the layout that is expected."""
    return ManifestError(f"{display_path(root)} does not look like {corpus}: expected {layout}")


def listed(what: str, names: Sequence[str]) -> str:
    """A note that names the first few of many: ``"3 files are empty: a.wav, b.wav, c.wav"``."""
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{len(names)} {what}: {', '.join(display_path(n) for n in names[:_SHOWN])}{more}"


def key_of(path: Path, root: Path) -> str:
    """Path of a file below a folder, with ``/``: the `key` of its utterance."""
    return path.relative_to(root).as_posix()


def audio_files(root: str | os.PathLike[str], *, corpus: str, layout: str) -> AudioFiles:
    """All audio files below a folder, in any format that can be decoded.

    Parameters
    ----------
    root : str or path-like
        The folder. Names that begin with a dot, such as macOS leaves them (``._a.wav``), are skipped.
    corpus, layout : str
        For the error: what is looked for, and how its folder looks.

    Returns
    -------
    AudioFiles
        With a note on files without a byte in them, and on folders that cannot be read.

    Raises
    ------
    ManifestError
        If the folder is missing, no folder, or holds no audio.
    """
    folder = Path(os.path.abspath(root))  # noqa: PTH100 - links stay links: keys are relative to what was named
    if not folder.exists():
        raise ManifestError(f"{display_path(root)} is not there: name the folder of {corpus}, {layout}")
    if not folder.is_dir():
        raise ManifestError(f"{display_path(root)} is no folder: name the folder of {corpus}, {layout}")
    files, empty, unreadable = [], [], []
    for found in find_audio([folder]):
        if found.error is not None:
            if found.error.reason != "empty":
                unreadable.append(f"{found.path}: {found.error.detail}")
        elif not _has_bytes(path := Path(found.path)):
            empty.append(key_of(path, folder))
        else:
            files.append(path)
    if not files:
        raise wrong_layout(folder, corpus, layout)
    notes = [listed("audio files are empty or broken links, and left out", empty)] if empty else []
    notes += [listed("folders cannot be read", unreadable)] if unreadable else []
    return AudioFiles(root=folder, files=tuple(files), notes=tuple(notes))


def match_names(
    root: str | os.PathLike[str],
    pattern: str,
    *,
    corpus: str,
    layout: str,
    identity: Callable[[re.Match[str]], str] | None = None,
) -> Named:
    """Audio files whose names without suffix fit a pattern.

    Parameters
    ----------
    root : str or path-like
        The folder, searched recursively.
    pattern : str
        Regular expression for the whole name without its suffix; case does not count.
    corpus, layout : str
        For the error: what is looked for, and how its folder looks.
    identity : callable, optional
        What makes two names the same recording; by default the name in lower case. Of several copies, such as an
        archive unpacked within itself or a conversion beside the original, the one nearest to `root` is taken.

    Returns
    -------
    Named
        With notes on copies and on names that do not fit.

    Raises
    ------
    ManifestError
        If there is no such folder, or no name in it fits.
    """
    found = audio_files(root, corpus=corpus, layout=layout)
    fits = re.compile(pattern, re.IGNORECASE)
    chosen: dict[str, tuple[Path, re.Match[str]]] = {}
    strange, copies = [], []
    for path in sorted(found.files, key=lambda p: (len(p.parts), p.parts)):
        match = fits.fullmatch(path.stem)
        if match is None:
            strange.append(key_of(path, found.root))
            continue
        same = identity(match) if identity else path.stem.lower()
        if same in chosen:
            copies.append(key_of(path, found.root))
        else:
            chosen[same] = (path, match)
    if not chosen:
        raise wrong_layout(found.root, corpus, f"{layout} (the first of {len(strange)} audio files is {strange[0]!r})")
    notes = list(found.notes)
    if copies:
        notes.append(listed("audio files are further copies of a recording, and left out", copies))
    if strange:
        notes.append(listed("audio files have other names, and are left out", strange))
    files = tuple(sorted(chosen.values(), key=lambda pair: pair[0].parts))
    return Named(root=found.root, files=files, notes=tuple(notes))


def find_text(root: Path, *names: str) -> Path | None:
    """The file of one of these names that is nearest to a folder; case does not count.

    Parameters
    ----------
    root : Path
        Searched recursively; hidden files and folders are skipped.
    *names : str
        In order of preference.

    Returns
    -------
    Path or None
        ``None`` if there is none.
    """
    wanted = {name.lower(): i for i, name in enumerate(names)}
    hits = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        hits += [Path(folder, f) for f in files if f.lower() in wanted]
    return min(hits, key=lambda p: (wanted[p.name.lower()], len(p.parts), p.parts), default=None)


def read_text(path: Path, *, encodings: Iterable[str] = ("utf-8",)) -> str:
    r"""Text of a file whose encoding is not known for sure.

    Parameters
    ----------
    path : Path
        The file.
    encodings : iterable of str, optional
        Tried in turn where neither a byte-order mark nor zero bytes (UTF-16) settle it; what fits none is read as
        UTF-8 with replacement characters.

    Returns
    -------
    str
        With ``\n`` at the ends of lines.

    Raises
    ------
    ManifestError
        If the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{display_path(path)} cannot be read: {error.strerror or error}") from error
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    if not marked and b"\0" in data[:_SEEN]:  # UTF-16 without a mark: every other byte of plain letters is zero
        marked = ["utf-16-le" if data[1:_SEEN:2].count(0) > data[:_SEEN:2].count(0) else "utf-16-be"]
    for encoding in (*marked, *encodings):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        text = data.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_bytes(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False

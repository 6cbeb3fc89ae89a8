"""Utterances as a manifest CSV that `ser_toolkit.data.manifest.read_manifest` reads back equal."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ser_toolkit.data import atomic
from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Location, Url
from ser_toolkit.data.spreadsheet import safe_cell
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError, OutputError

__all__ = ["manifest_text", "write_manifest"]

_TEXTS = ("corpus", "session", "split", "language", "text_id")
_NUMBERS = ("duration_s", "arousal", "valence", "dominance")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def write_manifest(path: str | os.PathLike[str], utterances: Iterable[Utterance]) -> None:
    """Write a manifest.

    Parameters
    ----------
    path : str or path-like
        The CSV file to make or replace, as one act.
    utterances : iterable of Utterance
        With a speaker each. Their files are written relative to the folder of the CSV.

    Raises
    ------
    ManifestError
        If an utterance has no speaker, or a text that no cell can hold.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise OutputError(f"{display_path(target)}: there is no folder {display_path(target.parent)}: make it first")
    atomic.write_text(target, manifest_text(tuple(utterances), folder=target.parent))


def manifest_text(utterances: Sequence[Utterance], *, folder: Path) -> str:
    """The manifest as text; see `write_manifest`.

    Parameters
    ----------
    utterances : sequence of Utterance
        At least one.
    folder : Path
        Where the manifest will lie.

    Returns
    -------
    str
        Columns ``file``, ``speaker``, ``gender``, ``emotion``, and those others in which there is anything. Text that
        a spreadsheet would run as a formula begins with an apostrophe, which readers of manifests take away.
    """
    if not utterances:
        raise ManifestError("there is no utterance to write into a manifest")
    segmented = any(u.start_s is not None or u.end_s is not None for u in utterances)
    texts = [name for name in _TEXTS if any(getattr(u, name) for u in utterances)]
    numbers = [name for name in _NUMBERS if any(getattr(u, name) is not None for u in utterances)]
    votes = sorted({label for u in utterances for label in u.votes})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    times = ["start", "end"] if segmented else []
    header = ["file", *times, "speaker", "gender", "emotion", *texts, *numbers, *(f"vote_{label}" for label in votes)]
    writer.writerow([_cell(name, "a label of votes", header[0]) for name in header])
    base = folder.resolve()
    for u in utterances:
        if not u.speaker:
            raise ManifestError(f"{display_path(u.key)} has no speaker: a manifest needs one in every row")
        row = [_file(u.file, base)]
        row += [_number(u.start_s), _number(u.end_s)] if segmented else []
        row += [_cell(getattr(u, name) or "", name, u.key) for name in ("speaker", "gender", "emotion", *texts)]
        row += [_number(getattr(u, name)) for name in numbers]
        row += [_number(u.votes.get(label)) for label in votes]
        writer.writerow(row)
    return buffer.getvalue()


def _file(file: Location, base: Path) -> str:
    """Path from the manifest to the file, with ``/``; what a line of text cannot hold is percent-encoded."""
    if isinstance(file, Url):
        return file.address
    try:
        relative = Path(os.path.relpath(file, base))
        if not (base / relative).samefile(file):  # a link on the way: ".." leads elsewhere
            relative = Path(os.path.relpath(file.resolve(), base))
    except (ValueError, OSError):  # another drive, or no file yet
        relative = file
    text = display_path(relative.as_posix())
    stripped = text.strip()
    if stripped != text:  # readers strip cells
        start = text.index(stripped)
        ends = (text[:start], text[start + len(stripped) :])
        text = stripped.join("".join(f"%{byte:02X}" for byte in end.encode()) for end in ends)
    return f"./{text}" if text[:1] in ("=", "+", "-", "@") else text  # a spreadsheet would run it


def _cell(text: str, column: str, key: str) -> str:
    if text != text.strip() or _CONTROL.search(text):
        raise ManifestError(f"{display_path(key)}: {column} is {text!r}, which a cell of a manifest cannot hold")
    return safe_cell(text)


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value)).removesuffix(".0")

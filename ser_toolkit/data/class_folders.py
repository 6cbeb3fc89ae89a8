"""Utterances from a folder per class: ``DIR/<emotion>/**/audio``."""

from __future__ import annotations

import re
from pathlib import Path

from ser_toolkit.data.files import AUDIO_SUFFIXES, Found, display_path, find_audio, is_file
from ser_toolkit.data.manifest_csv import speaker_from
from ser_toolkit.data.utterance import Entry, Utterance
from ser_toolkit.errors import ManifestError

__all__ = ["MANIFEST_NAMES", "read_class_folders"]

MANIFEST_NAMES = ("manifest.csv", "metadata.csv")
"""Files that make a folder a data set of their own; the first found is used."""


def read_class_folders(folder: Path, *, speaker_pattern: re.Pattern[str] | None = None) -> list[Entry]:
    """Read a folder whose sub-folders are emotions.

    Parameters
    ----------
    folder : Path
        Each visible folder in it is an emotion, and each audio file below that an utterance.
    speaker_pattern : re.Pattern, optional
        With one group: finds the speaker in the path below `folder`, such as ``anger/anna_01.wav``. Without it no
        speaker is known.

    Returns
    -------
    list of Entry
        Sorted by path. `Utterance.key` is the path below `folder`; `Utterance.corpus` is empty.

    Raises
    ------
    ManifestError
        If there is no audio, if audio lies outside the class folders, if a class folder is a data set of its own, or
        if the pattern does not fit a name.
    """
    shown = display_path(folder)
    root = folder.resolve()
    nested = sorted(p for name in MANIFEST_NAMES for p in root.glob(f"*/{name}"))
    if nested:
        names = " ".join(display_path(folder / p.relative_to(root)) for p in nested[:5])
        raise ManifestError(f"{shown} is no folder per class: it holds manifests. Name them instead: {names}")
    rows = find_audio([root])
    _refuse_errors(rows, root, shown)
    loose = [row.path.name for row in rows if row.path.parent == root]
    if loose:
        raise ManifestError(
            f"{shown}: {len(loose)} audio files lie in no class folder, such as {loose[0]!r}: "
            "move them into a folder named after their emotion, or write a manifest.csv"
        )
    return [_entry(Path(row.path), root, speaker_pattern) for row in rows]


def _entry(path: Path, root: Path, speaker_pattern: re.Pattern[str] | None) -> Entry:
    relative = path.relative_to(root)
    where = display_path(path)
    emotion = relative.parts[0].strip()
    if not emotion:
        raise ManifestError(f"{where}: the name of the class folder is blank")
    key = relative.as_posix()
    speaker = speaker_from(speaker_pattern, key, where=where)
    return Entry(Utterance(file=path, key=key, emotion=emotion, speaker=speaker), where)


def _refuse_errors(rows: list[Found], root: Path, shown: str) -> None:
    for row in rows:
        if row.error is None:
            if not is_file(Path(row.path)):
                raise ManifestError(
                    f"{display_path(Path(row.path).relative_to(root))} in {shown} is no file, or a broken link"
                )
            continue
        if row.error.reason == "empty":
            suffixes = ", ".join(sorted(AUDIO_SUFFIXES))
            raise ManifestError(
                f"{shown} holds neither {' nor '.join(MANIFEST_NAMES)} nor audio ({suffixes}) in folders named after "
                "emotions"
            )
        raise ManifestError(f"{display_path(Path(row.path).relative_to(root))} in {shown}: {row.error}")

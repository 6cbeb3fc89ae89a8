"""Labelled data: CSV manifests, Hugging Face audio folders and folders per class, merged into one."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ser_toolkit.data.class_folders import MANIFEST_NAMES, read_class_folders
from ser_toolkit.data.files import display_path, identity
from ser_toolkit.data.locations import Location, Url, locate
from ser_toolkit.data.manifest_csv import read_csv
from ser_toolkit.data.utterance import Entry, Utterance
from ser_toolkit.errors import ConfigError, ManifestError, RemoteError, close_matches

__all__ = ["Manifest", "Utterance", "read_manifest"]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Labelled utterances and where they come from.

    Parameters
    ----------
    utterances : tuple of Utterance
        In the order of the manifests.
    sha256 : str
        Of what the manifests say, as 64 hexadecimal digits: the same for the same rows in any order, in any folder,
        with any separator. It does not cover the audio.
    sources : tuple of str
        The manifests, as they were named, fit to print.
    ignored_columns : tuple of str
        Columns of the CSV files that mean nothing here.
    """

    utterances: tuple[Utterance, ...]
    sha256: str
    sources: tuple[str, ...]
    ignored_columns: tuple[str, ...] = ()

    def labels(self) -> dict[str, int]:
        """Utterances per emotion, sorted by emotion."""
        return dict(sorted(Counter(u.emotion for u in self.utterances).items()))

    def select(self, emotions: Iterable[str]) -> Manifest:
        """Only the utterances of some emotions.

        Parameters
        ----------
        emotions : iterable of str
            Labels, exactly as in the manifest.

        Returns
        -------
        Manifest
            With a digest of its own.

        Raises
        ------
        ManifestError
            If no emotion is given, or if one does not occur.
        """
        wanted = set(emotions)
        if not wanted:
            raise ManifestError("no emotion is selected: name at least one")
        for emotion in sorted(wanted - self.labels().keys()):
            raise ManifestError(
                f"{', '.join(self.sources)}: no utterance is labelled {emotion!r}. "
                f"{close_matches(emotion, self.labels())}"
            )
        kept = tuple(u for u in self.utterances if u.emotion in wanted)
        return dataclasses.replace(self, utterances=kept, sha256=_digest(kept))


def read_manifest(paths: Sequence[str | os.PathLike[str]], *, speaker_pattern: str | None = None) -> Manifest:
    r"""Read manifests and data folders, and merge them.

    Parameters
    ----------
    paths : sequence of str or path-like
        CSV files (see `ser_toolkit.data.manifest_csv.read_csv`) and folders, or their URLs. A folder with
        ``manifest.csv`` or ``metadata.csv`` in it is read by that, any other, which must be on this machine, as a
        folder per class (see `ser_toolkit.data.class_folders.read_class_folders`).
    speaker_pattern : str, optional
        Regular expression with one group that finds the speaker in a file's path relative to its data set, where no
        column names the speaker: ``r"/(\w+)_"`` finds ``anna`` in ``anger/anna_01.wav``.

    Returns
    -------
    Manifest
        At least one utterance. What is of one corpus shares its speakers: rows whose column ``corpus`` says the same,
        and rows without that column whose manifests lie in one folder, which is named after the folder. A speaker's
        name that occurs in several corpora means different people: it becomes ``<corpus>/<speaker>`` in each.
        No two utterances have `corpus`, `key` and times in common: a folder whose name is taken gets a number
        (``data-2``), and so does a corpus of the manifest in a further folder if it has the same file names there.

    Raises
    ------
    ManifestError
        Names the file, the line and the column: something missing, empty, malformed, listed twice, or under two
        labels.
    ConfigError
        If `speaker_pattern` is no regular expression with one group.
    """
    if not paths:
        raise ManifestError("no manifest is given: name a CSV file or a folder")
    pattern = _compile(speaker_pattern)
    entries: list[Entry] = []
    folders: list[Location] = []
    ignored: dict[str, None] = {}
    for path in map(locate, paths):
        source, rows, columns = _read(path, pattern)
        entries += rows
        folders += [source] * len(rows)
        ignored |= dict.fromkeys(columns)
    _refuse_duplicates(entries)
    utterances = tuple(_distinct([entry.utterance for entry in entries], folders))
    return Manifest(
        utterances=utterances,
        sha256=_digest(utterances),
        sources=tuple(display_path(path) for path in paths),
        ignored_columns=tuple(ignored),
    )


def _compile(speaker_pattern: str | None) -> re.Pattern[str] | None:
    if speaker_pattern is None:
        return None
    try:
        pattern = re.compile(speaker_pattern)
    except re.error as error:
        raise ConfigError(f"speaker pattern {speaker_pattern!r} is no regular expression: {error}") from error
    if pattern.groups != 1:
        raise ConfigError(
            f"speaker pattern {speaker_pattern!r} has {pattern.groups} groups: "
            "put one pair of parentheses around the speaker"
        )
    return pattern


def _read(path: Location, pattern: re.Pattern[str] | None) -> tuple[Location, list[Entry], tuple[str, ...]]:
    """Folder that the data set lies in, its entries, and ignored columns."""
    if isinstance(path, Url):
        return _read_url(path, pattern)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a null byte in the name
        raise ManifestError(f"{display_path(path)} is not there: name a CSV file or a folder") from error
    except OSError as error:
        raise ManifestError(f"{display_path(path)} cannot be read: {error.strerror or error}") from error
    if stat.S_ISREG(mode):
        return path.resolve().parent, *read_csv(path, speaker_pattern=pattern)
    if not stat.S_ISDIR(mode):
        raise ManifestError(f"{display_path(path)} is neither a file nor a folder")
    for name in MANIFEST_NAMES:
        if (path / name).is_file():
            return path.resolve(), *read_csv(path / name, speaker_pattern=pattern)
    return path.resolve(), read_class_folders(path, speaker_pattern=pattern), ()


def _read_url(url: Url, pattern: re.Pattern[str] | None) -> tuple[Location, list[Entry], tuple[str, ...]]:
    if url.suffix.lower() in (".csv", ".tsv"):
        return url.parent, *read_csv(url, speaker_pattern=pattern)
    for name in MANIFEST_NAMES:
        try:
            return url, *read_csv(url / name, speaker_pattern=pattern)
        except ManifestError as error:
            if not isinstance(error.__context__, RemoteError) or not error.__context__.missing:
                raise
    raise ManifestError(
        f"{display_path(url)} holds neither {' nor '.join(MANIFEST_NAMES)}: name a CSV file. Folders per class are "
        "read on this machine only"
    )


def _refuse_duplicates(entries: Sequence[Entry]) -> None:
    seen: dict[tuple[str, float | None, float | None], Entry] = {}
    for entry in entries:
        utterance = entry.utterance
        first = seen.setdefault((identity(utterance.file), utterance.start_s, utterance.end_s), entry)
        if first is entry:
            continue
        both = f"{first.where} and {entry.where}"
        labels = (first.utterance.emotion, utterance.emotion)
        if labels[0] != labels[1]:
            raise ManifestError(f"{both} give {utterance.key!r} two labels, {labels[0]!r} and {labels[1]!r}: keep one")
        raise ManifestError(f"{both} both list {utterance.key!r}: remove one")


def _distinct(utterances: Sequence[Utterance], folders: Sequence[Location]) -> Iterable[Utterance]:
    """Name the corpora, and put that name before speakers whose name other corpora use as well."""
    names = _corpora(utterances, folders)
    # a corpus of one name is one corpus, also where a further folder of it got a number
    scopes = [u.corpus or names["", folder] for u, folder in zip(utterances, folders, strict=True)]
    where: dict[str | None, set[str]] = defaultdict(set)
    for utterance, scope in zip(utterances, scopes, strict=True):
        where[utterance.speaker].add(scope)
    for utterance, folder, scope in zip(utterances, folders, scopes, strict=True):
        speaker = utterance.speaker
        if speaker is not None and len(where[speaker]) > 1:
            speaker = f"{scope}/{speaker}"
        yield dataclasses.replace(utterance, corpus=names[utterance.corpus, folder], speaker=speaker)


def _corpora(utterances: Sequence[Utterance], folders: Sequence[Location]) -> Mapping[tuple[str, Location], str]:
    """Final name of each corpus in each folder; the empty corpus is the one that is named after its folder."""
    files: dict[tuple[str, Location], set[tuple[str, float | None, float | None]]] = defaultdict(set)
    for u, folder in zip(utterances, folders, strict=True):
        files[u.corpus, folder].add((u.key, u.start_s, u.end_s))
    stated = {corpus for corpus, _ in files}
    names: dict[tuple[str, Location], str] = {}
    held: dict[str, set[tuple[str, float | None, float | None]]] = {}
    for corpus, folder in sorted(files, key=lambda group: not group[0]):  # those that the manifests name come first
        base = corpus or display_path(folder.name).strip() or "corpus"
        for n in itertools.count(1):
            name = base if n == 1 else f"{base}-{n}"
            same = bool(corpus) or names.get((name, folder)) == name  # one corpus, which may lie in several folders
            if n > 1 and name in stated:
                continue
            if name not in held or (same and not held[name] & files[corpus, folder]):
                break
        names[corpus, folder] = name
        held.setdefault(name, set()).update(files[corpus, folder])
    return names


def _digest(utterances: Iterable[Utterance]) -> str:
    rows = []
    for utterance in utterances:
        fields = {f.name: getattr(utterance, f.name) for f in dataclasses.fields(utterance)}
        del fields["file"], fields["corpus"]  # where the data lies, not what it is
        del fields["columns"]  # see `ser_toolkit.training.folder.state_of`
        fields["votes"] = dict(fields["votes"])
        rows.append(json.dumps(fields, sort_keys=True))
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()

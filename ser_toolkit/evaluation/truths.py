"""True labels of files that are analyzed, from a manifest or from the names of their folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.data.class_folders import MANIFEST_NAMES
from ser_toolkit.data.corpora import canonical
from ser_toolkit.data.files import display_path, find_audio, identity, is_file, path_from_display
from ser_toolkit.data.locations import Location, Url, locate
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError
from ser_toolkit.evaluation.overlap import counted, some

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Manifest

__all__ = ["FOLDER_NAMES", "UNREADABLE", "Truth", "Truths", "find_labels"]

FOLDER_NAMES = "names of the folders"
"""Source of labels that no manifest states."""

UNREADABLE = "a manifest cannot be used, and so its labels are not"
"""How a caution begins that goes on with names and places of a manifest."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """True label of one file.

    Parameters
    ----------
    emotion : str
        A label of the model.
    speaker, gender, language, corpus : str or None
        As in the manifest; None if not known, or not the same for the whole file.
    """

    emotion: str
    speaker: str | None = None
    gender: str | None = None
    language: str | None = None
    corpus: str | None = None

    @classmethod
    def of(cls, utterances: Sequence[Utterance]) -> Truth:
        """What all utterances of a file, one or more of one emotion, have in common."""

        def common(name: str) -> str | None:
            values = {getattr(u, name) for u in utterances}
            return values.pop() or None if len(values) == 1 else None

        names = ("speaker", "gender", "language", "corpus")
        return cls(emotion=utterances[0].emotion, **{name: common(name) for name in names})


@dataclass(frozen=True, kw_only=True)
class Truths:
    """Labels that were found.

    Parameters
    ----------
    source : str
        The manifests as they were named, fit to print; or `FOLDER_NAMES`. Empty if none could be used.
    utterances : mapping of str to tuple of Utterance
        `ser_toolkit.data.files.identity` of a file to its utterances, which have one emotion, a label of the model.
    cautions : tuple of str
        What was left out, and what was renamed.
    """

    source: str
    utterances: Mapping[str, tuple[Utterance, ...]] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def of(self, file: str) -> tuple[Utterance, ...]:
        """Utterances of a result's file, by where it lies and not by what it is called; empty without a label."""
        path = path_from_display(file)
        found = self.utterances.get(identity(path))
        return found or (() if isinstance(path, Url) else self.utterances.get(os.path.realpath(path), ()))


def find_labels(paths: Sequence[Location], choice: str, labels: Sequence[str]) -> Truths | None:
    """Look for labels of what is analyzed.

    Parameters
    ----------
    paths : sequence of Path or Url
        Files and folders that were given.
    choice : str
        ``"none"``; the path of a manifest (see `ser_toolkit.data.manifest.read_manifest`); or ``"auto"``: the
        ``manifest.csv`` or ``metadata.csv`` directly in a folder that was given, else the names of the folders that
        the files lie in, if all of them are emotions of the model, and there are two or more. Nothing is looked for
        if one of the paths is a URL.
    labels : sequence of str
        Emotions of the model.

    Returns
    -------
    Truths or None
        None if there is nothing that looks like labels. Emotions are taken for those of the model if they differ in
        case only or are synonyms (``angry``, ``anger``). Left out, with a caution: emotions that the model does not
        know, and files whose parts have different emotions.

    Raises
    ------
    ManifestError
        If a manifest that was asked for cannot be read. One that was found by ``"auto"`` becomes a caution.
    """
    if choice == "none":
        return None
    if choice != "auto":
        return _of_manifest(read_manifest([choice]), labels, ())
    here = [path for path in map(locate, paths) if isinstance(path, Path)]
    if len(here) < len(paths):
        return None
    roots = {os.path.realpath(path): path for path in here if any(is_file(path / name) for name in MANIFEST_NAMES)}
    manifest, cautions = _readable(tuple(roots.values()))
    if manifest:
        return _of_manifest(manifest, labels, cautions)
    utterances = _of_folders(here, labels)
    if utterances:
        return Truths(source=FOLDER_NAMES, utterances=utterances, cautions=cautions)
    return Truths(source="", cautions=cautions) if cautions else None


def _readable(roots: Sequence[Path]) -> tuple[Manifest | None, tuple[str, ...]]:
    """The manifests of these folders as far as they can be read, and cautions about the others."""
    good: dict[Path, Manifest] = {}
    cautions = []
    for root in roots:
        try:
            good[root] = read_manifest([root])
        except ManifestError as error:
            cautions.append(f"{UNREADABLE}: {error}")
    if len(good) < 2:
        return next(iter(good.values()), None), tuple(cautions)
    try:
        return read_manifest(list(good)), tuple(cautions)
    except ManifestError as error:  # they contradict each other
        return None, (*cautions, f"{UNREADABLE}: {error}")


def _of_manifest(manifest: Manifest, labels: Sequence[str], cautions: Sequence[str]) -> Truths:
    by_file: dict[str, list[Utterance]] = {}
    for utterance in manifest.utterances:
        by_file.setdefault(identity(utterance.file), []).append(utterance)
    known = {emotion: _label_of(emotion, labels) for emotion in manifest.labels()}
    utterances, unknown, mixed = {}, Counter[str](), 0
    for file, rows in by_file.items():
        emotions = {known[row.emotion] or row.emotion for row in rows}
        label = known[rows[0].emotion]
        if len(emotions) > 1:
            mixed += 1
        elif label is None:
            unknown[rows[0].emotion] += 1
        else:
            utterances[file] = tuple(replace(row, emotion=label) for row in rows)
    said = list(cautions)
    if unknown:
        names = some([f"{emotion or 'none'} ({n})" for emotion, n in unknown.most_common()])
        said.append(
            f"{unknown.total()} of {counted(len(by_file), 'labelled file')} left out, whose emotion the model does not "
            f"know: {names}"
        )
    if mixed:
        said.append(f"{counted(mixed, 'file')} left out, whose parts have different emotions")
    renamed = {e: label for e, label in known.items() if label and label.casefold() != e.casefold()}
    if renamed:
        said.append(f"read as the model's names: {some([f'{e} as {label}' for e, label in renamed.items()])}")
    return Truths(source=", ".join(manifest.sources), utterances=utterances, cautions=tuple(said))


def _of_folders(paths: Sequence[Path], labels: Sequence[str]) -> dict[str, tuple[Utterance, ...]]:
    """Files by the folders that they lie in; empty if those are not all emotions, or only one."""
    known: dict[str, str | None] = {}
    utterances: dict[str, tuple[Utterance, ...]] = {}
    for found in find_audio(paths):
        if found.error is not None:
            continue
        name = Path(os.path.abspath(found.path.parent)).name  # noqa: PTH100 - a folder may be "." or ".."
        label = known[name] if name in known else known.setdefault(name, _label_of(name, labels))
        if label is None:
            return {}
        utterances[identity(found.path)] = (Utterance(file=found.path, key=display_path(found.path), emotion=label),)
    return utterances if len(set(known.values())) > 1 else {}


def _label_of(emotion: str, labels: Sequence[str]) -> str | None:
    """The model's name of an emotion: the same, or in another case, or the only synonym."""
    if emotion in labels:
        return emotion
    shared = canonical(emotion)
    for same in (
        [label for label in labels if label.casefold() == emotion.casefold()],
        [label for label in labels if shared and canonical(label) == shared],
    ):
        if len(same) == 1:
            return same[0]
    return None

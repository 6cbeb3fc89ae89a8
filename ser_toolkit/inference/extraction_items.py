"""What `extract` is asked for: recordings, or the rows of manifests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ser_toolkit.data.files import Found, display_path, find_audio
from ser_toolkit.data.locations import Location, Url, locate
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.data.remote_listing import described
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ConfigError

__all__ = ["Item", "items_of", "label_columns", "with_versions"]

_TEXTS = ("corpus", "speaker", "emotion", "session", "split", "gender", "language", "text_id")
_NUMBERS = ("arousal", "valence", "dominance")
_MANIFESTS = (".csv", ".tsv")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A recording, or a part of one.

    Parameters
    ----------
    found : Found
        Where it is.
    name : str
        What it is called in the output: its path, fit to print, or the recording as the manifest writes it.
    utterance : Utterance or None
        Its row of the manifest.
    """

    found: Found
    name: str
    utterance: Utterance | None = None

    def labels(self) -> dict[str, str | float | None]:
        """What the manifest says of it, by the columns of `label_columns`."""
        if self.utterance is None:
            return {}
        votes = {f"vote_{label}": n for label, n in self.utterance.votes.items()}
        return {name: getattr(self.utterance, name) for name in (*_TEXTS, *_NUMBERS)} | votes


def items_of(paths: Sequence[str | Path]) -> list[Item]:
    """What there is to extract from.

    Parameters
    ----------
    paths : sequence of str or path
        Files and folders, or manifests; or their URLs.

    Returns
    -------
    list of Item
        In the order of the arguments; files sorted within folders.

    Raises
    ------
    ConfigError
        If there are manifests and other paths.
    ManifestError
        If a manifest cannot be read.
    """
    places = [locate(path) for path in paths]
    manifests = [path for path in places if path.suffix.lower() in _MANIFESTS and not _is_folder(path)]
    if not manifests:
        return [Item(found=found, name=display_path(found.path)) for found in find_audio(places)]
    if len(manifests) < len(paths):
        raise ConfigError(
            "manifests and recordings are not extracted into one file: give either the ones or the others"
        )
    return [
        Item(found=Found(path=u.file, root=u.file, start_s=u.start_s, end_s=u.end_s), name=u.key, utterance=u)
        for u in read_manifest(places).utterances
    ]


def with_versions(items: Sequence[Item]) -> list[Item]:
    """The same with what servers say of their files, by which a later run knows them again."""
    urls = {item.found.path: item.found.path for item in items if isinstance(item.found.path, Url)}
    known = dict(zip(urls, described(urls), strict=True))
    return [
        replace(item, found=replace(item.found, path=known[path])) if isinstance(path := item.found.path, Url) else item
        for item in items
    ]


def _is_folder(path: Location) -> bool:
    return isinstance(path, Path) and path.is_dir()


def label_columns(items: Sequence[Item]) -> dict[str, type]:
    """Columns of the manifest in which some row has something: texts are `str`, numbers `float`."""
    utterances = [item.utterance for item in items if item.utterance is not None]
    columns: dict[str, type] = {name: str for name in _TEXTS if any(getattr(u, name) for u in utterances)}
    columns |= {name: float for name in _NUMBERS if any(getattr(u, name) is not None for u in utterances)}
    votes = dict.fromkeys(label for u in utterances for label in u.votes)
    return columns | {f"vote_{label}": float for label in votes}

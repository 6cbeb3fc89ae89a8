"""Which audio a run folder is about: a run is not continued with other recordings under the same names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.data import atomic
from ser_toolkit.data.locations import Location, Url
from ser_toolkit.errors import ConfigError

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.store import FeatureStore

__all__ = ["AUDIO", "AudioState", "Guarded", "check_audio", "files_digest"]

AUDIO = "audio.json"
"""Of a run folder; stays when the features go."""

_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class AudioState:
    """What was read from the recordings for one set of features.

    Parameters
    ----------
    files : str
        `files_digest` before they were read.
    recordings : tuple of int
        Hash of the samples of each utterance, 0 where excluded; see `ser_toolkit.training.store.FeatureStore`.
    excluded : dict of int to str
        Utterances that could not be used, and why.
    """

    files: str
    recordings: tuple[int, ...]
    excluded: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, store: FeatureStore, files: str) -> AudioState:
        """State of a store that was made from files of this digest."""
        return cls(files=files, recordings=store.recordings, excluded=store.excluded)

    @classmethod
    def load(cls, folder: Path, name: str) -> AudioState | None:
        """What a run folder says of the features in its subfolder `name`; None if nothing that can be read."""
        try:
            row = _read(folder)["features"][name]
            return cls(
                files=str(row["files"]),
                recordings=tuple(int(text, 16) for text in row["recordings"]),
                excluded={int(i): str(reason) for i, reason in row["excluded"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def save(self, folder: Path, name: str) -> None:
        """Write it into a run folder, beside what is there of others."""
        said = _read(folder)
        row = {
            "files": self.files,
            "recordings": [f"{number:016x}" for number in self.recordings],
            "excluded": {str(i): reason for i, reason in self.excluded.items()},
        }
        others = said.get("features")
        _write(folder, {**said, "features": {**(others if isinstance(others, dict) else {}), name: row}})


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """What `ser_toolkit.training.guard` said of the audio, for a job that need not listen again.

    Parameters
    ----------
    warnings : tuple of str
        Cautions.
    duplicated : bool
        Whether the same audio is on both sides of a split, which was allowed.
    """

    warnings: tuple[str, ...]
    duplicated: bool

    @classmethod
    def load(cls, folder: Path) -> Guarded | None:
        """What a run folder holds; None if nothing that can be read."""
        try:
            row = _read(folder)["guard"]
            return cls(warnings=tuple(map(str, row["warnings"])), duplicated=bool(row["duplicated"]))
        except (KeyError, TypeError):
            return None

    def save(self, folder: Path) -> None:
        """Write it into a run folder."""
        _write(folder, {**_read(folder), "guard": {"warnings": self.warnings, "duplicated": self.duplicated}})


def files_digest(utterances: Sequence[Utterance]) -> str:
    """SHA-256 over name, size and time of change of all audio files: cheap, and the same only if none was touched."""
    rows = []
    for path in _as_they_are(dict.fromkeys(u.file for u in utterances)):
        if isinstance(path, Url):
            rows.append([path.address.partition("?")[0], path.n_bytes, path.version])
            continue
        try:
            about = path.stat()
            rows.append([str(path), about.st_size, about.st_mtime_ns])
        except (OSError, ValueError):
            rows.append([str(path)])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _as_they_are(files: Iterable[Location]) -> list[Location]:
    """The same files; those on other machines with what is said of them there."""
    found: dict[Location, Location] = {file: file for file in files}
    urls = [file for file in found if isinstance(file, Url)]
    if urls:
        from ser_toolkit.data.remote_listing import described

        found |= dict(zip(urls, described(urls), strict=True))
    return list(found.values())


def check_audio(before: AudioState, now: AudioState, utterances: Sequence[Utterance], *, folder: Path) -> None:
    """Refuse to go on with other audio than a run was begun with.

    Parameters
    ----------
    before, now : AudioState
        Of the same utterances; files may have been touched or moved as long as they hold the same samples.
    utterances : sequence of Utterance
        For their names.
    folder : Path
        Of the run.

    Raises
    ------
    ConfigError
        Says how many recordings changed, and names the first.
    """
    changed = [u.key for u, a, b in zip(utterances, before.recordings, now.recordings, strict=False) if a != b]
    if changed:
        named = ", ".join(changed[:_SHOWN]) + (", ..." if len(changed) > _SHOWN else "")
        raise ConfigError(
            f"{folder}: cannot resume, the audio of {len(changed)} recordings changed since the run began: {named}. "
            "Put it back, or begin anew with another --out"
        )


def _read(folder: Path) -> dict[str, Any]:
    try:
        said = json.loads((folder / AUDIO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _write(folder: Path, said: Mapping[str, Any]) -> None:
    atomic.write_text(folder / AUDIO, json.dumps(said))

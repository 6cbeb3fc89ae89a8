"""Stages that know recordings from earlier runs: what the cache holds is neither decoded nor computed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser_toolkit.data.cache_entry import is_there, read_entry
from ser_toolkit.data.cache_key import content_hash, samples_hash
from ser_toolkit.data.locations import Location, Url, locate
from ser_toolkit.data.speech import VERSION
from ser_toolkit.inference.columns import columns_of, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.inference.columns import Batch
    from ser_toolkit.inference.plan import Setup

__all__ = ["Recall", "Remember", "kept_path", "put"]

_FACTS = ("n_samples", "duration_s", "notes", "seconds", "recording")


def kept_path(setup: Setup, row: dict[str, Any], key: str) -> Path | None:
    """Where the cache keeps a feature of a row of the pipeline; None without a cache.

    A recording that is one piece shares its entry with training; pieces of longer ones have entries of their own.
    """
    found = setup.cache()
    if found is None:
        return None
    if "samples" not in row:
        features = setup.front_end().features
        row["samples"] = row.get("source", b"") if _is_whole(row) else b""
        if not row["samples"]:
            row["samples"] = samples_hash(row["y"], features.sr) + (b"prepared" if features.recording_steps else b"")
            if not _is_whole(row):
                row["samples"] += (row["starts"] - row["offset"]).astype("<i8").tobytes()
    return found[1].path(key, row["samples"])


def put(setup: Setup, path: Path, values: Sequence[NDArray[Any]]) -> None:
    """Keep arrays for later runs, if the cache is written."""
    found = setup.cache()
    if found is not None and values:
        found[0].put(path, values)


def _part(row: dict[str, Any]) -> bytes:
    """What tells the parts of one file apart; empty for the whole file."""
    part = [row.get("start_s"), row.get("end_s")]
    return b"" if part == [None, None] else json.dumps(part).encode()


def _location(row: dict[str, Any]) -> Location:
    location = locate(row["path"])
    if isinstance(location, Url) and "stamp" in row:
        n_bytes, version = row["stamp"]
        return location.known(n_bytes=n_bytes, version=version)
    return location


def _is_whole(row: dict[str, Any]) -> bool:
    return bool(row["piece"] == 0 and row["last"])


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Files whose features are all in the cache get them, and pass the other stages by."""

    setup: Setup
    name: ClassVar[str] = "cache"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows; those that are known as `Extract` would leave them."""
        for row in rows_of(batch):
            found = self.setup.cache()
            content = content_hash(_location(row)) if found else None
            if found and content:
                row["content"] = content
                row |= self._known(content + _part(row))
            yield columns_of([row])

    def _known(self, content: bytes) -> dict[str, Any]:
        found = self.setup.cache()
        assert found is not None
        keys, features = found[1], self.setup.front_end().features
        path = keys.noted(content)
        arrays = read_entry(path)
        if not arrays or not is_there(path):
            return {}
        facts = json.loads(arrays[0].tobytes())
        if (self.setup.hashes and "recording" not in facts) or (self.setup.speech and facts.get("speech") != VERSION):
            return {}
        paths = {key: keys.path(key, bytes.fromhex(facts["samples"])) for key in features.extractors}
        values = {key: read_entry(path) for key, path in paths.items() if is_there(path)}
        starts = features.segmentation.starts(facts["n_samples"], features.sr)
        if any(len(values.get(key) or ()) != len(starts) for key in paths):
            return {}
        heard = np.ones(len(starts), dtype=np.bool_)
        heard[facts["silent"]] = False
        spoken = {}
        if self.setup.speech:
            speechless = ~np.ones(len(starts), dtype=np.bool_)
            speechless[facts["speechless"]] = True
            heard, spoken = heard & ~speechless, {"speechless": speechless}
        return {
            "recalled": True,
            "piece": 0,
            "last": True,
            "offset": 0,
            "starts": starts,
            "heard": heard,
            "silent_parts": bool(facts["silent"]),
            **spoken,
            "features": {key: [v for v, h in zip(rows or (), heard, strict=True) if h] for key, rows in values.items()},
            **{key: facts[key] for key in _FACTS if key in facts},
        }


@dataclass(frozen=True, kw_only=True)
class Remember:
    """Notes in the cache what `Recall` needs to know of a file."""

    setup: Setup
    name: ClassVar[str] = "cache"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows."""
        for row in rows_of(batch):
            if self.setup.cache_use == "write" and not row.get("recalled"):
                self._note(row)
        yield batch

    def _note(self, row: dict[str, Any]) -> None:
        found, content = self.setup.cache(), row.get("content")
        if found is None or not content or row.get("status") or not _is_whole(row) or "samples" not in row:
            return
        facts = {key: row[key] for key in _FACTS if key in row}
        silent = ~row["heard"]
        if "speechless" in row:
            silent &= ~row["speechless"]
            facts |= {"speech": VERSION, "speechless": np.flatnonzero(row["speechless"]).tolist()}
        facts |= {"samples": row["samples"].hex(), "silent": np.flatnonzero(silent).tolist()}
        if content == content_hash(locate(row["path"])):  # else somebody writes to it, and what was read is not certain
            path, data = found[1].noted(content + _part(row)), json.dumps(facts).encode()
            put(self.setup, path, [np.frombuffer(data, dtype=np.uint8)])

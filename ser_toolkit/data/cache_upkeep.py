"""Looking after the feature cache: what it holds, clearing it, checking it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_toolkit.data.cache_entry import (
    CacheEntry,
    find_entries,
    is_damaged,
    leftovers,
    remove_empty_folders,
    remove_entries,
)
from ser_toolkit.errors import ConfigError, close_matches

__all__ = [
    "CacheContents",
    "CacheKind",
    "Removed",
    "Verified",
    "clear_cache",
    "contents_of",
    "select_entries",
    "verify_cache",
]

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S


@dataclass(frozen=True, kw_only=True)
class CacheKind:
    """Entries of one extractor in one version.

    Parameters
    ----------
    name : str
        Of the extractor; ``"_recordings"`` and ``"_fingerprints"`` are the cache's own.
    version : int
        Its version.
    entries : int
        How many.
    n_bytes : int
        Their size.
    oldest_s, newest_s : float
        When the least and the most recent were last used, in seconds since 1970; may be an hour behind.
    """

    name: str
    version: int
    entries: int
    n_bytes: int
    oldest_s: float
    newest_s: float


@dataclass(frozen=True, kw_only=True)
class CacheContents:
    """What a cache holds.

    Parameters
    ----------
    folder : Path
        Where it is.
    kinds : tuple of CacheKind
        Sorted by name and version.
    """

    folder: Path
    kinds: tuple[CacheKind, ...]

    @property
    def entries(self) -> int:
        """Number of all entries."""
        return sum(kind.entries for kind in self.kinds)

    @property
    def n_bytes(self) -> int:
        """Size of all entries."""
        return sum(kind.n_bytes for kind in self.kinds)

    def to_json(self, *, max_bytes: float) -> dict[str, Any]:
        """As plain JSON values, with the limit of the cache in bytes (None: none)."""
        return {
            "folder": os.fsencode(self.folder).decode(errors="backslashreplace"),
            "max_bytes": None if math.isinf(max_bytes) else max_bytes,
            "entries": self.entries,
            "n_bytes": self.n_bytes,
            "features": [dataclasses.asdict(kind) for kind in self.kinds],
        }


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What was removed from a cache: number of entries and their bytes."""

    entries: int
    n_bytes: int


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Entries that were read, and those of them that were damaged or could not be read."""

    entries: int
    damaged: int


def contents_of(folder: Path) -> CacheContents:
    """Count what a cache holds; nothing if it is not there.

    Parameters
    ----------
    folder : Path
        Of the cache.

    Returns
    -------
    CacheContents
        By extractor.
    """
    groups: dict[tuple[str, int], list[CacheEntry]] = {}
    for entry in find_entries(folder):
        groups.setdefault((entry.kind, entry.version), []).append(entry)
    kinds = tuple(
        CacheKind(
            name=name,
            version=version,
            entries=len(group),
            n_bytes=sum(e.n_bytes for e in group),
            oldest_s=min(e.used_s for e in group),
            newest_s=max(e.used_s for e in group),
        )
        for (name, version), group in sorted(groups.items())
    )
    return CacheContents(folder=folder, kinds=kinds)


def select_entries(
    folder: Path, *, older_than_days: float | None = None, feature: str | None = None
) -> list[CacheEntry]:
    """Entries to clear.

    Parameters
    ----------
    folder : Path
        Of the cache.
    older_than_days : float, optional
        Only those not used for longer than this.
    feature : str, optional
        Only those of this extractor, in any version.

    Returns
    -------
    list of CacheEntry
        For `clear_cache`.

    Raises
    ------
    ConfigError
        If nothing of `feature` is there.
    """
    entries = list(find_entries(folder))
    if feature is not None:
        known = {e.kind for e in entries}
        if feature not in known:
            raise ConfigError(f"{folder}: holds nothing of {feature!r}. {close_matches(feature, known)}")
        entries = [e for e in entries if e.kind == feature]
    if older_than_days is not None:
        entries = [e for e in entries if e.used_s < time.time() - older_than_days * _DAY_S]
    return entries


def clear_cache(folder: Path, entries: Sequence[CacheEntry]) -> Removed:
    """Remove entries, and what killed processes left; never a file that the cache did not make.

    Parameters
    ----------
    folder : Path
        Of the cache.
    entries : sequence of CacheEntry
        From `select_entries`.

    Returns
    -------
    Removed
        Those that could be removed.
    """
    for path in leftovers(folder, before_s=time.time() - _HOUR_S):
        with contextlib.suppress(OSError):
            path.unlink()
    removed = remove_entries(entries)
    remove_empty_folders(folder)
    return Removed(entries=len(removed), n_bytes=sum(e.n_bytes for e in removed))


def verify_cache(folder: Path, *, on_progress: Callable[[int, int], None] | None = None) -> Verified:
    """Read every entry and remove those that are damaged.

    Parameters
    ----------
    folder : Path
        Of the cache.
    on_progress : callable, optional
        Called with (done, total).

    Returns
    -------
    Verified
        Counts.
    """
    entries = list(find_entries(folder))
    damaged = 0
    for i, entry in enumerate(entries):
        damaged += is_damaged(entry.path)
        if on_progress:
            on_progress(i + 1, len(entries))
    return Verified(entries=len(entries), damaged=damaged)

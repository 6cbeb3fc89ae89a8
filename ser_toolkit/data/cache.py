"""The feature cache: what was computed once for some samples is not computed again, by any command."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.data.cache_entry import CacheEntry, find_entries, leftovers, remove_entries, write_entry
from ser_toolkit.data.cache_key import CacheKeys, make_keys
from ser_toolkit.errors import ConfigError
from ser_toolkit.plugin_registry import default_registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.features import FeatureSet
    from ser_toolkit.plugin_registry import Registry

__all__ = ["MAX_GB", "FeatureCache"]

MAX_GB = 20.0
"""Limit unless ``SER_TOOLKIT_CACHE_MAX_GB`` says another: 22 hours of speech with the default features and windows."""

_DAY_S = 86_400.0


class FeatureCache:
    """Features on disk by the hash of what they were computed from.

    Nothing that happens to a cache ends a run: what cannot be read is computed; where nothing can be written, or the
    disk is full, it stops writing and says so in `warnings`. Any number of processes may use the same folder.

    Parameters
    ----------
    folder : Path
        Made when the first entry is written.
    max_bytes : float, optional
        Entries that were not used for longest are removed beyond it. 0: nothing is written.
    registry : Registry, optional
        Says which distribution an extractor comes from; default: the installed plugins.

    Attributes
    ----------
    warnings : list of str
        What a user should be told.
    """

    def __init__(
        self, folder: str | Path, *, max_bytes: float = MAX_GB * 1e9, registry: Registry | None = None
    ) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self.warnings: list[str] = []
        self._registry = registry
        self._off = max_bytes <= 0
        self._written = 0
        self._untrimmed = 0

    @classmethod
    def default(cls, *, registry: Registry | None = None) -> FeatureCache:
        """The cache that all commands share.

        Parameters
        ----------
        registry : Registry, optional
            As for the class.

        Returns
        -------
        FeatureCache
            In ``SER_TOOLKIT_CACHE``, or ``ser-toolkit/features`` in the user's cache folder, of at most
            ``SER_TOOLKIT_CACHE_MAX_GB``.

        Raises
        ------
        ConfigError
            If the limit is no number of gigabytes.
        """
        said = os.environ.get("SER_TOOLKIT_CACHE_MAX_GB", "").strip() or str(MAX_GB)
        try:
            max_gb = float(said)
        except ValueError:
            max_gb = math.nan
        if not max_gb >= 0:
            raise ConfigError(f"SER_TOOLKIT_CACHE_MAX_GB is {said!r}: give gigabytes, 0 (no cache) or more")
        folder = _default_folder()
        if folder is None:
            made = cls(Path(os.devnull, "features"), max_bytes=0, registry=registry)
            made.warnings.append("there is no home folder: features are not cached (set SER_TOOLKIT_CACHE to a folder)")
            return made
        return cls(folder, max_bytes=max_gb * 1e9, registry=registry)

    def keys(self, features: FeatureSet, *, altered: str = "") -> CacheKeys:
        """Where the features of a set of extractors lie; see `make_keys`."""
        return make_keys(self.folder, features, self._registry or default_registry(), altered=altered)

    def put(self, path: Path, arrays: Sequence[NDArray[Any]]) -> None:
        """Write an entry, as a courtesy to later runs: failing is no error.

        Parameters
        ----------
        path : Path
            From `CacheKeys`.
        arrays : sequence of ndarray of float32, uint32 or uint8
            Of one type.
        """
        if self._off:
            return
        try:
            n_bytes = write_entry(path, arrays)
        except OSError as error:
            self._off = True
            self.warnings.append(
                f"{self.folder}: features are not cached from here on: {error.strerror or error}. "
                "Make room there, or set SER_TOOLKIT_CACHE to another folder"
            )
            return
        self._written += n_bytes
        self._untrimmed += n_bytes
        if self._untrimmed > self.max_bytes / 10:
            self.trim()

    def trim(self) -> int:
        """Bring the cache under its limit, if this process wrote anything since; call it at the end of a run.

        Returns
        -------
        int
            Entries removed: those that were not used for longest.
        """
        if not self._untrimmed:
            return 0
        if self._written > self.max_bytes and not any("limit" in w for w in self.warnings):
            self.warnings.append(
                f"{self.folder}: the features of this run do not fit into the cache's limit of "
                f"{self.max_bytes / 1e9:g} GB, so that the next run computes some again: "
                "raise SER_TOOLKIT_CACHE_MAX_GB"
            )
        self._untrimmed = 0
        for path in leftovers(self.folder, before_s=time.time() - _DAY_S):
            with contextlib.suppress(OSError):
                path.unlink()
        entries = list(find_entries(self.folder))
        excess = sum(e.n_bytes for e in entries) - self.max_bytes
        doomed: list[CacheEntry] = []
        if excess > 0:
            excess += self.max_bytes / 10  # room for the next entries, so that this does not happen at each
            for entry in sorted(entries, key=lambda e: e.used_s):
                if excess <= 0:
                    break
                doomed.append(entry)
                excess -= entry.n_bytes
        return len(remove_entries(doomed))


def _default_folder() -> Path | None:
    if said := os.environ.get("SER_TOOLKIT_CACHE"):
        return Path(said).expanduser()
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    folder = Path(base)
    if not folder.is_absolute():  # also the rule of the XDG standard
        try:
            folder = Path.home() / ".cache"
        except RuntimeError:
            return None
    return folder / "ser-toolkit" / "features"

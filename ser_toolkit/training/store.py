"""Features of a training set on disk, memory-mapped: any number of windows, shared by processes, kept over a kill."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.data.cache_key import FINGERPRINT
from ser_toolkit.errors import ConfigError, OutputError
from ser_toolkit.noise.voices import voices_behind
from ser_toolkit.training.extraction import Extracted, Extraction, Job, known_arrays, recording_hash
from ser_toolkit.training.extraction_pool import extract_all

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.training.extraction import Augmenter

__all__ = ["FeatureStore", "build_store", "open_store", "recording_hash"]

_FINGERPRINTS = "fingerprints.u32"


@dataclass(frozen=True, kw_only=True)
class FeatureStore:
    """Windows of a set of utterances, in the order of the utterances.

    Parameters
    ----------
    values : dict
        Input name to flat float32 memory map of all windows, one after the other.
    offsets : dict
        Input name to int64 (n_windows + 1,): where each window begins in `values`.
    shapes : dict
        Input name to int64 (n_windows, n_axes).
    owner : ndarray of int64, shape (n_windows,)
        Utterance of each window, ascending.
    copy : ndarray of int64, shape (n_windows,)
        0 for a window of the recording itself, 1 and up for its altered copies, ascending within an utterance.
    recordings : tuple of int
        64-bit hash of the decoded samples of each utterance; 0 where excluded.
    fingerprints : tuple of ndarray of uint32, shape (n,)
        See `ser_toolkit.data.fingerprint`, one per utterance; empty where excluded.
    excluded : dict of int to str
        Utterances that could not be used, and why.
    """

    values: dict[str, NDArray[np.float32]]
    offsets: dict[str, NDArray[np.int64]]
    shapes: dict[str, NDArray[np.int64]]
    owner: NDArray[np.int64]
    copy: NDArray[np.int64]
    recordings: tuple[int, ...]
    fingerprints: tuple[NDArray[np.uint32], ...]
    excluded: dict[int, str]

    def __len__(self) -> int:
        """Return the number of windows, those of altered copies included."""
        return len(self.owner)

    def get(self, key: str, window: int) -> NDArray[np.float32]:
        """One feature of one window: a view, of the extractor's shape."""
        begin, end = self.offsets[key][window : window + 2]
        return self.values[key][begin:end].reshape(self.shapes[key][window])

    def windows_of(self, utterances: Iterable[int], *, copies: bool = False) -> NDArray[np.int64]:
        """Windows of some utterances.

        Parameters
        ----------
        utterances : iterable of int
            Which.
        copies : bool, optional
            Those of altered copies too, not only those of the recordings themselves.

        Returns
        -------
        ndarray of int64, shape (n,)
            Ascending.
        """
        wanted = np.isin(self.owner, list(utterances))
        return np.flatnonzero(wanted if copies else wanted & (self.copy == 0))

    def select(self, keys: Iterable[str]) -> FeatureStore:
        """The same windows with only some of the inputs.

        Parameters
        ----------
        keys : iterable of str
            Input names; their order is kept.

        Returns
        -------
        FeatureStore
            Over the same memory maps.

        Raises
        ------
        ConfigError
            If an input is not in the store.
        """
        keys = list(keys)
        for key in keys:
            if key not in self.values:
                raise ConfigError(f"the store has no input {key!r}; it has {', '.join(map(repr, self.values))}")
        return replace(
            self,
            values={key: self.values[key] for key in keys},
            offsets={key: self.offsets[key] for key in keys},
            shapes={key: self.shapes[key] for key in keys},
        )


def build_store(
    folder: Path,
    utterances: Sequence[Utterance],
    features: FeatureSet,
    *,
    cache: FeatureCache | None = None,
    augmentation: Augmenter | None = None,
    augmented: Collection[int] | None = None,
    workers: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> FeatureStore:
    """Extract the features of all utterances into a folder.

    Parameters
    ----------
    folder : Path
        Made if missing; an unfinished earlier attempt is replaced.
    utterances : sequence of Utterance
        What to extract.
    features : FeatureSet
        Extractors and windows.
    cache : FeatureCache, optional
        Is asked before anything is computed, and given what was; see its `warnings` afterwards.
    augmentation : Augmenter, optional
        Makes altered copies, such as `ser_toolkit.data.augment.Augmentation`. A copy that fails is left out.
    augmented : collection of int, optional
        Utterances that get copies; default: all.
    workers : int, optional
        Processes for what must be computed; 0 takes one per core, or this process for a small set.
    on_progress : callable, optional
        Called with (done, total).

    Returns
    -------
    FeatureStore
        In the order of `utterances`, and bit for bit the same whatever the number of workers and whatever the cache
        holds.

    Raises
    ------
    ComponentError
        If an extractor breaks its interface.
    SerToolkitError
        If a worker process dies.
    OutputError
        If the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").unlink(missing_ok=True)
    shapes: dict[str, list[tuple[int, ...]]] = {key: [] for key in features.extractors}
    owner: list[int] = []
    copy: list[int] = []
    recordings: list[int] = []
    fingerprints: list[NDArray[np.uint32]] = []
    excluded: dict[str, str] = {}
    keys = cache.keys(features, altered=augmentation.key() if augmentation else "") if cache else None
    extraction = Extraction(features=features, augmentation=augmentation, keys=keys)
    altered = range(len(utterances)) if augmented is None else frozenset(augmented)
    n_copies = augmentation.copies if augmentation else 0
    heard = voices_behind(utterances, altered) if augmentation and augmentation.wants_voices else {}
    jobs = [
        Job(utterance=u, copies=n_copies if i in altered else 0, voices=heard.get(i, ()))
        for i, u in enumerate(utterances)
    ]
    progress = _Count(len(jobs), on_progress)
    files = {key: (folder / f"{key}.f32").open("wb") for key in features.extractors}
    try:
        for i, result in enumerate(extract_all(jobs, extraction, workers=workers, on_done=progress)):
            if cache:
                _keep(cache, extraction, jobs[i], result)
            recordings.append(result.recording)
            fingerprints.append(result.pieces.get((0, FINGERPRINT), [np.zeros(0, dtype=np.uint32)])[0])
            if result.reason:
                excluded[str(i)] = result.reason
            for number in sorted({c for c, key in result.pieces if key != FINGERPRINT}):
                n = 0
                for key, file in files.items():
                    rows = result.pieces[number, key]
                    shapes[key] += [row.shape for row in rows]
                    _write(file, rows)
                    n = len(rows)
                owner += [i] * n
                copy += [number] * n
    finally:
        for file in files.values():
            with contextlib.suppress(OSError):  # a full disk was reported above; closing flushes what is left
                file.close()
    if cache:
        cache.trim()
    atomic.write_bytes(folder / _FINGERPRINTS, b"".join(f.astype("<u4").tobytes() for f in fingerprints))
    index = {
        "owner": owner,
        "copy": copy,
        "recordings": recordings,
        "fingerprints": [len(f) for f in fingerprints],
        "excluded": excluded,
        "shapes": shapes,
    }
    atomic.write_text(folder / "index.json", json.dumps(index))
    return open_store(folder)


class _Count:
    """Counts utterances that are done, for whoever watches."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def __call__(self) -> None:
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total)


def _keep(cache: FeatureCache, extraction: Extraction, job: Job, result: Extracted) -> None:
    """Give a cache what was computed, and what was learnt about the file."""
    keys = extraction.keys
    if keys is None or not result.samples:
        return
    for number, key in sorted(result.fresh):
        path = extraction.entry(keys, job, key, result.samples, copy=number)
        cache.put(path, result.pieces[number, key])
    if result.content:
        path = keys.recording(result.content, start_s=job.utterance.start_s, end_s=job.utterance.end_s)
        cache.put(path, known_arrays(result))


def _write(file: BinaryIO, rows: Sequence[NDArray[np.float32]]) -> None:
    try:
        for row in rows:
            file.write(np.ascontiguousarray(row, dtype="<f4").data)
        file.flush()
    except OSError as error:
        raise OutputError(f"{file.name}: features cannot be written: {error.strerror or error}") from error


def open_store(folder: Path) -> FeatureStore:
    """Open a finished store.

    Parameters
    ----------
    folder : Path
        As given to `build_store`.

    Returns
    -------
    FeatureStore
        Memory-mapped.

    Raises
    ------
    FileNotFoundError
        If extraction never finished.
    """
    index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    values, offsets, shapes = {}, {}, {}
    for key, rows in index["shapes"].items():
        shapes[key] = np.asarray(rows, dtype=np.int64)
        sizes = np.prod(shapes[key], axis=1) if len(rows) else np.zeros(0, dtype=np.int64)
        offsets[key] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        path = folder / f"{key}.f32"
        values[key] = np.memmap(path, dtype="<f4", mode="r") if path.stat().st_size else np.zeros(0, dtype=np.float32)
    ends = np.cumsum(index["fingerprints"], dtype=np.int64)
    prints = np.frombuffer((folder / _FINGERPRINTS).read_bytes(), dtype="<u4")
    return FeatureStore(
        values=values,
        offsets=offsets,
        shapes=shapes,
        owner=np.asarray(index["owner"], dtype=np.int64),
        copy=np.asarray(index["copy"], dtype=np.int64),
        recordings=tuple(index["recordings"]),
        fingerprints=tuple(np.split(prints, ends[:-1])) if len(ends) else (),
        excluded={int(i): reason for i, reason in index["excluded"].items()},
    )

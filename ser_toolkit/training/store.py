"""Features of a training set on disk, memory-mapped: any number of windows, shared by processes, kept over a kill."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ser_toolkit.data import atomic, audio, quality
from ser_toolkit.errors import ComponentError, ConfigError, OutputError, SerToolkitError
from ser_toolkit.features import FeatureSet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance

__all__ = ["FeatureStore", "build_store", "open_store", "recording_hash"]

_FEW = 40
"""Fewer recordings than this are extracted in this process: starting others takes longer."""


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """What one utterance gave: features per window, or the reason why not."""

    features: dict[str, list[NDArray[np.float32]]]
    recording: int = 0
    reason: str = ""


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
        Utterance of each window.
    recordings : tuple of int
        64-bit hash of the decoded samples of each utterance; 0 where excluded.
    excluded : dict of int to str
        Utterances that could not be used, and why.
    """

    values: dict[str, NDArray[np.float32]]
    offsets: dict[str, NDArray[np.int64]]
    shapes: dict[str, NDArray[np.int64]]
    owner: NDArray[np.int64]
    recordings: tuple[int, ...]
    excluded: dict[int, str]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.owner)

    def get(self, key: str, window: int) -> NDArray[np.float32]:
        """One feature of one window: a view, of the extractor's shape."""
        begin, end = self.offsets[key][window : window + 2]
        return self.values[key][begin:end].reshape(self.shapes[key][window])

    def windows_of(self, utterances: Iterable[int]) -> NDArray[np.int64]:
        """Windows of some utterances, ascending."""
        return np.flatnonzero(np.isin(self.owner, list(utterances)))


def recording_hash(y: NDArray[np.float32]) -> int:
    """64-bit hash of decoded samples, quantised to 16 bit so that the container does not matter."""
    samples = np.clip(np.rint(y * 32768.0), -32768, 32767).astype("<i2")
    return int.from_bytes(hashlib.blake2b(samples.tobytes(), digest_size=8).digest(), "big")


def extract_utterance(utterance: Utterance, features: FeatureSet) -> Extracted:
    """Decode, check and extract one utterance; what is wrong with it becomes a reason, not an exception."""
    try:
        recording = audio.decode(utterance.file, sr=features.sr, start_s=utterance.start_s, end_s=utterance.end_s)
        quality.check(recording)
        rows: dict[str, list[NDArray[np.float32]]] = {key: [] for key in features.extractors}
        for block in features.blocks(recording.y):
            for key, values in block.features.items():
                rows[key] += values
    except (ComponentError, ConfigError):
        raise  # the same for every recording
    except SerToolkitError as error:
        return Extracted(features={}, reason=str(error))
    return Extracted(features=rows, recording=recording_hash(recording.y))


_worker: list[FeatureSet] = []
"""The front end of this worker process; extractors keep engines that are costly to start."""


def _start_worker(features: FeatureSet) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [features]


def _work(utterance: Utterance) -> Extracted:
    return extract_utterance(utterance, _worker[0])


def build_store(
    folder: Path,
    utterances: Sequence[Utterance],
    features: FeatureSet,
    *,
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
    workers : int, optional
        Processes; 0 takes one per core, or this process for a small set.
    on_progress : callable, optional
        Called with (done, total).

    Returns
    -------
    FeatureStore
        In the order of `utterances`, whatever the number of workers.

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
    recordings: list[int] = []
    excluded: dict[str, str] = {}
    files = {key: (folder / f"{key}.f32").open("wb") for key in features.extractors}
    try:
        for i, result in enumerate(_results(utterances, features, workers)):
            recordings.append(result.recording)
            if result.reason:
                excluded[str(i)] = result.reason
            for key, rows in result.features.items():
                shapes[key] += [row.shape for row in rows]
                _write(files[key], rows)
            owner += [i] * len(next(iter(result.features.values()), []))
            if on_progress:
                on_progress(i + 1, len(utterances))
    finally:
        for file in files.values():
            with contextlib.suppress(OSError):  # a full disk was reported above; closing flushes what is left
                file.close()
    index = {"owner": owner, "recordings": recordings, "excluded": excluded, "shapes": shapes}
    atomic.write_text(folder / "index.json", json.dumps(index))
    return open_store(folder)


def _write(file: BinaryIO, rows: Sequence[NDArray[np.float32]]) -> None:
    try:
        for row in rows:
            file.write(np.ascontiguousarray(row, dtype="<f4").tobytes())
        file.flush()
    except OSError as error:
        raise OutputError(f"{file.name}: features cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _results(utterances: Sequence[Utterance], features: FeatureSet, workers: int) -> Iterator[Extracted]:
    workers = workers or (1 if len(utterances) < _FEW else os.cpu_count() or 1)
    if workers == 1:
        yield from (extract_utterance(u, features) for u in utterances)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(features,),
    )
    done = 0
    try:
        with _ignoring_interrupts():  # workers inherit it: Ctrl-C is for this process, which then stops them
            results = pool.map(_work, utterances, chunksize=4)
        for result in results:
            done += 1
            yield result
    except BrokenProcessPool as error:
        near = ", ".join(u.key for u in utterances[done : done + 4 * workers])
        raise SerToolkitError(
            f"a process that extracts features died, at one of: {near}. "
            "Run again with --set training.workers=1 to see which"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
    return FeatureStore(
        values=values,
        offsets=offsets,
        shapes=shapes,
        owner=np.asarray(index["owner"], dtype=np.int64),
        recordings=tuple(index["recordings"]),
        excluded={int(i): reason for i, reason in index["excluded"].items()},
    )

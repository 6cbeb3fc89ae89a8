"""Features of degraded recordings, in this process or in several, a bounded number at a time."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import audio
from ser_toolkit.data.files import display_path
from ser_toolkit.errors import AudioError, SerToolkitError
from ser_toolkit.noise.degradation import degrade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.noise.conditions import Condition

    Rows = dict[str, list[NDArray[np.float32]]]

__all__ = ["NoisyExtraction", "NoisyJob", "noisy_features"]

_FEW = 40
"""Fewer jobs than this are done in this process: starting others takes longer."""

_AHEAD = 8
"""Jobs per worker that are begun before the first of them is taken."""


@dataclass(frozen=True, kw_only=True)
class NoisyJob:
    """A recording, what is done to it, and who talks behind it."""

    utterance: Utterance
    condition: Condition
    voices: tuple[Utterance, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NoisyExtraction:
    """From a recording to the features of its degraded version; picklable.

    Parameters
    ----------
    features : FeatureSet
        Windows, steps before them and extractors: the recording is degraded before all of them.
    seed : int
        Of the noise.
    """

    features: FeatureSet
    seed: int = 0

    def __call__(self, job: NoisyJob) -> Rows:
        """Input name to one array a window; without windows if the recording is too short.

        Raises
        ------
        AudioError
            If a recording cannot be read any more; names it.
        """
        sr = self.features.sr
        y = _samples(job.utterance, sr)
        voices = [_samples(voice, sr) for voice in job.voices]
        noisy = degrade(y, sr, job.condition, seed=self.seed, voices=voices)
        rows: Rows = {key: [] for key in self.features.extractors}
        for block in self.features.blocks(noisy):
            for key, values in block.features.items():
                rows[key] += values
        return rows


@functools.lru_cache(maxsize=32)
def _samples(utterance: Utterance, sr: int) -> NDArray[np.float32]:
    try:
        return audio.decode(utterance.file, sr=sr, start_s=utterance.start_s, end_s=utterance.end_s).y
    except AudioError as error:
        raise AudioError(error.reason, f"{display_path(utterance.key)}: {error.detail}") from error


def noisy_features(
    jobs: Iterable[NoisyJob], extraction: NoisyExtraction, *, n_jobs: int, workers: int
) -> Generator[Rows, None, None]:
    """Do many jobs.

    Parameters
    ----------
    jobs : iterable of NoisyJob
        What to do; read as it is needed.
    extraction : NoisyExtraction
        How.
    n_jobs : int
        How many there are.
    workers : int
        Processes; 0 takes one per core, or this process for a few jobs.

    Yields
    ------
    dict
        As of `NoisyExtraction`, in the order of the jobs. A few jobs per process are held, however slow the caller is.

    Raises
    ------
    AudioError, ComponentError
        As a job raises it.
    SerToolkitError
        If a worker process dies.
    """
    workers = workers or (1 if n_jobs < _FEW else os.cpu_count() or 1)
    if workers == 1:
        yield from map(extraction, jobs)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(extraction,),
    )
    waiting: deque[tuple[NoisyJob, Future[Rows]]] = deque()
    try:
        for job in jobs:
            with _ignoring_interrupts():  # workers inherit it: Ctrl-C is for this process, which then stops them
                waiting.append((job, pool.submit(_work, job)))
            if len(waiting) >= _AHEAD * workers:
                yield _taken(waiting)
        while waiting:
            yield _taken(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: list[NoisyExtraction] = []
"""The front end of this worker process; extractors keep engines that are costly to start."""


def _start_worker(extraction: NoisyExtraction) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [extraction]


def _work(job: NoisyJob) -> Rows:
    return _worker[0](job)


def _taken(waiting: deque[tuple[NoisyJob, Future[Rows]]]) -> Rows:
    job, future = waiting.popleft()
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise SerToolkitError(
            f"a process that extracts features died, at {display_path(job.utterance.key)} with {job.condition.name} or "
            "soon after. Go on with --resume and --set training.workers=1 to see where"
        ) from error


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

"""Many utterances to their features, in order: from the cache, in this process, or in several."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from ser_toolkit.errors import SerToolkitError
from ser_toolkit.training.extraction import Extracted, Extraction, Job, Known

__all__ = ["extract_all"]

_FEW = 40
"""Fewer recordings than this are extracted in this process: starting others takes longer."""

_THREADS = 8


def extract_all(
    jobs: Sequence[Job], extraction: Extraction, *, workers: int, on_done: Callable[[], None]
) -> Iterator[Extracted]:
    """Extract many utterances.

    Parameters
    ----------
    jobs : sequence of Job
        What to extract.
    extraction : Extraction
        How.
    workers : int
        Processes for what the cache does not hold; 0 takes one per core, or this process for a few.
    on_done : callable
        Called once per utterance, not in order.

    Yields
    ------
    Extracted
        In the order of `jobs`.

    Raises
    ------
    ComponentError
        If an extractor breaks its interface.
    SerToolkitError
        If a worker process dies.
    """
    known = _look_up(jobs, extraction, on_done)
    missing = [job for job, hashes in zip(jobs, known, strict=True) if hashes is None]
    with contextlib.closing(_compute(missing, extraction, workers)) as computed:
        for job, hashes in zip(jobs, known, strict=True):
            result = None
            if hashes is None:
                result = next(computed)
                on_done()
            else:
                result = extraction.load(job, hashes)
            yield result or extraction(job)


def _look_up(jobs: Sequence[Job], extraction: Extraction, on_done: Callable[[], None]) -> list[Known | None]:
    if extraction.keys is None:
        return [None] * len(jobs)
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1))
    found = []
    try:
        for known in pool.map(extraction.look_up, jobs):
            found.append(known)
            if known is not None:
                on_done()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return found


_worker: list[Extraction] = []
"""The front end of this worker process; extractors keep engines that are costly to start."""


def _start_worker(extraction: Extraction) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [extraction]


def _work(job: Job) -> Extracted:
    return _worker[0](job)


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


def _compute(jobs: Sequence[Job], extraction: Extraction, workers: int) -> Generator[Extracted, None, None]:
    workers = workers or (1 if sum(1 + job.copies for job in jobs) < _FEW else os.cpu_count() or 1)
    if workers == 1 or not jobs:
        yield from (extraction(job) for job in jobs)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(extraction,),
    )
    done = 0
    try:
        with _ignoring_interrupts():  # workers inherit it: Ctrl-C is for this process, which then stops them
            results = pool.map(_work, jobs, chunksize=4)
        for result in results:
            done += 1
            yield result
    except BrokenProcessPool as error:
        near = ", ".join(job.utterance.key for job in jobs[done : done + 4 * workers])
        raise SerToolkitError(
            f"a process that extracts features died, at one of: {near}. "
            "Run again with --set training.workers=1 to see which"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

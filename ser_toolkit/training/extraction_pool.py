"""Many utterances to their features, in order: from the cache, in this process, or in several."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ser_toolkit.data.process_map import process_map
from ser_toolkit.training.extraction import Extracted, Extraction, Job, Known

__all__ = ["extract_all"]

_SHOWN = 8

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
    n_jobs = sum(1 + job.copies for job in missing)
    with contextlib.closing(process_map(extraction, missing, n_jobs=n_jobs, workers=workers, died=_died)) as computed:
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


def _died(near: Sequence[Job]) -> str:
    named = ", ".join(job.utterance.key for job in near[:_SHOWN])
    return (
        f"a process that extracts features died, at one of: {named}. "
        "Run again with --set training.workers=1 to see which"
    )

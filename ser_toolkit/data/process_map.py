"""A function over many jobs, in this process or in several, in order and a bounded number at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ser_toolkit.errors import SerToolkitError

__all__ = ["process_map"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_FEW = 40
"""Fewer jobs than this are done in this process: starting others takes longer."""

_AHEAD = 8
"""Jobs per worker that are begun before the first of them is taken."""


def process_map(
    function: Callable[[_Job], _Result],
    jobs: Iterable[_Job],
    *,
    n_jobs: int,
    workers: int,
    died: Callable[[Sequence[_Job]], str],
) -> Generator[_Result, None, None]:
    """Do many jobs.

    Parameters
    ----------
    function : callable
        Picklable; each process has a copy of its own, whose engines are started once.
    jobs : iterable
        Picklable; read as they are needed.
    n_jobs : int
        How many there are.
    workers : int
        Processes; 0 takes one per core, or this process for a few jobs.
    died : callable
        What to say if a process dies, of the jobs that may have killed it.

    Yields
    ------
    object
        Results in the order of the jobs. A few per process are held, however slow the caller is.

    Raises
    ------
    Exception
        As a job raises it.
    SerToolkitError
        If a process dies.
    """
    workers = workers or (1 if n_jobs < _FEW else os.cpu_count() or 1)
    if workers == 1 or not n_jobs:
        yield from map(function, jobs)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(function,)
    )
    waiting: deque[tuple[_Job, Future[_Result]]] = deque()
    try:
        for job in jobs:
            with _ignoring_interrupts():  # workers inherit it: Ctrl-C is for this process, which then stops them
                waiting.append((job, pool.submit(_work, job)))
            if len(waiting) >= _AHEAD * workers:
                yield waiting[0][1].result()
                waiting.popleft()
        while waiting:
            yield waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool as error:
        raise SerToolkitError(died([job for job, _ in waiting])) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: list[Callable[[Any], Any]] = []
"""The function of this worker process."""


def _start_worker(function: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [function]


def _work(job: Any) -> Any:
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

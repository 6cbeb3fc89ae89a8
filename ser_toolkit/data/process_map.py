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
from contextvars import ContextVar
from typing import Any, TypeVar

from ser_toolkit.errors import SerToolkitError

__all__ = ["jobs_on_ray", "process_map"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_FEW = 40
"""Fewer jobs than this are done in this process: starting others takes longer."""

_AHEAD = 8
"""Jobs per worker that are begun before the first of them is taken."""


_ray_address: ContextVar[str | None] = ContextVar("ray_address", default=None)


@contextlib.contextmanager
def jobs_on_ray(address: str = "") -> Iterator[None]:
    """In this block `process_map` is done by a Ray cluster, as joblib's backends are chosen: callers need not know.

    Parameters
    ----------
    address : str, optional
        As for `ser_toolkit.ray_engine.cluster.connected`.

    Raises
    ------
    MissingTierError
        If Ray is not installed.

    Examples
    --------
    >>> from ser_toolkit.data.process_map import jobs_on_ray
    >>> with jobs_on_ray("auto"):  # doctest: +SKIP
    ...     ser_toolkit.train("corpus/manifest.csv", out="runs/first")
    """
    from ser_toolkit.ray_engine.cluster import require_ray

    require_ray()
    before = _ray_address.set(address)
    try:
        yield
    finally:
        _ray_address.reset(before)


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
        Processes; 0 takes one per core, or this process for a few jobs. Of a cluster (`jobs_on_ray`): at most so many.
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
    address = _ray_address.get()
    if address is not None and n_jobs:
        from ser_toolkit.ray_engine.jobs import ray_map

        yield from ray_map(function, jobs, address=address, workers=workers, died=died)
        return
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

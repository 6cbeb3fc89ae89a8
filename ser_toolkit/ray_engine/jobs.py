"""A function over many jobs on a Ray cluster, in order: what `ser_toolkit.data.process_map` is on one machine."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ser_toolkit.errors import SerToolkitError
from ser_toolkit.ray_engine.cluster import connected, shared_environment

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ray_map"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

_JOBS = 4  # of a block
_AT_ONCE = 10_000  # as many are sent at a time, and no more results than these are ever waited for
_TRIES = 2  # more, where the process of a job ends
_CPUS = 0.9
_BYTES = 500 * 2**20
_SHOWN = 8


def ray_map(
    function: Callable[[_Job], _Result],
    jobs: Iterable[_Job],
    *,
    address: str,
    workers: int,
    died: Callable[[Sequence[_Job]], str],
) -> Generator[_Result, None, None]:
    """Do many jobs on a cluster.

    Parameters
    ----------
    function : callable
        Picklable; each actor has a copy of its own.
    jobs : iterable
        Picklable; read as they are needed.
    address : str
        As for `ser_toolkit.ray_engine.cluster.connected`.
    workers : int
        Most processes; 0 takes one per core of the cluster.
    died : callable
        What to say if jobs end their processes again and again, of the first that are not done.

    Yields
    ------
    object
        Results in the order of the jobs.

    Raises
    ------
    Exception
        As a job raises it.
    SerToolkitError
        If a job ends its process three times. A machine that is lost is no reason: others do its jobs again.
    """
    from ray.exceptions import RayError

    with connected(address) as cluster:
        rest = iter(jobs)
        while some := list(itertools.islice(rest, _AT_ONCE)):
            waiting = deque(some)
            try:
                for result in _mapped(function, some, n=workers or cluster.n_cpus):
                    waiting.popleft()
                    yield result
            except RayError as error:
                raise SerToolkitError(died(list(itertools.islice(waiting, _SHOWN)))) from error


class _Actor:
    """The function in an actor."""

    def __init__(self, function: Callable[[Any], Any], environment: dict[str, str], folder: str) -> None:
        os.environ.update(environment)
        with contextlib.suppress(OSError):  # where paths that are not absolute begin
            os.chdir(folder)
        self._function = function

    def __call__(self, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for value in batch.column("data"):
            yield _packed([self._done(pickle.loads(value.as_buffer()))])

    def _done(self, job: Any) -> tuple[bool, Any]:
        try:
            return True, self._function(job)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is taken
            return False, error


def _packed(values: Iterable[Any]) -> pyarrow.Table:
    import pyarrow

    return pyarrow.table({"data": pyarrow.array([pickle.dumps(v, protocol=5) for v in values], pyarrow.large_binary())})


def _mapped(function: Callable[[Any], Any], jobs: Sequence[Any], *, n: int) -> Iterator[Any]:
    import ray.data

    from ser_toolkit.ray_engine.mapping import context

    settings = context()
    settings.execution_options.preserve_order = True
    settings.max_errored_blocks = 0
    tables = [_packed(jobs[first : first + _JOBS]) for first in range(0, len(jobs), _JOBS)]
    with ray.data.DataContext.current(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = ray.data.from_arrow(tables).map_batches(
            _Actor,
            fn_constructor_args=(function, shared_environment(), os.getcwd()),  # noqa: PTH109
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n, initial_size=n),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=_CPUS,
            memory=_BYTES,
            max_restarts=-1,
            max_task_retries=_TRIES,
        )
        for table in made.iter_batches(batch_size=None, batch_format="pyarrow"):
            for value in cast("pyarrow.Table", table).column("data"):
                worked, result = pickle.loads(value.as_buffer())
                if not worked:
                    raise result
                yield result

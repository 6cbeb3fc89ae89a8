"""Worker processes that may die, hang or be killed without taking the run with them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from ser_toolkit import errors
from ser_toolkit.errors import SerToolkitError
from ser_toolkit.inference.worker import Role, work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from ser_toolkit.inference.plan import Plan

__all__ = ["Pool", "Task", "Worker"]

Task = tuple[Any, ...]
"""As `ser_toolkit.inference.worker.work` takes them; a file comes with its index in second place."""

_START_S = 300.0
_STARTS = 5
_STARTS_AGAIN = 20  # the model can be opened: somebody kills
_END_S = 10.0
_GLANCE_S = 1.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(eq=False)
class Worker:
    """A process and what it has to do.

    One that `waits` for a word from here has all the time it needs; `half_done` is the file of which it has given some
    pieces and not the last.
    """

    process: BaseProcess
    connection: Connection
    reads: bool = False
    waits: bool = False
    half_done: int = -1
    tasks: deque[Task] = field(default_factory=deque)
    ready: bool = False
    alive_at: float = 0.0


class Pool:
    """Processes that run `ser_toolkit.inference.worker.work`.

    Parameters
    ----------
    plan : Plan
        For their stages.
    infer : bool
        They run the network; else they send features.
    n_workers : int
        Processes, at least 1.
    timeout_s : float
        A process that says nothing for so long while it has a task is killed.

    Attributes
    ----------
    workers : list of Worker
        Those that live.
    """

    def __init__(self, plan: Plan, *, infer: bool, n_workers: int, timeout_s: float) -> None:
        self.workers: list[Worker] = []
        self._plan, self._n_workers, self._timeout_s = plan, n_workers, timeout_s
        self._role: Role = "infer" if infer else "extract"
        self._starts_failed = 0
        self._opens = False  # whether the model has been opened by any
        self._looked_at = time.monotonic()

    def __enter__(self) -> Pool:
        for _ in range(self._n_workers):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all processes at once: what they have in hand is lost."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.connection.close()
            worker.process.join()
        self.workers.clear()

    def give(self, worker: Worker, task: Task) -> bool:
        """Send a task; False if the process has just died, which `wait` will tell."""
        if not worker.tasks:
            worker.alive_at = time.monotonic()
        try:
            worker.connection.send(task)
        except OSError:
            return False
        worker.tasks.append(task)
        return True

    def tell(self, worker: Worker, message: Task) -> None:
        """Send something that is no task of its own."""
        worker.alive_at = time.monotonic()
        with contextlib.suppress(OSError):  # `wait` will tell that it died
            worker.connection.send(message)

    def wait(self, *, block: bool = True) -> list[tuple[Any, ...]]:
        """What processes say.

        Parameters
        ----------
        block : bool, optional
            Wait until there is something.

        Returns
        -------
        list of tuple
            What workers send (but ``"done"`` as ``("done", worker, seconds)``), and for each that died
            ``("lost", task, why)`` with the task that it was at, and ``("back", task)`` with those that it had not
            begun. ``why`` is a pair of reason and detail, as of a file.

        Raises
        ------
        SerToolkitError
            If processes cannot be started; of the type that the worker raised.
        """
        said: list[tuple[Any, ...]] = []
        ready = wait([w.connection for w in self.workers], self._until_deadline() if block else 0.0)
        self._forgive()
        for worker in [w for w in self.workers if w.connection in ready]:
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                said += self._ended(worker, why=None)
                continue
            worker.alive_at = time.monotonic()
            match message:
                case ("ready", *_):
                    worker.ready, self._starts_failed, self._opens = True, 0, True
                    said.append(message)
                case ("broken", kind, text):
                    raise _error(kind, text)
                case ("done", _, seconds):
                    worker.tasks.popleft()
                    said.append(("done", worker, seconds))
                case _:
                    said.append((*message, worker))
        for worker in [w for w in self.workers if self._deadline(w) < time.monotonic()]:
            limit_s = self._timeout_s if worker.ready else _START_S
            said += self._ended(worker, why=("timed out", f"nothing came of it in {limit_s:g} s"))
        return said

    def stop(self, worker: Worker) -> None:
        """End one process for good."""
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)

    def reader(self) -> Worker:
        """One process more, which reads long files and computes nothing."""
        return self._start(reads=True)

    def _deadline(self, worker: Worker) -> float:
        if not worker.ready:
            return worker.alive_at + _START_S
        return worker.alive_at + self._timeout_s if worker.tasks and not worker.waits else float("inf")

    def _until_deadline(self) -> float:
        first = min((self._deadline(w) for w in self.workers), default=float("inf"))
        return min(_GLANCE_S, max(0.0, first - time.monotonic()))

    def _forgive(self) -> None:
        """Processes have all their time again if nobody looked for long: this one was stopped, and so may they be."""
        now = time.monotonic()
        if now - self._looked_at > 2 * _GLANCE_S:
            for worker in self.workers:
                worker.alive_at = now
        self._looked_at = now

    def _ended(self, worker: Worker, *, why: tuple[str, str] | None) -> list[tuple[Any, ...]]:
        """Bury a process and start another."""
        if why is None:
            worker.process.join(_END_S)  # it has hung up, and is about to end with the code that says why
        self.stop(worker)
        why = why or ("crashed", f"the process that worked on it ended: {_cause(worker.process.exitcode)}")
        if not worker.ready:
            self._starts_failed += 1
            if self._starts_failed >= (_STARTS_AGAIN if self._opens else _STARTS):
                raise SerToolkitError(
                    f"processes that analyze end while they open the model: {_cause(worker.process.exitcode)}. "
                    "`ser-toolkit doctor` looks for the cause"
                )
        if not worker.reads:
            self._replace()
        lost, *begun = (*worker.tasks,) or (None,)
        return [("lost", lost, why, worker), *(("back", task) for task in begun)]

    def _replace(self) -> None:
        try:
            self._start()
        except SerToolkitError:
            if all(w.reads for w in self.workers):
                raise

    def _start(self, *, reads: bool = False) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        args = (self._plan, "read" if reads else self._role, theirs)
        process = context.Process(target=work, args=args, daemon=True)
        try:
            with _deaf_to_interrupts(), _single_threads():
                process.start()
        except OSError as error:
            raise SerToolkitError(
                f"a process cannot be started: {error.strerror or error}. Try fewer --workers"
            ) from error
        theirs.close()
        worker = Worker(process=process, connection=ours, reads=reads, alive_at=time.monotonic())
        self.workers.append(worker)
        return worker


def _error(kind: str, text: str) -> SerToolkitError:
    """What a worker raised at its start."""
    cls = getattr(errors, kind, None)
    known = isinstance(cls, type) and issubclass(cls, SerToolkitError) and cls is not errors.AudioError
    return cls(text) if known else SerToolkitError(f"{kind}: {text}")  # type: ignore[misc]


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exitcode).name
            return f"{name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
    return f"exit code {exitcode}"


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started meanwhile never hears Ctrl-C; this process hears it a moment later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    # a mask is for one thread: another one may take the signal, and Python then interrupts the main thread all the same
    ours = callable(handler) and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    resource_tracker.ensure_running()  # its own start would take the mask away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if ours:
            signal.signal(signal.SIGINT, handler)
        if heard and callable(handler):
            handler(signal.SIGINT, None)


@contextlib.contextmanager
def _single_threads() -> Iterator[None]:
    """What is started meanwhile computes with one thread, unless the user says otherwise: there is one per core."""
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]

"""Many files through the stages: what goes to which process, what comes back, and what is tried again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Self

from ser_toolkit.data.files import display_path
from ser_toolkit.data.locations import Url
from ser_toolkit.inference.columns import columns_of, refusal
from ser_toolkit.inference.journal import stamp_of
from ser_toolkit.inference.pool import Pool, Task, Worker
from ser_toolkit.inference.worker import Work, pieces_of

if TYPE_CHECKING:
    from ser_toolkit.data.audio import Recording
    from ser_toolkit.data.files import Found
    from ser_toolkit.inference.plan import Plan, Setup

__all__ = ["DROPPED", "Pipeline", "Row", "decoded", "in_process", "part_of"]

Row = dict[str, Any]
"""As `ser_toolkit.inference.columns.Batch` describes."""

DROPPED = "dropped"
"""Key of a row that says: the rows of this file so far are void, it begins again."""

_AHEAD = 2
_TRIES = 2


def in_process(
    setup: Setup, files: Iterable[tuple[int, Found]], *, infer: bool, seconds: MutableMapping[str, float] | None = None
) -> Iterator[Row]:
    """Rows of files, computed by this process, one file after the other.

    Parameters
    ----------
    setup : Setup
        Front end and network.
    files : iterable of (int, Found)
        Files with their indices.
    infer : bool
        Run the network; else rows have features.
    seconds : mutable mapping, optional
        Where the time of each stage is added up.

    Yields
    ------
    dict
        Rows that have passed all stages.
    """
    stages = Work.of(setup, infer=infer).file
    for index, found in files:
        if found.error is not None:
            yield {"index": index, "path": str(found.path)} | refusal(found.error)
        else:
            row = {"index": index, "path": str(found.path), **part_of(found)}
            yield from pieces_of(stages, columns_of([row]), seconds=seconds)


def part_of(found: Found) -> Row:
    """What the row of a file has in addition where only a part is asked for, or its server said what is in it."""
    part = {} if found.start_s is found.end_s is None else {"start_s": found.start_s, "end_s": found.end_s}
    stamp = stamp_of(found.path) if isinstance(found.path, Url) else None
    return part if stamp is None else {**part, "stamp": stamp}


def decoded(setup: Setup, recording: Recording, *, infer: bool) -> Iterator[Row]:
    """Rows of a recording that is in memory already, computed by this process; otherwise as `in_process`."""
    yield from pieces_of(
        Work.of(setup, infer=infer).decoded,
        {"index": [0], "path": [""], "y": [recording.y], "last": [True], "reading": [recording]},
    )


class Pipeline:
    """Files through worker processes.

    A file goes to one worker, which has the next one at hand. If others have nothing to do while one is at a long file,
    a process of its own reads the rest, and all workers compute its pieces; no more of them are in memory than there
    are workers. What a process was at when it died is tried once more by another; if that dies too, the file has
    failed.

    Parameters
    ----------
    plan : Plan
        For the stages.
    infer : bool
        Run the network in the workers; else rows have features.
    n_workers : int
        Processes that compute.
    timeout_s : float
        Longest time in which nothing comes of a file, or of a piece of a long one.
    say : callable, optional
        Told in a sentence what happened to a process.

    Attributes
    ----------
    seconds : dict of str to float
        Time spent in each stage, of all processes.
    recipe : str
        JSON of the recipe, after `open`.
    warnings : tuple of str
        Of the front end, after `open`.
    n_workers : int
        Processes that compute.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        infer: bool,
        n_workers: int,
        timeout_s: float,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.recipe = ""
        self.warnings: tuple[str, ...] = ()
        self._pool = Pool(plan, infer=infer, n_workers=n_workers, timeout_s=timeout_s)
        self.n_workers = n_workers
        self._say = say or (lambda _: None)
        self._files: Iterator[tuple[int, Found]] = iter(())
        self._rows: deque[Row] = deque()  # to be given
        self._first: deque[Task] = deque()  # tasks that come before other files
        self._pieces: deque[Row] = deque()  # of the file that is being read
        self._long: deque[Task] = deque()  # files to be read
        self._promised: set[int] = set()  # files that were, or will be
        self._reader: Worker | None = None
        self._n_read = 0  # pieces of that file, counted from its beginning
        self._tries: Counter[tuple[str, int, int]] = Counter()
        self._given_up: set[int] = set()
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        self._pool.__enter__()
        return self

    def __exit__(self, *given: object) -> None:
        self._pool.__exit__(*given)

    @property
    def device(self) -> str:
        """Where workers run the network."""
        return "cpu"

    @property
    def about(self) -> dict[str, str]:
        """What is to be said of machines beside this one."""
        return {}

    def open(self, *, n_workers: int = 1) -> None:
        """Wait until workers are ready.

        Parameters
        ----------
        n_workers : int, optional
            How many; the others may come later.

        Raises
        ------
        SerToolkitError
            If the model cannot be opened.
        """
        while sum(w.ready for w in self._pool.workers) < min(n_workers, self.n_workers):
            for message in self._pool.wait():
                self._hear(message)

    def rows(self, files: Iterable[tuple[int, Found]]) -> Iterator[Row | None]:
        """Rows of files, as they come.

        Parameters
        ----------
        files : iterable of (int, Found)
            Files with their indices; begun in this order.

        Yields
        ------
        dict or None
            Rows that have passed all stages; of a long file in any order. A row with the key `DROPPED` makes those of
            its file so far void. None: there is nothing to be had at the moment.
        """
        self._files = iter(files)
        while self._assign() or self._rows:
            while self._rows:
                yield self._rows.popleft()
            said = self._pool.wait(block=False)
            if not said:
                yield None
                said = self._pool.wait()
            for message in said:
                self._hear(message)

    def _assign(self) -> bool:
        """Give every process something to do; whether anything is being done."""
        if self._long and (self._reader is None or not self._reader.tasks):
            self._reader = self._reader or self._pool.reader()
            task = self._long.popleft()
            self._n_read = task[3]
            if not self._pool.give(self._reader, task):
                self._long.appendleft(task)
        for depth in range(_AHEAD):
            for worker in [w for w in self._pool.workers if not w.reads and len(w.tasks) == depth]:
                task_or_none = self._next(idle=not depth and worker.ready)
                if task_or_none is not None and not self._pool.give(worker, task_or_none):
                    self._first.appendleft(task_or_none)
        if not self._long and any(w.ready and not w.reads and not w.tasks for w in self._pool.workers):
            self._share()
        return any(w.tasks for w in self._pool.workers) or bool(self._first or self._pieces or self._long)

    def _next(self, *, idle: bool) -> Task | None:
        if idle and self._pieces:
            piece = self._pieces.popleft()
            self._read_on()
            return "piece", piece
        if self._first and (idle or self._first[0][0] == "file"):
            return self._first.popleft()
        for index, found in self._files:
            if found.error is None:
                return "file", index, str(found.path), part_of(found)
            self._rows.append({"index": index, "path": str(found.path)} | refusal(found.error))
        return None

    def _share(self) -> None:
        """Somebody has nothing to do: ask who is at a long file to leave the rest of it to all."""
        if self._reader is not None and self._reader.tasks:
            return
        for worker in self._pool.workers:
            if worker.tasks and worker.tasks[0][:2] == ("file", worker.half_done):
                self._pool.tell(worker, ("share", worker.half_done))
                worker.half_done = -1
                return

    def _read_on(self) -> None:
        """Let the reader go on, if there is room for another piece."""
        if self._reader is not None and self._reader.waits and len(self._pieces) < self.n_workers:
            self._reader.waits = False
            self._pool.tell(self._reader, ("next",))

    def _hear(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("ready", recipe, warnings):
                self.recipe, self.warnings = self.recipe or recipe, self.warnings or warnings
            case ("row", index, row, worker):
                if row.get("piece") == 0 and not row.get("status") and not row["last"]:
                    worker.half_done = index
                if index not in self._given_up:
                    self._rows.append(row)
                    if row.get("status") and row.get("piece", 0):
                        self._give_up(index)
            case ("long", index, n, worker):
                self._promised.add(index)
                _, _, path, part = worker.tasks[0]
                self._long.append(("read", index, path, n, part))
            case ("say", text, _):
                if text not in self._said:
                    self._said.add(text)
                    self._say(text)
            case ("piece", index, row, worker):
                self._take_piece(index, row, worker)
            case ("done", _, seconds):
                for stage, spent in seconds.items():
                    self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
            case ("back", task):
                self._first.appendleft(task)
            case ("lost", task, why, worker):
                if worker is self._reader:
                    self._reader = None
                if task is not None:
                    self._lose(task, *why)

    def _take_piece(self, index: int, row: Row, worker: Worker) -> None:
        worker.waits = True
        if row.get("status"):
            self._rows.append(row)
            self._give_up(index)
        else:
            self._n_read = row["piece"] + 1
            self._pieces.append(row)
            self._read_on()

    def _lose(self, task: Task, reason: str, detail: str) -> None:
        """A process ended over a task: once more, or the file has failed."""
        kind = task[0]
        index, path = (task[1]["index"], task[1]["path"]) if kind == "piece" else task[1:3]
        if index in self._given_up or (kind == "file" and index in self._promised):
            return
        key = (kind, index, task[1]["piece"] if kind == "piece" else 0)
        self._tries[key] += 1
        tries = self._tries[key] + (self._tries["file", index, 0] if kind == "piece" else 0)
        shown = display_path(path)
        if reason == "crashed" and tries < _TRIES:
            self._say(f"{shown}: {detail}; it is tried once more")
            if kind == "file":
                self._rows.append({"index": index, "path": path, DROPPED: True})
            if kind == "read":
                self._long.appendleft(("read", index, path, self._n_read, task[4]))
            else:
                self._first.append(task)
            return
        self._say(f"{shown}: {detail}; it is left out")
        self._rows.append({"index": index, "path": path, "status": "failed", "reason": reason, "detail": detail})
        self._give_up(index)

    def _give_up(self, index: int) -> None:
        """Nothing more of a file is computed, read or heard."""
        self._given_up.add(index)
        self._pieces = deque(p for p in self._pieces if p["index"] != index)
        self._first = deque(t for t in self._first if t[0] != "piece" or t[1]["index"] != index)
        self._long = deque(t for t in self._long if t[1] != index)
        if self._reader is not None and self._reader.tasks and self._reader.tasks[0][1] == index:
            self._pool.stop(self._reader)
            self._reader = None

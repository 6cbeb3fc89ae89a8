"""What a worker process does: stages on files, or on pieces of a long one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ser_toolkit.inference.columns import Batch, columns_of, flow, refusal, rows_of
from ser_toolkit.inference.graph import check_graph
from ser_toolkit.inference.hear import Hear
from ser_toolkit.inference.kept import Recall, Remember
from ser_toolkit.inference.prepare import Prepare
from ser_toolkit.inference.stages import Check, Decode, Extract, Infer, Segment
from ser_toolkit.recipe import Recipe

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from ser_toolkit.inference.columns import Stage
    from ser_toolkit.inference.plan import Plan, Setup

__all__ = ["Role", "Work", "light", "pieces_of", "work"]

Role = Literal["infer", "extract", "read"]

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Work:
    """The stages from a file to what is said of it: the one description that the local pool and Ray go by.

    Parameters
    ----------
    reading : tuple of Stage
        From a file to pieces, or to what the cache holds of it.
    computing : tuple of Stage
        From those to features, a piece at a time, in any order and by any process.
    network : tuple of Stage
        From features to probabilities; none if features are what is wanted.
    """

    reading: tuple[Stage, ...]
    computing: tuple[Stage, ...]
    network: tuple[Stage, ...]

    @classmethod
    def of(cls, setup: Setup, *, infer: bool) -> Work:
        """Stages for a setup.

        Parameters
        ----------
        setup : Setup
            Front end, network and cache.
        infer : bool
            Run the network; else features are what is sent back.
        """
        features = setup.front_end().features
        prepare: tuple[Stage, ...] = (Prepare(setup=setup),) if features.recording_steps else ()
        extract: tuple[Stage, ...] = tuple(Extract(setup=setup, key=key) for key in features.extractors)
        hear: tuple[Stage, ...] = (Hear(setup=setup),) if setup.speech else ()
        return cls(
            reading=(
                Recall(setup=setup), Decode(setup=setup), Check(setup=setup), *prepare, Segment(setup=setup)
            ),
            computing=(*hear, *extract, Remember(setup=setup)),
            network=(Infer(setup=setup),) if infer else (),
        )  # fmt: skip

    @property
    def file(self) -> tuple[Stage, ...]:
        """From a file to what is sent back."""
        return (*self.reading, *self.piece)

    @property
    def read(self) -> tuple[Stage, ...]:
        """From a file to pieces, whatever the cache holds."""
        return self.reading[1:]

    @property
    def piece(self) -> tuple[Stage, ...]:
        """From a piece to what is sent back."""
        return (*self.computing, *self.network)

    @property
    def decoded(self) -> tuple[Stage, ...]:
        """From the samples of a recording to what is sent back."""
        return (*self.read[1:], *self.piece)


def pieces_of(
    stages: Sequence[Stage], batch: Batch, *, seconds: MutableMapping[str, float] | None = None
) -> Iterator[Row]:
    """Rows of one file through stages; whatever goes wrong becomes its last row.

    Parameters
    ----------
    stages : sequence of Stage
        In order.
    batch : dict of list
        One row: the file, or a piece of it.
    seconds : mutable mapping, optional
        Where the time of each stage is added up.

    Yields
    ------
    dict
        Rows without audio.
    """
    (start,) = rows_of({key: batch[key] for key in ("index", "path")})
    try:
        for made in flow(stages, batch, seconds=seconds):
            for row in rows_of(made):
                yield row
                if row.get("status"):
                    return
    except Exception as error:  # noqa: BLE001 - one file must not end the run, and its row says what happened
        yield start | refusal(error)


def work(plan: Plan, role: Role, connection: Connection) -> None:
    """Serve tasks until the connection closes.

    Parameters
    ----------
    plan : Plan
        For the stages.
    role : {"infer", "extract", "read"}
        What is done with files: features and network, features only, or nothing: a reader only cuts long ones.
    connection : Connection
        To the process that started this one.

    Notes
    -----
    Tasks are ``("file", index, path, part)``, ``("piece", row)`` and ``("read", index, path, first, part)``; the part
    of a file is what its row has in addition, see `ser_toolkit.inference.columns.Batch`. Answers are
    ``("ready", recipe, warnings)`` or ``("broken", class, text)`` at the start, then ``("row", index, row)``,
    ``("say", text)`` for people, and ``("done", index, seconds)``. ``("share", index)`` asks who is at a file to leave
    the rest of it to others: it answers ``("long", index, n)`` with the number of the first piece that it has not
    done. A reader sends ``("piece", index, row)`` and waits for ``("next",)`` each time.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _end_with_parent()
    try:
        works = Work.of(plan, infer=role == "infer")
        front = plan.front_end()
        if role == "infer" and isinstance(front.recipe, Recipe):
            check_graph(Path(plan.model), plan.session(), front.specs, recipe=front.recipe)
        connection.send(("ready", plan.recipe_json(), () if role == "read" else front.warnings))
    except Exception as error:  # noqa: BLE001 - the process that started this one says it
        connection.send(("broken", type(error).__name__, str(error)))
        return
    tasks: deque[Any] = deque()
    try:
        while True:
            task = tasks.popleft() if tasks else connection.recv()
            seconds: dict[str, float] = {}
            match task:
                case ("share", _):
                    continue  # that file is done
                case ("file", index, path, part):
                    _file(works, {"index": index, "path": path, **part}, connection, tasks, seconds)
                case ("piece", row):
                    index = row["index"]
                    for made in pieces_of(works.piece, columns_of([row]), seconds=seconds):
                        connection.send(("row", index, light(made)))
                case ("read", index, path, first, part):
                    _read(works, {"index": index, "path": path, **part}, first, connection, seconds)
            for warning in _news(plan):
                connection.send(("say", warning))
            connection.send(("done", index, seconds))
    except (EOFError, OSError):  # the process that started this one has gone
        return


def _end_with_parent() -> None:
    """See to it that this process ends with the one that started it, whatever a plugin is at."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":  # code that keeps Python's lock is ended by SIGIO
        import fcntl

        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, os.O_ASYNC | fcntl.fcntl(parent.sentinel, fcntl.F_GETFL))
    threading.Thread(target=_wait_and_end, args=(parent.sentinel,), daemon=True).start()


def _wait_and_end(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _news(plan: Plan) -> list[str]:
    """What the cache has to say, once."""
    found = plan.cache()
    said = list(found[0].warnings) if found else []
    if found:
        found[0].warnings.clear()
    return said


def _file(
    works: Work, file: Row, connection: Connection, tasks: deque[Any], seconds: MutableMapping[str, float]
) -> None:
    index = file["index"]
    for n, row in enumerate(pieces_of(works.file, columns_of([file]), seconds=seconds), start=1):
        connection.send(("row", index, light(row)))
        while connection.poll():
            tasks.append(connection.recv())
        if ("share", index) in tasks and not row.get("status") and not row["last"]:
            connection.send(("long", index, n))
            return


def _read(works: Work, file: Row, first: int, connection: Connection, seconds: dict[str, float]) -> None:
    index = file["index"]
    for row in pieces_of(works.read, columns_of([file]), seconds=seconds):
        if not row.get("status") and row["piece"] < first:
            continue
        connection.send(("piece", index, row))
        if connection.recv() != ("next",):
            return


def light(row: Row) -> Row:
    """A row without what nobody needs any more."""
    return {key: value for key, value in row.items() if key not in ("y", "samples", "content")}

"""Files whose actor died, once more, each in a task of its own: so that one is to blame and the others are not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ser_toolkit.ray_engine.actors import Duty, Stages
from ser_toolkit.ray_engine.parcels import Parcel

if TYPE_CHECKING:
    from ser_toolkit.inference.pipeline import Row

__all__ = ["alone"]

_TRIES = 3  # where a machine was lost, and not only a process
_GLANCE_S = 1.0
_COMPUTE_CPUS = 0.9


@dataclass(eq=False)
class _Task:
    """A file that is being done."""

    row: Row
    answers: Any
    tries: int
    heard_at: float = 0.0  # 0: it has not begun


def alone(rows: Sequence[Row], duty: Duty, *, n: int) -> Iterator[Parcel]:
    """Files through all stages, each in a process that does nothing else at the time.

    Parameters
    ----------
    rows : sequence of dict
        Of files.
    duty : Duty
        Its groups are those behind the reading.
    n : int
        Files at a time.

    Yields
    ------
    Parcel
        Rows that have passed all stages; or a row that says that the file has failed: ``"crashed"`` if its process
        ended, ``"timed out"`` if nothing came of it in time.
    """
    import ray

    remote = ray.remote(_file).options(num_cpus=_COMPUTE_CPUS, max_retries=0, num_returns="streaming")
    duty = replace(duty, groups=("reading", *duty.groups))
    waiting = deque((row, 1) for row in rows)
    running: list[_Task] = []
    while waiting or running:
        while waiting and len(running) < n:
            row, tries = waiting.popleft()
            running.append(_Task(row=row, answers=remote.remote(duty, row), tries=tries))
        ready, _ = ray.wait([task.answers for task in running], timeout=_GLANCE_S)
        for task in [task for task in running if task.answers in ready]:
            said = _next(task)
            if isinstance(said, Parcel):
                yield said
                continue
            if said is _BEGUN:
                continue
            running.remove(task)
            if said is _LOST and task.tries < _TRIES:
                waiting.append((task.row, task.tries + 1))
            elif said is _LOST:
                yield _failed(task.row, "crashed", f"the machine that worked on it was lost, {_TRIES} times")
            elif said is not _ENDED:
                yield _failed(task.row, "crashed", f"the process that worked on it ended twice{said}")
        for task in [task for task in running if task.heard_at and time.monotonic() - task.heard_at > duty.timeout_s]:
            ray.cancel(task.answers, force=True)
            running.remove(task)
            yield _failed(task.row, "timed out", f"nothing came of it in {duty.timeout_s:g} s")


_BEGUN, _ENDED, _LOST = object(), object(), object()


def _file(duty: Duty, row: Row) -> Iterator[Parcel | None]:
    """The task: None as soon as it can begin, then rows."""
    stages = Stages(replace(duty, timeout_s=2 * duty.timeout_s))  # whoever waits for it measures
    yield None
    yield from stages.rows(row)


def _next(task: _Task) -> Any:
    """What a task says next; a text tells how its process ended."""
    import ray
    from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayError, RayTaskError

    try:
        parcel = ray.get(next(task.answers))
    except StopIteration:
        return _ENDED
    except (NodeDiedError, ObjectLostError):
        return _LOST
    except OutOfMemoryError:
        return ": out of memory"
    except RayTaskError as error:
        return f": {error.cause}"[:500]
    except RayError:
        return ""
    task.heard_at = time.monotonic()
    return _BEGUN if parcel is None else parcel


def _failed(row: Row, reason: str, detail: str) -> Parcel:
    return Parcel(row={**row, "status": "failed", "reason": reason, "detail": detail})

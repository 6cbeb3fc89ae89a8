"""Several processes of one training, as torchrun and accelerate's launcher start them."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from ser_toolkit.errors import SerToolkitError

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["STEP_LIMIT", "agreed", "first_here", "give_way", "in_one_job", "process_count", "waiting_for_main"]

T = TypeVar("T")

STEP_LIMIT = datetime.timedelta(hours=2)
"""Longest time in which nothing comes from another process while a network is trained; scoring and writing count."""

_EXTRACTION_LIMIT = datetime.timedelta(days=7)

_PAUSE_S = 5.0
"""Launchers look every tenth of a second whether a process has failed, and end the others."""


def process_count() -> int:
    """Processes that a launcher started, of all nodes; 1 without a launcher."""
    said = os.environ.get("WORLD_SIZE", "1")
    return int(said) if said.isdecimal() else 1


def first_here() -> bool:
    """Whether this process is the one of its node that talks; true without a launcher."""
    return process_count() == 1 or os.environ.get("LOCAL_RANK", "0") == "0"


def give_way() -> str:
    """Let the first process of a node say what is wrong, and be ended by the launcher if it has.

    Returns
    -------
    str
        What a message begins with where only this process has something to say: ``"process 1 of 2: "``.
    """
    if first_here():
        return ""
    time.sleep(_PAUSE_S)
    return f"process {os.environ.get('RANK', '?')} of {process_count()}: "


def agreed(accelerator: Accelerator | None, decide: Callable[[], T]) -> T:
    """What the main process finds, in all processes; only that one looks.

    Parameters
    ----------
    accelerator : Accelerator or None
        The processes; None: this one alone.
    decide : callable
        Called in the main process. What it gives must be picklable; it is sent to the other processes only.

    Returns
    -------
    Any
        The same everywhere, also where a file system shows other nodes a change late.
    """
    if accelerator is None or accelerator.num_processes == 1:
        return decide()
    from accelerate.utils import broadcast_object_list

    found: list[T | None] = [decide() if accelerator.is_main_process else None]
    broadcast_object_list(found)
    return found[0]  # type: ignore[return-value]


@contextlib.contextmanager
def waiting_for_main(accelerator: Accelerator | None) -> Iterator[Callable[[], None]]:
    """A place to wait for work of the main process that takes hours or days, such as extraction.

    Parameters
    ----------
    accelerator : Accelerator or None
        The processes; None: this one alone.

    Yields
    ------
    callable
        Returns when all processes have called it. Processes that wait use no GPU and next to no CPU.
    """
    if accelerator is None or accelerator.num_processes == 1:
        yield lambda: None
        return
    import torch.distributed as dist

    group = dist.new_group(backend="gloo", timeout=_EXTRACTION_LIMIT)
    yield lambda: dist.barrier(group=group)
    dist.destroy_process_group(group)


@contextlib.contextmanager
def in_one_job(accelerator: Accelerator | None) -> Iterator[None]:
    """Say in a sentence that another process has gone, which the connections to it report at great length.

    Raises
    ------
    SerToolkitError
        If that is why the body failed.
    """
    try:
        yield
    except RuntimeError as error:
        if accelerator is None or accelerator.num_processes == 1 or not _is_lost(error):
            raise
        raise SerToolkitError(
            f"another of the {accelerator.num_processes} processes of this training has ended or cannot be reached: "
            "see what it, or the launcher, says. What is done is kept: start all of them again with --resume"
        ) from error


def _is_lost(error: RuntimeError) -> bool:
    """Whether a collective operation failed; gloo raises bare RuntimeErrors that name its source."""
    import torch.distributed as dist

    return isinstance(error, dist.DistError) or "gloo" in str(error)

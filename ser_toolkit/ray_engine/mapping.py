"""The stages on Ray Data: which actors there are, how much each takes, and what travels at a time."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ser_toolkit.ray_engine.actors import Duty, Network, Stages
from ser_toolkit.ray_engine.parcels import Parcel, packed, unpacked

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Share", "context", "mapped", "share_of", "tables_of"]

_READ_CPUS, _COMPUTE_CPUS = 0.1, 0.9  # decoding takes a fiftieth of what features do, and is never what is waited for
_COMPUTING_PER_READING = 4
_READ_BYTES, _COMPUTE_BYTES = 300 * 2**20, 500 * 2**20  # what Ray sets aside on a machine, no limit
_NETWORK_BYTES = 2 * 2**30
_BLOCK_BYTES = 8 * 2**20  # some forty windows with their audio: a second of work
_NETWORK_ROWS = 64
_FILES = 32  # of a block that is read: fewer make more work for Ray than for the stages
_AHEAD = 2


@dataclass(frozen=True, kw_only=True)
class Share:
    """Actors of a run.

    Parameters
    ----------
    computing : int
        Most processes that compute features, and the network where there is no GPU.
    reading : int
        Most processes that decode.
    network : int
        Processes with a GPU of their own that run the network; 0: those that compute do.
    """

    computing: int
    reading: int
    network: int = 0


def share_of(n_cpus: int, *, n_workers: int | None = None, n_gpus: int = 0) -> Share:
    """How a cluster is divided.

    Parameters
    ----------
    n_cpus : int
        Cores of the cluster.
    n_workers : int, optional
        Processes that compute; default: one per core.
    n_gpus : int, optional
        GPUs that run the network.
    """
    computing = max(1, n_cpus if n_workers is None else n_workers)
    return Share(computing=computing, reading=math.ceil(computing / _COMPUTING_PER_READING), network=n_gpus)


def tables_of(rows: Sequence[dict[str, Any]], *, computing: int) -> list[pyarrow.Table]:
    """Rows of files as the blocks that are read at a time; small enough that every process gets some."""
    size = max(1, min(_FILES, len(rows) // (computing * _AHEAD)))
    return [
        packed([Parcel(row=row) for row in rows[first : first + size]]) for first in range(0, len(rows), size)
    ]  # fmt: skip


def mapped(tables: Iterable[pyarrow.Table], duty: Duty, share: Share) -> Iterator[Parcel]:
    """Files through the stages on the cluster that this process is connected to.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Blocks of files, from `tables_of`.
    duty : Duty
        Its groups are those behind the reading.
    share : Share
        Actors.

    Yields
    ------
    Parcel
        Rows that have passed all stages, in any order. Those of a task whose actor died are missing.

    Raises
    ------
    ray.exceptions.RayError
        If the run cannot go on, for instance because a node took results with it.

    Notes
    -----
    Blocks stream: a stage takes its next one when the stage behind it, and the memory of the object store, have room.
    A task is never begun again by Ray: what dies over one file would take the next actor with it, without end.
    """
    import ray.data

    def dealt(groups: tuple[Any, ...]) -> dict[str, Any]:
        return {
            "fn_constructor_args": (dataclasses.replace(duty, groups=groups),),
            "batch_size": None,
            "batch_format": "pyarrow",
            "zero_copy_batch": True,
            "max_restarts": -1,
            "max_task_retries": 0,
        }

    with ray.data.DataContext.current(context()), warnings.catch_warnings():
        # Ray 2.64 takes no `max_task_retries` here: the tier stays below it
        warnings.simplefilter("ignore", DeprecationWarning)
        made = ray.data.from_arrow(list(tables)).map_batches(
            Stages,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=share.reading),
            num_cpus=_READ_CPUS,
            memory=_READ_BYTES,
            **dealt(("reading",)),
        )
        behind = tuple(group for group in duty.groups if group != "network" or not share.network)
        made = made.map_batches(
            Stages,
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=share.computing, initial_size=share.computing, max_tasks_in_flight_per_actor=_AHEAD
            ),
            num_cpus=_COMPUTE_CPUS,
            memory=_COMPUTE_BYTES,
            **dealt(behind),
        )
        if behind != duty.groups:
            made = made.map_batches(
                Network,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=share.network),
                num_cpus=0,
                num_gpus=1,
                memory=_NETWORK_BYTES,
                **dealt(duty.groups) | {"batch_size": _NETWORK_ROWS},
            )
        for table in made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=_AHEAD):
            yield from unpacked(table)


def context() -> Any:
    """Settings of Ray Data for a run: small blocks, no bars of its own, and a task that fails ends nothing else."""
    import ray.data

    made = ray.data.DataContext.get_current().copy()
    made.enable_progress_bars = False
    made.print_on_execution_start = False
    made.max_errored_blocks = -1
    made.target_max_block_size = _BLOCK_BYTES
    made.target_min_block_size = 1
    return made

"""What actors run: groups of the stages of `ser_toolkit.inference.worker.Work`, or the network on a GPU."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ser_toolkit.inference.batch_runner import BatchRunner
from ser_toolkit.inference.columns import columns_of
from ser_toolkit.inference.session import open_session
from ser_toolkit.inference.shared import infer
from ser_toolkit.inference.worker import Work, light, pieces_of
from ser_toolkit.ray_engine.parcels import Parcel, packed, unpacked

if TYPE_CHECKING:
    import pyarrow

    from ser_toolkit.inference.plan import Plan

__all__ = ["Duty", "Group", "Network", "Stages", "added", "watched"]

Row = dict[str, Any]

_STDERR = 2

Group = Literal["reading", "computing", "network"]
"""Stages of `Work` that belong together."""


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What an actor needs to know, as plain values.

    Parameters
    ----------
    plan : Plan
        For the stages.
    groups : tuple of str
        Those that it runs, in order.
    device : str
        Of a network that has an actor of its own.
    timeout_s : float
        An actor that has nothing to show for so long ends itself.
    environment : mapping of str to str
        Variables to set.
    """

    plan: Plan
    groups: tuple[Group, ...]
    device: str = "cpu"
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Make this process as the one that sent it here."""
        os.environ.update(self.environment)


class Stages:
    """Some of the stages, as `ray.data.Dataset.map_batches` takes them: made once in each actor.

    Parameters
    ----------
    duty : Duty
        What it is to do.
    """

    def __init__(self, duty: Duty) -> None:
        duty.begin()
        self._duty = duty
        work = Work.of(duty.plan, infer="network" in duty.groups)
        self._stages = tuple(stage for group in duty.groups for stage in getattr(work, group))
        self._said = [*duty.plan.front_end().warnings] if "computing" in duty.groups else []
        if "network" in duty.groups:
            duty.plan.session()

    def __call__(self, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
        """Rows that follow from these, one table each."""
        for parcel in unpacked(batch):
            before = parcel.seconds
            for made in self.rows(parcel.row):
                yield packed([replace(made, seconds=added(before, made.seconds), said=(*parcel.said, *made.said))])
                before = {}

    def rows(self, row: Row) -> Iterator[Parcel]:
        """What follows from one row."""
        seconds: dict[str, float] = {}
        for made in watched(pieces_of(self._stages, columns_of([row]), seconds=seconds), self._duty.timeout_s):
            kept = made if "computing" not in self._duty.groups else light(made)
            yield Parcel(row=kept, seconds=dict(seconds), said=tuple(self._news()), device=self._device)
            seconds.clear()

    @property
    def _device(self) -> str:
        return "cpu" if "network" in self._duty.groups else ""

    def _news(self) -> list[str]:
        found = self._duty.plan.cache()
        said = [*self._said, *(found[0].warnings if found else ())]
        self._said.clear()
        if found:
            found[0].warnings.clear()
        return said


class Network:
    """The network by itself, on the device that Ray gives its actor; see `ser_toolkit.inference.shared.infer`.

    Parameters
    ----------
    duty : Duty
        What it is to do.
    """

    def __init__(self, duty: Duty) -> None:
        duty.begin()
        front = duty.plan.front_end()
        self._duty, self._specs = duty, front.specs
        self._session = open_session(Path(duty.plan.model), device=duty.device)
        self._runner = BatchRunner(self._session, front.output, front.specs)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        """The same rows with probabilities in place of features."""
        parcels = list(unpacked(batch))
        seconds: dict[str, float] = {}
        rows = infer((parcel.row for parcel in parcels), self._runner, self._specs, seconds=seconds)
        made = [row for row in watched(rows, self._duty.timeout_s) if row is not None]
        said = [f"warning: {self._session.fallback}"] if self._session.fallback else []
        return packed(
            [
                Parcel(
                    row=row,
                    seconds=added(parcel.seconds, {} if i else seconds),
                    said=(*parcel.said, *([] if i else said)),
                    device=self._session.device,
                )
                for i, (row, parcel) in enumerate(zip(made, parcels, strict=True))
            ]
        )


def added(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each stage in either."""
    return {stage: a.get(stage, 0.0) + b.get(stage, 0.0) for stage in {**a, **b}}


def watched(rows: Iterator[Any], timeout_s: float) -> Iterator[Any]:
    """The same; this process ends if the next of them is not there in time, whatever a plugin is at."""
    while True:
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=_STDERR)
        try:
            row = next(rows, None)
        finally:
            faulthandler.cancel_dump_traceback_later()
        if row is None:
            return
        yield row

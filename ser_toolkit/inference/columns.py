"""What passes from stage to stage: columns of equal length, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, Protocol, TypeVar

from ser_toolkit.data.quality import SKIPPED_REASONS
from ser_toolkit.errors import AudioError

__all__ = ["Batch", "Stage", "columns_of", "done", "flow", "only", "refusal", "rows_of"]

_State = TypeVar("_State")

Batch = dict[str, list[Any]]
"""Columns of equal length.

Every row has ``index`` (number of the file) and ``path``; one that asks for a part of the file has ``start_s`` and
``end_s`` as well (seconds or None), and everything else counts from the beginning of that part; one of a file on
another machine may have ``stamp``, its size and version there. `Decode` adds
``y`` (samples), ``last`` (the recording ends with this row), and `Check` to the last one ``duration_s`` and ``notes``.
`ser_toolkit.inference.prepare.Prepare`, where a model has steps before its windows, replaces ``y``; with a cache it
adds ``source``, the hash of a recording that it gave at once, as it was recorded.
`Segment` makes a row of each piece and adds ``piece`` (its number), ``offset`` and ``starts`` (int64, one a window),
``heard`` (which of them are not silent), ``n_samples`` (so far) and ``seconds`` (of audio that no earlier row had).
`ser_toolkit.inference.hear.Hear` adds ``speechless`` (which of those hold no speech) and takes them out of ``heard``.
`Extract` adds to ``features``, a dict of input name to list of arrays, one per heard window. `Infer` adds
``probabilities`` of the heard windows: those of the labels, and after them values of dimensions if the model has any.
A row with a ``status`` is the last of a recording that gives no result; stages let it pass.
"""


class Stage(Protocol):
    """One step, from rows to rows."""

    @property
    def name(self) -> str:
        """For people: ``"decode"``, ``"features: egemaps"``."""
        ...

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """Rows that follow from these rows."""
        ...


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """Columns to rows."""
    return [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]


def columns_of(rows: Sequence[dict[str, Any]]) -> Batch:
    """Rows with the same keys to columns."""
    return {key: [row[key] for row in rows] for key in rows[0]}


def flow(
    stages: Sequence[Stage], batch: Batch, *, seconds: MutableMapping[str, float] | None = None
) -> Iterator[Batch]:
    """Rows through all stages, a few at a time.

    Parameters
    ----------
    stages : sequence of Stage
        In order.
    batch : dict of list
        Rows for the first.
    seconds : mutable mapping, optional
        Where the time of each stage is added up.

    Yields
    ------
    dict of list
        What the last stage gives.
    """
    if not stages:
        yield batch
        return
    stage, *others = stages
    given = stage(batch)
    while True:
        began = time.perf_counter()
        made = next(given, None)
        if seconds is not None:
            seconds[stage.name] = seconds.get(stage.name, 0.0) + time.perf_counter() - began
        if made is None:
            return
        yield from flow(others, made, seconds=seconds)


def refusal(error: Exception) -> dict[str, str]:
    """Columns ``status``, ``reason`` and ``detail`` of a recording that gives no result."""
    if isinstance(error, AudioError):
        status = "skipped" if error.reason in SKIPPED_REASONS else "failed"
        return {"status": status, "reason": error.reason, "detail": error.detail}
    return {"status": "failed", "reason": "crashed", "detail": f"{type(error).__name__}: {error}"[:500]}


def only(states: dict[int, _State], index: int, make: Callable[[], _State]) -> _State:
    """The state of a recording; that of another, which was never finished, is given up."""
    if index not in states:
        states.clear()
        states[index] = make()
    return states[index]


def done(row: dict[str, Any]) -> bool:
    """Whether a row needs no audio: its recording gives no result, or its features are there."""
    return bool(row.get("status") or row.get("features"))

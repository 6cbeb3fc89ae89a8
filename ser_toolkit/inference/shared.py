"""One session for the features of many workers: what a GPU wants."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.columns import refusal
from ser_toolkit.inference.stages import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec

__all__ = ["Runner", "infer"]

WINDOWS_AT_ONCE = 128
"""Windows that are waited for while there are any to come."""

Row = dict[str, Any]


class Runner(Protocol):
    """Runs a network on batches of any size."""

    def run(self, features: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Outputs (n, n_labels + n_dimensions) of features (n, *shape)."""
        ...


def infer(
    rows: Iterable[Row | None],
    runner: Runner,
    specs: Mapping[str, FeatureSpec],
    *,
    seconds: MutableMapping[str, float] | None = None,
) -> Iterator[Row | None]:
    """Probabilities of rows that have features, many windows at a time.

    Parameters
    ----------
    rows : iterable of dict or None
        From `ser_toolkit.inference.pipeline.Pipeline.rows`; with None everything that is there is computed.
    runner : Runner
        Such as `ser_toolkit.inference.batch_runner.BatchRunner`.
    specs : mapping of str to FeatureSpec
        Shapes of the inputs.
    seconds : mutable mapping, optional
        Where the time is added up, as ``"inference"``.

    Yields
    ------
    dict or None
        The same rows in the same order, with probabilities in place of features.
    """
    held: list[Row] = []
    n_windows = 0
    for row in rows:
        if row is not None:
            held.append(row)
            n_windows += int(row["heard"].sum()) if "heard" in row and not row.get("status") else 0
        if row is None or n_windows >= WINDOWS_AT_ONCE:
            yield from _flush(held, runner, specs, seconds)
            held, n_windows = [], 0
        if row is None:
            yield None
    yield from _flush(held, runner, specs, seconds)


def _flush(
    held: list[Row], runner: Runner, specs: Mapping[str, FeatureSpec], seconds: MutableMapping[str, float] | None
) -> Iterator[Row]:
    ready = [row for row in held if "heard" in row and not row.get("status") and row["heard"].any()]
    if ready:
        began = time.perf_counter()
        try:
            _run(ready, runner, specs)
        except Exception:  # noqa: BLE001 - one of them may be the cause: each by itself
            for row in ready:
                try:
                    _run([row], runner, specs)
                except Exception as error:  # noqa: BLE001 - one file must not end the run
                    row |= refusal(error)
        if seconds is not None:
            seconds["inference"] = seconds.get("inference", 0.0) + time.perf_counter() - began
    for row in held:
        yield row | {"features": {}}


def _run(rows: list[Row], runner: Runner, specs: Mapping[str, FeatureSpec]) -> None:
    features = {key: [value for row in rows for value in row["features"][key]] for key in specs}
    probabilities = checked(runner.run(collate(features, specs)))
    ends = np.cumsum([int(row["heard"].sum()) for row in rows])
    for row, part in zip(rows, np.split(probabilities, ends[:-1]), strict=True):
        row["probabilities"] = part

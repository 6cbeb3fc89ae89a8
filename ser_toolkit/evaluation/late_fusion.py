"""Two models as one: the mean of their probabilities, window by window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.predictions import Predictions, concatenate

__all__ = ["late_fusion"]

_TINY = 1e-12


def late_fusion(a: Predictions, b: Predictions) -> Predictions:
    """What two models say together, without any training.

    It tells what a network with both inputs could gain at the least: if the mean of two models is no better than the
    better one, their errors are the same ones.

    Parameters
    ----------
    a, b : Predictions
        Of the same utterances and windows, in the same folds; seeds that only one of them has are left out.

    Returns
    -------
    Predictions
        Mean of the calibrated probabilities of each window, for each common seed; without prediction sets.

    Raises
    ------
    ModelError
        If labels, utterances or windows differ, or there is no common seed.
    """
    seeds = sorted(set(a.seeds) & set(b.seeds))
    if a.labels != b.labels or not seeds:
        raise ModelError(f"no late fusion of labels {a.labels} and {b.labels}, seeds {a.seeds} and {b.seeds}")
    return concatenate([_of_seed(a, b, seed) for seed in seeds])


def _of_seed(a: Predictions, b: Predictions, seed: int) -> Predictions:
    first, second = (p.select(np.array([item.seed == seed for item in p.items])) for p in (a, b))
    order = {item.key: i for i, item in enumerate(second.items)}
    if sorted(order) != sorted(item.key for item in first.items):
        raise ModelError("no late fusion: the models were asked about different utterances")
    windows, starts = second.windows(), np.searchsorted(second.owner, np.arange(len(second.items) + 1))
    rows = [np.arange(starts[order[item.key]], starts[order[item.key] + 1]) for item in first.items]
    if [len(r) for r in rows] != np.bincount(first.owner, minlength=len(first.items)).tolist():
        raise ModelError("no late fusion: the models saw different windows")
    mean = (first.windows() + windows[np.concatenate(rows).astype(np.int64)]) / 2
    return replace(
        first,
        items=tuple(replace(item, temperature=1.0, thresholds=()) for item in first.items),
        logits=np.log(np.maximum(mean, _TINY)),
        alpha=None,
    )

"""Scores by group: is the model as good for women as for men, in every language, for every speaker?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.evaluation.counts import confusion_counts, mean_over_seeds, rates
from ser_toolkit.evaluation.prediction_sets import speaker_names
from ser_toolkit.evaluation.results import Estimate, Gap, GroupRow, GroupTable
from ser_toolkit.evaluation.statistics import estimate, interval, resample, units_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["ATTRIBUTES", "group_tables"]

ATTRIBUTES = ("gender", "language", "corpus", "speaker")
"""Columns of the manifest by which scores are told apart."""


def group_tables(
    predictions: Predictions, predicted: NDArray[np.int64], *, bootstraps: int, seed: int
) -> tuple[GroupTable, ...]:
    """Utterance scores of each group of each attribute.

    Parameters
    ----------
    predictions : Predictions
        All utterances, all seeds.
    predicted : ndarray of int64, shape (n_utterances,)
        Predicted classes; -1 for none.
    bootstraps, seed : int
        Resamples within each group: over its speakers, or over its utterances if it has only one.

    Returns
    -------
    tuple of GroupTable
        For attributes with two values or more; an unknown value counts as one.
    """
    truth = predictions.truth
    tables = []
    for attribute in ATTRIBUTES:
        values: list[str | None] = (
            speaker_names(predictions)
            if attribute == "speaker"
            else [getattr(item, attribute) for item in predictions.items]
        )
        names = sorted(set(values), key=_natural)
        if len(names) < 2:
            continue
        position = {name: i for i, name in enumerate(names)}
        column = np.array([position[v] for v in values], dtype=np.int64)
        made = [
            _row(predictions, truth, predicted, column == i, name, bootstraps=bootstraps, seed=seed)
            for i, name in enumerate(names)
        ]
        tables.append(GroupTable(attribute=attribute, rows=tuple(row for row, _ in made), gap=_gap(made)))
    return tuple(tables)


def _natural(name: str | None) -> tuple[bool, list[str | int]]:
    """Order in which s2 comes before s10, and what is not known last."""
    parts = re.split(r"([0-9]+)", name or "")
    return name is None, [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _row(
    predictions: Predictions,
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    mask: NDArray[np.bool_],
    name: str | None,
    *,
    bootstraps: int,
    seed: int,
) -> tuple[GroupRow, NDArray[np.float64]]:
    """Row of a group, and its UA in every resample."""
    items = [predictions.items[i] for i in np.flatnonzero(mask)]
    own_truth, own = truth[mask], predicted[mask]
    seeds = np.array([item.seed for item in items])
    places = np.unique(seeds, return_inverse=True)[1]
    units = units_of(items)
    counts = confusion_counts(
        units.of, places, own_truth, own,
        n_units=units.n, n_seeds=int(places.max()) + 1, n_labels=len(predictions.labels),
    )  # fmt: skip
    found = rates(counts.sum(axis=0))
    drawn = rates(resample(counts, bootstraps=bootstraps, rng=np.random.default_rng(seed)))
    ua, wa = (mean_over_seeds(x, axis=1) for x in (drawn.ua, drawn.wa))
    row = GroupRow(
        name=name,
        n=len({item.key for item in items}),
        n_speakers=len({(item.corpus, item.speaker) for item in items if item.speaker is not None}),
        complete=set(own_truth.tolist()) == set(truth.tolist()),
        ua=estimate(found.ua, ua),
        wa=estimate(found.wa, wa),
    )
    return row, ua


def _gap(made: list[tuple[GroupRow, NDArray[np.float64]]]) -> Gap | None:
    """Best against worst of the groups in which every class occurs; resamples of two groups are independent."""
    rows = [(row, drawn) for row, drawn in made if row.complete and row.name is not None]
    if len(rows) < 2:
        return None
    rows.sort(key=lambda pair: pair[0].ua.value)
    (worst, drawn_worst), (best, drawn_best) = rows[0], rows[-1]
    shuffled = np.random.default_rng(len(rows)).permutation(drawn_worst)
    low, high = interval(drawn_best - shuffled)
    ua = Estimate(value=best.ua.value - worst.ua.value, low=float(low), high=float(high))
    return Gap(best=str(best.name), worst=str(worst.name), ua=ua)

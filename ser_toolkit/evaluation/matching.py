"""Two tables of predictions brought to the same utterances."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ModelError

if TYPE_CHECKING:
    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["Matched", "match"]


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Predictions of two models for the same utterances.

    Parameters
    ----------
    a, b : Predictions
        With the same labels in the same order; every utterance occurs in both, in each for at least one seed.
    n : int
        Common utterances.
    only_a, only_b : int
        Utterances that were left out because the other table lacks them.
    """

    a: Predictions
    b: Predictions
    n: int
    only_a: int
    only_b: int


def match(a: Predictions, b: Predictions) -> Matched:
    """Keep the utterances that two tables share, by corpus, file and part.

    Parameters
    ----------
    a, b : Predictions
        Of the same labels; their order may differ.

    Returns
    -------
    Matched
        Labels of `b` in the order of `a`.

    Raises
    ------
    ModelError
        If labels differ, no utterance is in both, or the truth of one differs.
    """
    if not a.labels and not b.labels:
        raise ModelError("these models say nothing of emotions: dimensions are not compared")
    if set(a.labels) != set(b.labels):
        only = [sorted(set(x.labels) - set(y.labels)) or "none" for x, y in ((a, b), (b, a))]
        raise ModelError(
            f"the labels differ: only in the first {only[0]}, only in the second {only[1]}; "
            "evaluate both with the same emotions"
        )
    if a.labels != b.labels:
        b = _reordered(b, a.labels)
    truth_a = {item.key: item.emotion for item in a.items}
    truth_b = {item.key: item.emotion for item in b.items}
    common = truth_a.keys() & truth_b.keys()
    if not common:
        example = [next(iter(t), ("", "nothing", None, None))[:2] for t in (truth_a, truth_b)]
        raise ModelError(
            "no utterance is in both tables; the first holds for example corpus "
            f"{example[0][0]!r}, file {example[0][1]!r}, the second corpus {example[1][0]!r}, file {example[1][1]!r}"
        )
    other = sorted((key for key in common if truth_a[key] != truth_b[key]), key=str)
    if other:
        key = other[0]
        raise ModelError(
            f"{len(other)} utterances have different true labels, first {key[1]!r}: "
            f"{truth_a[key]!r} and {truth_b[key]!r}; evaluate both on the same manifest"
        )
    return Matched(
        a=a.select(np.array([item.key in common for item in a.items], dtype=bool)),
        b=b.select(np.array([item.key in common for item in b.items], dtype=bool)),
        n=len(common),
        only_a=len(truth_a) - len(common),
        only_b=len(truth_b) - len(common),
    )


def _reordered(predictions: Predictions, labels: tuple[str, ...]) -> Predictions:
    order = [predictions.labels.index(label) for label in labels]
    items = tuple(
        replace(item, thresholds=tuple(item.thresholds[i] for i in order)) if item.thresholds else item
        for item in predictions.items
    )
    return replace(predictions, labels=labels, items=items, logits=predictions.logits[:, order])

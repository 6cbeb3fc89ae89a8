"""Comparisons: McNemar by hand, seeds, what is left out, and the sentence at the end."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from evaluation.made import certain, random_predictions, renamed

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.comparison import Comparison, compare


def quick(a, b):
    return compare(a, b, bootstraps=500)


def test_mcnemar_by_hand():
    truth = [("a", "anger")] * 8 + [("b", "neutral")] * 8
    right = [(s, t, t) for s, t in truth]
    a = certain(right)
    b = certain([(s, t, "sadness" if i < 6 else t) for i, (s, t, _) in enumerate(right)])
    (m,) = quick(a, b).mcnemar
    assert (m.seed, m.only_a, m.only_b) == (0, 6, 0)
    assert m.p == pytest.approx(2 * 0.5**6)
    (same,) = quick(a, a).mcnemar
    assert (same.only_a, same.only_b, same.p) == (0, 0, 1.0)


def test_mcnemar_per_common_seed_else_on_mean_probabilities():
    a = random_predictions(seeds=(0, 1, 2))
    b = random_predictions(seeds=(1, 2), luck=3)
    assert [m.seed for m in quick(a, b).mcnemar] == [1, 2]
    c = random_predictions(seeds=(8, 9), luck=3, without=2)
    (m,) = quick(a, c).mcnemar
    assert m.seed is None
    # by hand: mean over seeds of the utterance probabilities
    right = []
    for p, seeds in ((a, 3), (c, 2)):
        mean, has = p.utterances()
        mean = np.where(has[:, None], mean, 0).reshape(seeds, 120, 3).mean(axis=0)
        right.append((mean.argmax(axis=1) == p.truth[:120]) & mean.any(axis=1))
    assert (m.only_a, m.only_b) == ((right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum())


def test_only_common_utterances_count():
    a = random_predictions(n=100)
    b = a.select(np.arange(100) >= 30)
    found = quick(a, b)
    assert (found.n, found.only_a, found.only_b) == (70, 30, 0)
    assert found.ua.difference == 0
    assert any("left out: 30 utterances that only A has, 0 that only B has" in c for c in found.cautions)


def test_cautions():
    a = replace(random_predictions(), notes=("speakers overlap",))
    b = replace(renamed(random_predictions(), fold="all"), protocol="by recording")
    found = quick(a, b)
    assert (found.protocol_a, found.protocol_b) == ("leave-one-speaker-out", "by recording")
    said = " | ".join(found.cautions)
    for words in ("A: speakers overlap", "the protocols differ", "120 of 120 utterances were tested in other folds",
                  "one seed", "only 8 speakers"):  # fmt: skip
        assert words in said


def test_verdicts():
    good, bad = random_predictions(n=300, speakers=12, skill=3.0), random_predictions(n=300, speakers=12, skill=0.3)
    better = quick(good, bad)
    d = better.ua
    assert better.verdict() == (
        f"A is better by {100 * d.difference:.1f} points of UA (95 % interval {100 * d.low:.1f} to {100 * d.high:.1f})."
    )
    assert quick(bad, good).verdict("old", "new").startswith("new is better by ")
    none = quick(good, good).verdict("x", "y")
    assert none == "No difference can be shown: x minus y is +0.0 points of UA (95 % interval 0.0 to 0.0)."


def test_json_and_back():
    found = quick(random_predictions(seeds=(0, 1)), random_predictions(luck=1, seeds=(2,)))
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["verdict"] == found.verdict()
    assert Comparison.from_json(data) == found
    del data["metrics"]
    with pytest.raises(ModelError, match="no comparison of ser-toolkit: metrics"):
        Comparison.from_json(data)


def test_a_true_difference_of_nothing_is_rarely_found():
    """Two models of equal skill: at most a few of 30 comparisons claim a difference."""
    claims = 0
    for luck in range(30):
        a, b = (random_predictions(n=100, speakers=20, luck=x, alpha=None) for x in (2 * luck + 10, 2 * luck + 11))
        claims += not compare(a, b, bootstraps=300).verdict().startswith("No difference")
    assert claims <= 6

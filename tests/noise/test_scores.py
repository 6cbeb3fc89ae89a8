"""Scores under noise: what can be counted by hand, intervals that hold their value, JSON and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.made import certain, random_predictions

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.noise.bench import Benched
from ser_toolkit.noise.conditions import parse_conditions
from ser_toolkit.noise.scores import NoiseScores, score_noise

LABELS = ("anger", "sadness")


def said(right: int):
    """Of 4 speakers with 2 angry and 2 sad utterances each, this many per speaker are right, the angry ones first."""
    rows = []
    for s in range(4):
        truth = [LABELS[0], LABELS[0], LABELS[1], LABELS[1]]
        rows += [(f"s{s}", t, t if i < right else LABELS[1 - LABELS.index(t)]) for i, t in enumerate(truth)]
    return certain(rows, labels=LABELS)


def bench(**right):
    conditions = parse_conditions([name.replace("_", ":").replace("m", "-") for name in right])
    by_name = {name.replace("_", ":").replace("m", "-"): n for name, n in right.items()}
    return Benched(clean=said(4), noisy={c: said(by_name[c.name]) for c in conditions}, seed=0)


def test_values_are_those_that_can_be_counted():
    scores = score_noise(bench(white_10=4, white_0=2, pink_10=3, pink_0=1, clip_5=3))
    assert scores.clean.ua.value == 1
    assert scores.clean.lost.value == 0
    found = {c.name: (c.ua.value, c.lost.value) for c in scores.conditions}
    assert found == {
        "white:10": (1, 0), "white:0": (0.5, 0.5), "pink:10": (0.75, 0.25), "pink:0": (0.25, 0.75),
        "clip:5": (0.75, 0.25),
    }  # fmt: skip
    assert scores.conditions[1].recalls == {"anger": 1.0, "sadness": 0.0}
    assert scores.chance == 0.5
    assert [(c.kind, c.snrs_db, c.ua, c.area.value, c.lost.value) for c in scores.curves] == [
        ("white", (0, 10), (0.5, 1), 0.75, 0.25),
        ("pink", (0, 10), (0.25, 0.75), 0.5, 0.5),
    ]
    assert [(r.snr_db, r.ua.value, r.lost.value) for r in scores.ratios] == [(10, 0.875, 0.125), (0, 0.375, 0.625)]
    # every speaker is alike: nothing is uncertain
    assert all(c.lost.low == c.lost.value == c.lost.high for c in scores.conditions)
    assert any("only 4 speakers" in caution for caution in scores.cautions)


def test_one_ratio_makes_no_curve_and_a_ratio_of_some_noises_no_mean():
    scores = score_noise(bench(white_10=4, pink_0=1, clip_5=3))
    assert scores.curves == ()
    assert scores.ratios == ()
    assert score_noise(bench(telephone=2)).curves == ()


def noisy(skill, clean):
    other = random_predictions(skill=skill, luck=1, seeds=(0, 1))
    assert [i.key for i in other.items] == [i.key for i in clean.items]
    return other


def test_scores_are_those_of_an_evaluation_and_differences_are_paired():
    clean = random_predictions(skill=1.2, seeds=(0, 1))
    conditions = parse_conditions("white:20,white:5,white:-5,telephone")
    answers = dict(zip(conditions, [clean, noisy(0.8, clean), noisy(0.1, clean), noisy(0.6, clean)], strict=True))
    scores = score_noise(Benched(clean=clean, noisy=answers, seed=0))
    for c, p in zip(scores.conditions, answers.values(), strict=True):
        level = evaluate(p).utterance
        assert c.ua.value == pytest.approx(level.ua.estimate.value)
        assert c.wa.value == pytest.approx(level.wa.estimate.value)
        assert c.recalls == pytest.approx({k.label: k.recall.value for k in level.classes})
        assert c.lost.value == pytest.approx(scores.clean.ua.value - c.ua.value)
        assert c.lost.low <= c.lost.value <= c.lost.high
    same = scores.conditions[0].lost
    assert (same.low, same.value, same.high) == (0, 0, 0)  # the same answers lose nothing in any resample
    (curve,) = scores.curves
    ua = [scores.conditions[i].ua.value for i in (2, 1, 0)]
    assert curve.area.value == pytest.approx((10 * (ua[0] + ua[1]) / 2 + 15 * (ua[1] + ua[2]) / 2) / 25)
    assert curve.area.low < curve.area.value < curve.area.high
    assert NoiseScores.from_json(scores.to_json()) == scores


def test_other_utterances_are_refused_and_so_is_other_json():
    clean = said(4)
    (condition,) = parse_conditions("telephone")
    less = clean.select(np.arange(len(clean.items)) > 0)
    with pytest.raises(ModelError, match="telephone are of other utterances"):
        score_noise(Benched(clean=clean, noisy={condition: less}, seed=0))
    with pytest.raises(ModelError, match="no noise scores"):
        NoiseScores.from_json({"protocol": 3})


def test_an_utterance_without_a_window_is_an_error_in_every_condition():
    clean = said(4)
    rows = clean.owner > 0
    cut = replace(clean, owner=clean.owner[rows], logits=clean.logits[rows])
    (condition,) = parse_conditions("telephone")
    scores = score_noise(Benched(clean=cut, noisy={condition: cut}, seed=0))
    assert scores.conditions[0].ua.value == pytest.approx((7 / 8 + 1) / 2)

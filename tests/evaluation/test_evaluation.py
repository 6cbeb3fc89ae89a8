"""Evaluations of made-up predictions: by hand, against scikit-learn, and where something is missing."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from evaluation.made import certain, random_predictions, renamed
from rich.console import Console
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.predictions import concatenate
from ser_toolkit.evaluation.results import Evaluation
from ser_toolkit.report import evaluation_terminal
from ser_toolkit.training.metrics import Scores, score


def rendered(e):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(evaluation_terminal.evaluation(e))
    return console.export_text()


def small(p, **more):
    return evaluate(p, bootstraps=200, **more)


def test_by_hand():
    e = small(
        certain(
            [("a", "anger", "anger"), ("a", "anger", "neutral"), ("a", "sadness", "sadness"), ("b", "anger", "anger"),
             ("b", "neutral", "neutral"), ("b", "sadness", "anger"), ("b", "anger", None)]
        )
    )  # fmt: skip
    u = e.utterance
    assert u.wa.estimate.value == pytest.approx(4 / 7)
    assert u.ua.estimate.value == pytest.approx((2 / 4 + 1 + 1 / 2) / 3)
    assert u.confusion == ((2, 1, 0), (0, 1, 0), (1, 0, 1))
    assert u.missing == (1, 0, 0)
    assert (u.n, u.majority, u.chance) == (7, 4 / 7, 1 / 3)
    assert [c.n for c in u.classes] == [4, 1, 2]
    assert [c.recall.value for c in u.classes] == pytest.approx([0.5, 1, 0.5])
    assert [c.precision.value for c in u.classes] == pytest.approx([2 / 3, 0.5, 1])
    assert u.ua.folds is None and u.ua.seeds is None
    # the window level does not know of the utterance without one
    assert e.window.n == 6
    assert e.window.wa.estimate.value == pytest.approx(4 / 6)
    assert (e.n, e.n_speakers, e.n_without_window, e.unit) == (7, 2, 1, "speakers")
    assert any("1 of 7 utterances gave no window" in c for c in e.cautions)
    assert any("only 2 speakers" in c for c in e.cautions)
    # of two speakers, resamples are (a, a), (a, b), (b, b): the interval spans their scores
    assert (u.wa.estimate.low, u.wa.estimate.high) == (0.5, pytest.approx(2 / 3))


def test_pooled_folds_and_seeds_against_scikit_learn():
    p = random_predictions(seeds=(3, 7), folds=4, n=80)
    e = small(p)
    predicted = p.predicted()
    seed = np.array([item.seed for item in p.items])
    fold = np.array([item.fold for item in p.items])
    ua, wa, f1 = {}, {}, {}
    for s in (3, 7):
        t, q = p.truth[seed == s], predicted[seed == s]
        ua[str(s)], wa[str(s)] = balanced_accuracy_score(t, q), accuracy_score(t, q)
        f1[str(s)] = f1_score(t, q, average="macro")
    assert e.utterance.ua.seeds.values == pytest.approx(ua)
    assert e.utterance.ua.estimate.value == pytest.approx(np.mean(list(ua.values())))
    assert e.utterance.wa.estimate.value == pytest.approx(np.mean(list(wa.values())))
    assert e.utterance.f1.estimate.value == pytest.approx(np.mean(list(f1.values())))
    assert e.utterance.ua.seeds.sd == pytest.approx(np.std(list(ua.values()), ddof=1))
    by_fold = {
        f: np.mean([
            balanced_accuracy_score(p.truth[(fold == f) & (seed == s)], predicted[(fold == f) & (seed == s)])
            for s in (3, 7)
        ])
        for f in e.folds
    }  # fmt: skip
    assert e.utterance.ua.folds.values == pytest.approx(by_fold)
    assert e.utterance.ua.folds.mean == pytest.approx(np.mean(list(by_fold.values())))
    assert np.sum(e.utterance.confusion) == 160
    assert e.utterance.n == 80


def test_a_class_absent_from_a_fold():
    first = certain([("a", "anger", "anger"), ("a", "neutral", "anger")], fold="1")
    second = renamed(certain([("b", t, t) for t in ("anger", "neutral", "sadness")], fold="2"), corpus="x")
    e = small(concatenate([first, second]))
    assert e.utterance.ua.folds.values == {"1": 0.5, "2": 1.0}
    assert e.utterance.ua.estimate.value == pytest.approx((1 + 0.5 + 1) / 3)
    assert any("1 of 2 folds lack a class" in c for c in e.cautions)


def test_a_class_that_never_occurs():
    e = small(certain([("a", "anger", "anger"), ("b", "neutral", "sadness")]))
    assert e.utterance.classes[2].recall is None
    assert e.utterance.classes[2].precision.value == 0
    assert e.utterance.classes[1].precision is None
    assert e.utterance.ua.estimate.value == 0.5
    assert any("no utterance is sadness" in c for c in e.cautions)


def test_seeds_that_hold_other_utterances():
    p = random_predictions(n=20, seeds=(0, 1))
    e = small(p.select(np.arange(40) != 39))
    assert any("the seeds do not hold the same utterances (19 to 20 each)" in c for c in e.cautions)
    assert e.n == 20


def test_a_model_that_does_not_depend_on_the_seed_has_no_spread():
    p = random_predictions(n=40, seeds=(0,))
    same = concatenate([p, renamed(p, seed=5)])
    e = small(same)
    assert e.seeds == (0, 5)
    assert all(m.seeds is None for level in e.levels for m in (level.ua, level.wa, level.f1))
    assert e.utterance.ua.estimate.value == small(p).utterance.ua.estimate.value
    said = [c for c in e.cautions if "does not depend on the seed" in c]
    assert len(said) == 1
    assert "seeds, mean ± sd" in rendered(e)
    assert f"{e.utterance.ua.estimate.value:.3f} (2)" not in rendered(e)
    # a network of which two seeds are alike by chance in their scores, but not in what they say, has one
    other = replace(
        same,
        logits=same.logits
        + np.where(np.arange(len(same.logits)) < len(p.logits), 0.0, 0.01)[:, None] * np.array([1.0, 0.0, 0.0]),
    )
    assert small(other).utterance.ua.seeds is not None
    assert not [c for c in small(other).cautions + small(p).cautions if "does not depend" in c]


def test_groups_are_in_natural_order():
    p = random_predictions(n=60, speakers=12, folds=0)
    assert [r.name for r in small(p).groups[-1].rows] == [f"s{i}" for i in range(12)]


def test_one_speaker_falls_back_to_utterances():
    e = small(certain([("a", t, t) for t in ("anger", "neutral") for _ in range(5)] + [("a", "anger", "neutral")]))
    assert e.unit == "utterances"
    assert any("one speaker only" in c for c in e.cautions)
    assert e.utterance.wa.estimate.low < e.utterance.wa.estimate.value <= e.utterance.wa.estimate.high
    assert e.groups == ()


def test_nothing_gave_a_window():
    e = small(certain([("a", "anger", None), ("b", "neutral", None)]))
    assert e.window is None
    assert e.levels == (e.utterance,)
    assert e.utterance.wa.estimate.value == 0
    assert e.utterance.calibrated is None
    assert e.sets is None
    assert e.utterance.missing == (1, 1, 0)


def test_no_utterance_and_unknown_emotion_are_errors():
    p = random_predictions(n=10)
    with pytest.raises(ModelError, match="no utterance"):
        evaluate(p.select(np.zeros(10, dtype=bool)))
    with pytest.raises(ModelError, match="no label of theirs: \\['joy'\\]"):
        evaluate(renamed(p, emotion="joy"))


def test_calibration_before_and_after_temperature():
    p = random_predictions(n=300, temperature=2.0)
    e = small(p)
    plain = small(renamed(p, temperature=1.0))
    assert e.temperatures == (2.0,)
    assert e.utterance.uncalibrated == plain.utterance.calibrated
    assert e.utterance.calibrated.nll < e.utterance.uncalibrated.nll
    assert e.window.confusion == plain.window.confusion  # a temperature keeps the likeliest class of a window


def test_sets_by_hand():
    rows = [("a", "anger", "anger"), ("a", "anger", "neutral"), ("b", "neutral", "neutral"), ("b", "neutral", None)]
    p = replace(certain(rows, sure=0.6, thresholds=(0.5, 0.5, 0.85)), alpha=0.2)
    # sets hold the predicted label (0.4 <= 0.5) and sadness (0.8 <= 0.85)
    sets = small(p).sets
    assert (sets.alpha, sets.n, sets.size, sets.singletons, sets.singletons_right) == (0.2, 3, 2.0, 0.0, None)
    assert sets.coverage.value == pytest.approx(2 / 3)
    assert sets.per_class == {"anger": 0.5, "neutral": 1.0}
    assert sets.per_speaker == {"a": 0.5, "b": 1.0}
    assert (sets.coverage.low, sets.coverage.high) == (0.5, 1.0)


def test_groups_and_gap_by_hand():
    good = certain([("a", t, t) for t in ("anger", "neutral", "sadness")], gender="female", corpus="x")
    bad = certain([("b", t, "anger") for t in ("anger", "neutral", "sadness")], gender="male", corpus="x")
    lone = renamed(certain([("c", "anger", "anger")]), corpus="x", file="lone.wav")
    bad = replace(bad, items=tuple(replace(i, file="bad-" + i.file) for i in bad.items))
    e = small(concatenate([good, bad, lone]))
    tables = {t.attribute: t for t in e.groups}
    assert set(tables) == {"gender", "speaker"}  # one corpus and no language: nothing to compare
    gender = tables["gender"]
    assert [(r.name, r.n, r.n_speakers, r.complete) for r in gender.rows] == [
        ("female", 3, 1, True), ("male", 3, 1, True), (None, 1, 1, False),
    ]  # fmt: skip
    assert [r.ua.value for r in gender.rows] == pytest.approx([1, 1 / 3, 1])
    assert (gender.gap.best, gender.gap.worst) == ("female", "male")
    assert gender.gap.ua.value == pytest.approx(2 / 3)
    assert [r.name for r in tables["speaker"].rows] == ["a", "b", "c"]


def test_speakers_of_several_corpora_are_told_apart():
    a, b = (renamed(random_predictions(n=30, alpha=None), corpus=c) for c in ("x", None))
    names = [r.name for r in small(concatenate([a, b])).groups[-1].rows]
    assert len(names) == 16
    assert "x/s0" in names and "-/s0" in names


def test_json_and_back():
    e = small(random_predictions(seeds=(0, 1), without=2))
    text = json.dumps(e.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text)) == e
    data = json.loads(text)
    assert data["meanings"]["ua"].startswith("UA (macro recall)")
    data["utterance"]["ua"] = "good"
    with pytest.raises(ModelError, match=r"no evaluation of ser-toolkit: utterance\.ua"):
        Evaluation.from_json(data)


def test_the_same_every_time_and_order_of_speakers_does_not_matter():
    p = random_predictions(n=60)
    assert small(p) == small(p)
    swapped = p.select(np.array([i < 30 for i in range(60)]))
    rest = p.select(np.array([i >= 30 for i in range(60)]))
    assert small(concatenate([rest, swapped])).utterance.ua.estimate == small(p).utterance.ua.estimate


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """Of 60 samples of 30 speakers, the 95 % interval misses the true accuracy rarely."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(60):
        skill = rng.beta(7, 3, size=30)  # mean 0.7
        rows = [
            (f"s{s}", "anger", "anger" if rng.random() < skill[s] else "neutral") for s in range(30) for _ in range(4)
        ]
        p = certain(rows)
        wa = _wa_interval(p)
        hits += wa[0] <= 0.7 <= wa[1]
    assert hits >= 51


def _wa_interval(p):
    from ser_toolkit.evaluation.counts import confusion_counts, rates
    from ser_toolkit.evaluation.statistics import interval, resample, units_of

    units = units_of(p.items)
    counts = confusion_counts(
        units.of, np.zeros(len(p.items), int), p.truth, p.predicted(), n_units=units.n, n_seeds=1, n_labels=3
    )
    low, high = interval(rates(resample(counts, bootstraps=400, rng=np.random.default_rng(0))).wa)
    return low[0], high[0]


def test_2000_resamples_of_10000_utterances_are_quick():
    from ser_toolkit.evaluation.counts import confusion_counts, rates
    from ser_toolkit.evaluation.statistics import resample

    rng = np.random.default_rng(0)
    truth, predicted, unit = rng.integers(4, size=10_000), rng.integers(4, size=10_000), rng.integers(90, size=10_000)
    began = time.perf_counter()
    counts = confusion_counts(unit, np.zeros(10_000, int), truth, predicted, n_units=90, n_seeds=1, n_labels=4)
    rates(resample(counts, bootstraps=2000, rng=rng))
    assert time.perf_counter() - began < 5  # takes some 30 ms; the machine may be busy


def test_precision_in_scores_and_files_of_earlier_versions():
    found = score(np.array([0, 0, 1, 2]), np.array([0, 1, 1, -1]), ("a", "b", "c"))
    assert found.precision == {"a": 1.0, "b": 0.5}
    assert found.recall == {"a": 0.5, "b": 1.0, "c": 0.0}
    assert Scores.from_json(found.to_json()) == found
    old = {k: v for k, v in found.to_json().items() if k != "precision"}
    assert Scores.from_json(old) == replace(found, precision={})
    assert score(np.array([0]), np.array([-1]), ("a", "b")).precision == {}

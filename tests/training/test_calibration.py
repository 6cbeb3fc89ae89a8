"""What is fitted on development speakers: a temperature that changes no decision, and sets that keep their promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ser_toolkit.errors import ModelError
from ser_toolkit.recipe import Conformal
from ser_toolkit.training.calibration import calibrate, conformal, threshold
from ser_toolkit.training.config import CalibrationConfig
from ser_toolkit.training.metrics import softmax

LABELS = ("anger", "happiness", "neutral")


def draw(rng, n, *, sharpness=2.0, shares=(0.6, 0.3, 0.1)):
    """Logits of a mediocre classifier and the truth; rows are exchangeable."""
    classes = rng.choice(3, n, p=shares)
    return sharpness * (np.eye(3)[classes] + rng.normal(0, 0.8, (n, 3))), classes


@settings(max_examples=60, deadline=None)
@given(
    logits=arrays(np.float64, (12, 3), elements=st.floats(-30, 30)),
    classes=arrays(np.int64, 12, elements=st.integers(0, 2)),
)
def test_the_temperature_keeps_the_likeliest_label_of_every_window(logits, classes):
    fitted = calibrate(
        logits, np.arange(12), classes, labels=LABELS, config=CalibrationConfig(), fitted_on="development speakers"
    )
    calibrated = softmax(logits / fitted.temperature)
    chosen = logits.argmax(axis=1)
    assert (calibrated[np.arange(12), chosen] == calibrated.max(axis=1)).all()


@pytest.mark.parametrize("method", ["lac", "class-conditional"])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_coverage_on_exchangeable_data(method, alpha):
    rng, covered, per_label = np.random.default_rng(0), [], []
    for _ in range(40):
        logits, classes = draw(rng, 300)
        sets = conformal(softmax(logits), classes, labels=LABELS, method=method, alpha=alpha, fitted_on="x")
        logits, classes = draw(rng, 500)
        inside = 1 - softmax(logits) <= np.array(sets.thresholds)
        covered.append(inside[np.arange(500), classes].mean())
        per_label.append([inside[classes == k, k].mean() for k in range(3)])
    # the mean of 40 draws, and the spread of such a mean: the promise is at least 1 - alpha
    assert np.mean(covered) >= 1 - alpha - 3 * np.std(covered) / math.sqrt(40)
    assert np.mean(covered) <= 1 - alpha + 0.05
    label = np.mean(per_label, axis=0)
    if method == "class-conditional":
        assert (label >= 1 - alpha - 3 * np.std(per_label, axis=0) / math.sqrt(40)).all()


def test_a_label_that_is_hard_is_covered_by_the_class_conditional_method_only():
    rng = np.random.default_rng(1)
    logits, classes = draw(rng, 3000)
    logits[classes == 1, 0] += 3.0  # happiness sounds like anger
    fit, new = slice(0, 1500), slice(1500, 3000)
    covered = {}
    for method in ("lac", "class-conditional"):
        sets = conformal(softmax(logits[fit]), classes[fit], labels=LABELS, method=method, alpha=0.1, fitted_on="x")
        inside = 1 - softmax(logits[new]) <= np.array(sets.thresholds)
        covered[method] = inside[classes[new] == 1, 1].mean()
    assert covered["lac"] < 0.8
    assert covered["class-conditional"] > 0.85


@pytest.mark.parametrize(
    ("n", "alpha", "expected"),
    [
        (9, 0.1, 9),  # ceil(10 * .9): the largest of nine
        (8, 0.1, None),  # nine of nine would be needed, and there are eight
        (19, 0.05, 19),
        (18, 0.05, None),
        (99, 0.01, 99),
        (9, 0.7, 3),  # 10 * (1 - .7) is 3.0000000000000004 for a computer
        (0, 0.5, None),
        (1, 0.5, 1),
        (3, 0.999, 1),
    ],
)
def test_the_rank_of_the_threshold(n, alpha, expected):
    scores = np.random.default_rng(0).permutation(np.arange(1, n + 1) / 128)
    assert threshold(scores, alpha) == pytest.approx(1.0 if expected is None else expected / 128, abs=1e-6)
    assert threshold(scores, alpha) >= (1.0 if expected is None else expected / 128)


def test_too_few_recordings_let_everything_in_and_say_so():
    sets = conformal(np.full((5, 3), 1 / 3), np.zeros(5, int), labels=LABELS, method="lac", alpha=0.1, fitted_on="x")
    assert sets.thresholds == (1.0, 1.0, 1.0)
    assert "Too few recordings for alpha = 0.1, so always in the set: all labels (5)" in sets.note
    assert sets.prediction_set({"anger": 0.0, "happiness": 0.01, "neutral": 0.99}) == ("neutral", "happiness", "anger")


def test_a_label_without_recordings_is_always_in_the_set():
    rng = np.random.default_rng(2)
    logits, classes = draw(rng, 200, shares=(0.5, 0.5, 0.0))
    sets = conformal(
        softmax(logits), classes, labels=LABELS, method="class-conditional", alpha=0.1, fitted_on="two speakers"
    )
    assert sets.thresholds[2] == 1.0
    assert max(sets.thresholds[:2]) < 1.0
    assert sets.note.endswith("so always in the set: neutral (0)")
    assert (sets.n, sets.fitted_on) == (200, "two speakers")
    assert "exchangeable" in sets.note


def test_the_note_of_very_many_labels_fits_a_recipe():
    labels = tuple(f"{i:03d}{'x' * 197}" for i in range(900))
    sets = conformal(
        np.full((2, 900), 1 / 900), np.array([0, 1]), labels=labels, method="class-conditional", alpha=0.1, fitted_on=""
    )
    assert len(sets.note) <= 4000


def test_utterances_count_once_and_those_without_a_window_not_at_all():
    # utterance 4 has ninety windows and would drown the others; 0 and 2 have none, and belong elsewhere
    logits = np.concatenate([np.tile([0.0, 4.0, 0.0], (90, 1)), np.random.default_rng(3).normal(0, 2, (3, 3))])
    owner = np.array([4] * 90 + [1, 3, 3])
    classes = np.array([2, 0, 2, 1, 0])
    fitted = calibrate(logits, owner, classes, labels=LABELS, config=CalibrationConfig(alpha=0.4), fitted_on="x")
    once = calibrate(
        logits[89:], owner[89:], classes, labels=LABELS, config=CalibrationConfig(alpha=0.4), fitted_on="x"
    )
    assert fitted.temperature == pytest.approx(once.temperature, rel=1e-4)
    assert fitted.conformal.n == 3
    # a threshold of utterances: the mean of the windows, at the temperature
    p = softmax(logits / fitted.temperature)
    scores = sorted(1 - x for x in (p[90, 0], p[91:, 1].mean(), p[0, 0]))
    assert fitted.conformal.thresholds[0] == pytest.approx(scores[2], abs=1e-6)  # ceil(4 * .6) = 3


def test_a_temperature_without_sets():
    logits, classes = draw(np.random.default_rng(4), 400, sharpness=8.0)
    config = CalibrationConfig(method="none")
    fitted = calibrate(logits, np.arange(400), classes, labels=LABELS, config=config, fitted_on="dev")
    assert fitted.conformal is None
    assert fitted.fitted_on == "dev"
    assert fitted.temperature > 1  # far too sure
    with pytest.raises(ModelError, match="no development recording has a window"):
        calibrate(np.zeros((0, 3)), np.zeros(0, int), classes, labels=LABELS, config=config, fitted_on="dev")


@settings(deadline=None)
@given(p=arrays(np.float64, 3, elements=st.floats(0.001, 1)), t=st.floats(0, 1))
def test_sets_are_never_empty_and_sorted(p, t):
    named = dict(zip(LABELS, (p / p.sum()).tolist(), strict=True))
    sets = Conformal(method="lac", alpha=0.1, thresholds=(t,) * 3, n=10, fitted_on="x")
    members = sets.prediction_set(named)
    assert members[0] == max(named, key=named.__getitem__)
    assert [named[x] for x in members] == sorted((named[x] for x in members), reverse=True)
    assert all((1 - named[x] <= t) == (x in members) for x in LABELS if x != members[0])

"""Scores equal scikit-learn's, absent classes and missing predictions are handled as stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from ser_toolkit.training.metrics import Scores, aggregate, fit_temperature, score, softmax

LABELS = ("anger", "happiness", "neutral", "sadness")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_wa_and_ua_are_accuracy_and_balanced_accuracy(pairs):
    truth, predicted = (np.array(x, dtype=np.int64) for x in zip(*pairs, strict=True))
    scores = score(truth, predicted, LABELS)
    assert scores.wa == pytest.approx(accuracy_score(truth, predicted))
    if len(set(truth.tolist())) > 1:  # scikit-learn warns of a single class
        assert scores.ua == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert sum(map(sum, scores.confusion)) == len(truth)
    assert Scores.from_json(scores.to_json()) == scores


def test_an_absent_class_does_not_enter_ua():
    scores = score(np.array([0, 0, 1]), np.array([0, 3, 1]), LABELS)
    assert scores.ua == pytest.approx((0.5 + 1.0) / 2)
    assert set(scores.recall) == {"anger", "happiness"}


def test_a_missing_prediction_is_an_error():
    scores = score(np.array([0, 0, 1, 1]), np.array([0, -1, 1, 1]), LABELS)
    assert scores.wa == 0.75
    assert scores.ua == 0.75
    assert scores.n == 4
    assert sum(map(sum, scores.confusion)) == 3


def test_majority_baseline():
    assert score(np.array([0, 0, 0, 1]), np.array([1, 1, 1, 1]), LABELS).majority == 0.75


def test_aggregate_means_over_windows_and_marks_utterances_without_any():
    mean, has = aggregate(np.array([[0.2, 0.8], [0.6, 0.4], [1.0, 0.0]]), np.array([0, 0, 2]), 3)
    assert has.tolist() == [True, False, True]
    assert mean[0] == pytest.approx([0.4, 0.6])
    assert np.isnan(mean[1]).all()


def test_temperature_is_recovered_and_keeps_the_order():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4)) * 2
    truth = np.array([rng.choice(4, p=p) for p in softmax(logits)])
    for factor in (0.2, 3.0):  # a model that is under- or over-confident by this factor
        found = fit_temperature(logits * factor, truth, np.ones(len(truth)))
        assert found == pytest.approx(factor, rel=0.05)
        assert (softmax(logits * factor / found).argmax(1) == logits.argmax(1)).all()

"""Calibration error by hand, and what chance alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from ser_toolkit.evaluation.calibration_error import (
    calibration,
    expected_calibration_error,
    perfect_calibration_errors,
    reliability,
)


def test_error_by_hand():
    confidence = np.array([0.9, 0.9, 0.9, 0.5, 0.5])
    correct = np.array([True, True, False, True, False])
    # bin of .9: |2 - 2.7|; bin of .5: |1 - 1.0|; over 5
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.7 / 5)


def test_an_edge_belongs_to_the_bin_below():
    bins = reliability(np.array([0.2, 1.0, 0.0]), np.array([True, True, False]))
    assert [i for i, b in enumerate(bins) if b.n] == [0, 2, 14]
    assert bins[2].high == pytest.approx(0.2)
    assert (bins[2].confidence, bins[2].accuracy) == (0.2, 1.0)
    assert bins[1].accuracy is None


def test_sure_and_right_is_perfect():
    assert expected_calibration_error(np.ones(7), np.ones(7, dtype=bool)) == 0
    np.testing.assert_array_equal(perfect_calibration_errors(np.ones(7), draws=5), 0)


def test_chance_is_that_of_drawing_labels_from_the_probabilities():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=200)
    drawn = []
    for _ in range(600):
        labels = (rng.random((200, 1)) > p.cumsum(axis=1)).sum(axis=1)
        drawn.append(expected_calibration_error(p.max(axis=1), labels == p.argmax(axis=1)))
    found = perfect_calibration_errors(p.max(axis=1), draws=600)
    assert found.mean() == pytest.approx(np.mean(drawn), rel=0.04)
    assert np.percentile(found, 95) == pytest.approx(np.percentile(drawn, 95), rel=0.06)


def test_chance_falls_with_size_and_rises_if_windows_share_their_luck():
    confidence = np.random.default_rng(1).uniform(0.3, 1, size=400)
    whole = perfect_calibration_errors(confidence).mean()
    assert whole < perfect_calibration_errors(confidence[:50]).mean()
    assert whole < perfect_calibration_errors(confidence, owner=np.arange(400) // 8).mean()


def test_scores_against_hand_and_scikit_learn():
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [np.nan] * 3, [0.1, 0.1, 0.8]])
    truth = np.array([0, 2, 1, 2])
    found = calibration(p, truth, np.zeros(4, dtype=int))
    assert found is not None
    has = [0, 1, 3]
    assert found.n == 3
    assert found.nll == pytest.approx(log_loss(truth[has], p[has], labels=[0, 1, 2]))
    assert found.brier == pytest.approx(((p[has] - np.eye(3)[truth[has]]) ** 2).sum(axis=1).mean())
    assert found.ece == pytest.approx((0.3 + 0.5 + 0.2) / 3)
    assert sum(b.n for b in found.bins) == 3
    assert found.perfect <= found.perfect_p95


def test_models_are_scored_by_themselves():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    truth = np.array([0, 1, 1, 0])
    model = np.array([0, 0, 1, 1])
    both = calibration(p, truth, model)
    alone = [calibration(p[model == m], truth[model == m], model[model == m]) for m in (0, 1)]
    for name in ("ece", "nll", "brier", "n"):
        assert getattr(both, name) == pytest.approx(np.mean([getattr(c, name) for c in alone]))


def test_nothing_to_score():
    assert calibration(np.full((2, 3), np.nan), np.array([0, 1]), np.zeros(2, dtype=int)) is None

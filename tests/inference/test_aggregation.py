"""From windows to files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.inference.aggregation import AGGREGATIONS, Summary, aggregate
from ser_toolkit.recipe_calibration import Conformal

LABELS = ("anger", "neutral", "sadness")
ROWS = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.0, 0.9, 0.1]], dtype=np.float32)


def test_what_each_does():
    assert aggregate(ROWS, "mean") == pytest.approx(ROWS.astype(float).mean(axis=0))
    assert aggregate(ROWS, "vote") == pytest.approx([2 / 3, 1 / 3, 0])
    geometric = np.exp(np.log(np.maximum(ROWS.astype(float), 1e-12)).mean(axis=0))
    assert aggregate(ROWS, "log-mean") == pytest.approx(geometric / geometric.sum())
    assert aggregate(ROWS, "log-mean")[0] < 1e-3  # one window rules it out


@given(st.integers(1, 30), st.sampled_from(AGGREGATIONS), st.integers(0, 2**32 - 1))
def test_sums_to_one_and_knows_no_order(n, how, seed):
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet([0.3] * 4, size=n).astype(np.float32)
    made = aggregate(rows, how)
    assert made.sum() == pytest.approx(1, abs=1e-5)
    assert (made >= 0).all()
    assert aggregate(rng.permutation(rows), how) == pytest.approx(made, abs=1e-9)
    if how != "vote":
        assert aggregate(rows[:1], how) == pytest.approx(rows[0], abs=1e-6)


@pytest.fixture
def conformal():
    return Conformal(method="lac", alpha=0.1, thresholds=(0.7,) * 3, n=50, fitted_on="dev")


def test_a_file(conformal):
    summary = Summary(labels=LABELS, sr=10, n_window=10, conformal=conformal, smoothing_s=2.0, min_confidence=0.6)
    windows = summary.windows(np.array([0, 10, 15]), ROWS, n_samples=25)
    assert windows.starts_s.tolist() == [0, 1, 1.5]
    assert windows.ends_s.tolist() == [1, 2, 2.5]
    assert windows.smoothed.shape == ROWS.shape
    result = summary.file("a.wav", windows, notes=["quiet"], duration_s=2.5)
    assert result.likeliest == "neutral"
    assert result.predicted == "uncertain"
    assert result.prediction_set == ("neutral", "anger")
    assert (result.status, result.notes, result.duration_s) == ("ok", ("quiet",), 2.5)


@pytest.mark.parametrize("how", ["vote", "log-mean"])
def test_sets_belong_to_the_mean(conformal, how):
    summary = Summary(labels=LABELS, sr=10, n_window=10, conformal=conformal, aggregation=how)
    windows = summary.windows(np.array([0, 10, 15]), ROWS, n_samples=25)
    assert windows.smoothed is None
    assert summary.file("a.wav", windows, notes=(), duration_s=2.5).prediction_set is None


def test_windows_end_with_the_recording():
    whole = Summary(labels=LABELS, sr=10, n_window=None).windows(np.array([0]), ROWS[:1], n_samples=37)
    assert whole.ends_s.tolist() == [3.7]
    short = Summary(labels=LABELS, sr=10, n_window=30).windows(np.array([0]), ROWS[:1], n_samples=7)
    assert short.ends_s.tolist() == [0.7]

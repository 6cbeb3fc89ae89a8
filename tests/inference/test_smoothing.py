"""Smoothing is a weighted mean in time, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.errors import ConfigError
from ser_toolkit.inference.smoothing import smooth


def plain(p, starts, ends, width_s):
    """The definition, pair by pair."""
    centres = (starts + ends) / 2
    out = np.empty_like(p)
    for i, centre in enumerate(centres):
        weights = np.array([max(0.0, 1 - abs(c - centre) / (width_s / 2)) if c != centre else 1.0 for c in centres])
        out[i] = weights @ p / weights.sum()
    return out


@given(st.integers(1, 40), st.floats(0.01, 30), st.integers(0, 10_000))
def test_agrees_with_the_definition(n, width_s, seed):
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.uniform(0.05, 4.0, size=n))  # with gaps
    p = rng.dirichlet(np.ones(4), size=n)
    got = smooth(p, starts, starts + 3, width_s=width_s)
    assert got == pytest.approx(plain(p, starts, starts + 3, width_s))
    assert got.sum(axis=1) == pytest.approx(np.ones(n))


@pytest.mark.parametrize("width_s", [0.0, 0.5, 0.75, 1.5])
def test_up_to_twice_the_hop_nothing_changes(width_s):
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=20).astype(np.float32)
    starts = np.arange(20) * 0.75
    got = smooth(p, starts, starts + 3, width_s=width_s)
    assert got.dtype == np.float32
    assert np.array_equal(got, p)


def test_weights_fall_in_a_straight_line():
    p = np.eye(5)
    starts = np.arange(5.0)
    got = smooth(p, starts, starts + 1, width_s=4)  # neighbours weigh a half, those at 2 s nothing
    assert got[2] == pytest.approx([0, 0.25, 0.5, 0.25, 0])
    assert got[0] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0])


def test_alternating_windows_are_evened_out_and_never_swapped():
    p = np.array([[1.0, 0.0], [0.0, 1.0]] * 20)
    starts = np.arange(40.0)
    for width_s in np.arange(0.5, 12, 0.25):
        got = smooth(p, starts, starts + 1, width_s=width_s)
        assert (got[10:30:2, 0] >= 0.5 - 1e-12).all(), width_s


def test_a_width_that_takes_in_everything_and_windows_that_are_none():
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    starts = np.array([0.0, 100.0])
    assert smooth(p, starts, starts + 3, width_s=1e9) == pytest.approx(np.full((2, 2), 0.5), abs=1e-6)
    assert smooth(np.zeros((0, 2)), np.zeros(0), np.zeros(0), width_s=5).shape == (0, 2)
    assert np.array_equal(smooth(p, starts, starts + 3, width_s=20), p)  # beyond a long silence


@pytest.mark.parametrize("width_s", [-1.0, float("nan"), float("inf")])
def test_a_width_that_is_none(width_s):
    with pytest.raises(ConfigError, match="seconds, 0 or more"):
        smooth(np.ones((1, 1)), np.zeros(1), np.ones(1), width_s=width_s)

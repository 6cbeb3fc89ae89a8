"""Levels of active speech: independent of pauses and of gain; full scale is never exceeded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.data.audio import CLIPPED_LEVEL
from ser_toolkit.noise.levels import active_level_db, level_db, with_level, within_full_scale

SR = 16_000


def test_a_tone_has_the_level_of_all_its_samples():
    y = 0.5 * np.sin(2 * np.pi * 200 * np.arange(3 * SR) / SR)
    assert level_db(y) == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.01)
    assert active_level_db(y, SR) == pytest.approx(level_db(y), abs=0.1)


def test_pauses_do_not_lower_the_level(vowel):
    spoken = np.tile(vowel, 3)
    paused = np.concatenate([np.zeros(2 * SR), spoken, np.zeros(5 * SR)])
    assert level_db(paused) < level_db(spoken) - 4
    # the pause of 0.2 s after speech counts as speech
    assert active_level_db(paused, SR) == pytest.approx(active_level_db(spoken, SR) - 10 * math.log10(3.2 / 3), abs=0.3)


@given(st.floats(-60, 20))
def test_level_follows_the_gain_exactly(gain_db):
    y = np.random.default_rng(0).standard_normal(SR) * np.repeat([0.01, 1, 0.1, 0.5], SR // 4)
    louder = y * 10 ** (gain_db / 20)
    assert active_level_db(louder, SR) - active_level_db(y, SR) == pytest.approx(gain_db, abs=1e-6)
    assert active_level_db(with_level(louder, SR, db=-26.0), SR) == pytest.approx(-26, abs=1e-6)


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros(1000), np.zeros(1)])
def test_silence_has_no_level_and_stays_silent(y):
    assert active_level_db(y, SR) == -math.inf
    assert level_db(y) == -math.inf
    assert not with_level(y, SR, db=-20.0).any()
    assert not within_full_scale(y).any()


@pytest.mark.parametrize("n", [1, 2, 15, 16, 100])
def test_a_few_samples_have_a_level(n):
    assert math.isfinite(active_level_db(np.full(n, 0.25), SR))


def test_a_single_click_in_long_silence_has_a_level():
    y = np.zeros(10 * SR)
    y[SR] = 1.0
    assert math.isfinite(active_level_db(y, SR))


def test_what_exceeds_full_scale_is_turned_down_as_a_whole():
    y = np.array([0.5, -3.0, 1.5])
    down = within_full_scale(y)
    assert down.dtype == np.float32
    np.testing.assert_allclose(down, y * CLIPPED_LEVEL / 3, rtol=1e-6)
    quiet = np.array([0.5, -0.25], dtype=np.float32)
    np.testing.assert_array_equal(within_full_scale(quiet), quiet)

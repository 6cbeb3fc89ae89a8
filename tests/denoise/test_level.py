"""An even level, of recordings and of windows."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SR

from ser_toolkit.testing.preprocessors import check_preprocessor
from ser_toolkit_denoise.level import Level, SegmentLevel, active_dbfs


@pytest.mark.parametrize("step", [Level(), SegmentLevel(), Level(target_dbfs=-12.0)], ids=repr)
def test_contract(step):
    assert [(r.name, r.detail) for r in check_preprocessor(step) if not r.passed] == []


@pytest.mark.parametrize("gain", [0.02, 1.0, 2.0])
def test_every_recording_comes_to_the_target(gain, clean):
    made = Level(target_dbfs=-30.0)(np.float32(gain) * clean, SR)
    assert active_dbfs(made, SR) == pytest.approx(-30, abs=0.01)
    np.testing.assert_allclose(made, Level(target_dbfs=-30.0)(clean, SR), atol=1e-6)


def test_pauses_do_not_count(clean):
    padded = np.concatenate([np.zeros(3 * SR, np.float32), clean, np.zeros(SR, np.float32)])
    loud = active_dbfs(clean, SR)
    assert active_dbfs(padded, SR) == pytest.approx(loud, abs=1.5)
    tone = np.sin(2 * np.pi * 200 * np.arange(SR) / SR).astype(np.float32)
    assert active_dbfs(tone, SR) == pytest.approx(-3.01, abs=0.05)
    assert active_dbfs(tone[:7], SR) is not None


def test_limits(clean):
    quiet = np.float32(1e-3) * clean
    raised = Level(max_gain_db=12.0)(quiet, SR)
    np.testing.assert_allclose(raised, quiet * 10 ** (12 / 20), rtol=1e-5)
    assert np.abs(Level(target_dbfs=-3.0)(clean, SR)).max() == pytest.approx(1, abs=1e-5)
    over = 4 * clean  # over full scale already: not raised further
    assert np.abs(Level(target_dbfs=-3.0)(over, SR)).max() <= np.abs(over).max()
    hush = np.float32(1e-5) * clean
    assert Level()(hush, SR) is hush

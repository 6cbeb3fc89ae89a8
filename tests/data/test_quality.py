"""Input checks."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.data.audio import Recording, from_array
from ser_toolkit.data.quality import SKIPPED_REASONS, check, peak_dbfs
from ser_toolkit.errors import AudioError

SR = 16_000


def tone(duration_s: float, *, peak: float = 0.5, sr: int = SR) -> np.ndarray:
    t = np.arange(round(duration_s * sr)) / sr
    return (peak * np.sin(2 * np.pi * 150 * t)).astype(np.float32)


def recording(y: np.ndarray, **other) -> Recording:
    fields = {"sr": SR, "source_sr": SR, "channels": 1, "duration_s": len(y) / SR, "notes": ()} | other
    return Recording(y=np.asarray(y, dtype=np.float32), **fields)


def reason(bad: Recording) -> str:
    with pytest.raises(AudioError) as caught:
        check(bad)
    assert caught.value.detail
    return caught.value.reason


def test_good_recording_has_no_notes():
    assert check(from_array(tone(3.5), SR, sr=SR)) == ()


def test_notes_of_the_recording_come_first_then_the_checks():
    y = np.stack([tone(1.0, peak=1.2, sr=8000)] * 2)
    assert check(from_array(y, 8000, sr=SR)) == ("resampled", "mixed down", "clipped", "short")


def test_short_depends_on_the_window():
    one_second = from_array(tone(1.0), SR, sr=SR)
    assert check(one_second) == ("short",)
    assert check(one_second, window_s=1.0) == ()
    assert check(one_second, window_s=None) == ()


def test_reasons():
    assert reason(recording(np.zeros(0))) == "empty"
    assert reason(recording(tone(0.05))) == "too short"
    assert reason(recording(np.zeros(SR))) == "silent"
    assert reason(recording(np.full(SR, 0.25))) == "silent"
    assert reason(recording(tone(1.0, peak=5e-5))) == "silent"
    broken = tone(1.0)
    broken[[3, 4]] = np.nan, np.inf
    assert reason(recording(broken)) == "non-finite"


def test_only_sound_files_without_speech_are_skipped():
    assert {"too short", "silent"} == SKIPPED_REASONS


def test_least_usable_length_and_level():
    assert check(recording(tone(0.1)), window_s=None) == ()
    assert check(recording(tone(1.0, peak=2e-4)), window_s=None) == ("quiet",)
    assert check(recording(tone(1.0, peak=0.02)), window_s=None) == ()


def test_a_recording_normalised_to_its_peak_is_not_clipped():
    y = tone(3.5, peak=0.9)
    y[100] = 1.0
    y[5000] = -1.0
    assert check(from_array(y, SR, sr=SR)) == ()
    y[5001] = -1.0
    assert check(from_array(y, SR, sr=SR)) == ("clipped",)


def test_full_scale_of_16_bits_counts_as_clipped():
    y = np.clip(tone(3.5, peak=1.5) * 32768, -32768, 32767).astype(np.int16)
    rec = from_array(y, SR, sr=SR)
    assert check(rec) == ("clipped",)
    assert rec.n_clipped == np.count_nonzero((y == 32767) | (y == -32768))
    assert 0.4 < rec.clipped_share < 0.6


def test_peak_ignores_a_constant_offset():
    assert peak_dbfs(np.zeros(10, dtype=np.float32)) == -np.inf
    assert peak_dbfs(np.full(1000, 0.1, dtype=np.float32)) == -np.inf
    assert peak_dbfs(tone(1.0, peak=0.1) + np.float32(0.3)) == pytest.approx(-20, abs=0.05)

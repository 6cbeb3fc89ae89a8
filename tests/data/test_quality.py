"""Input checks."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.data.audio import Recording, from_array
from ser_toolkit.data.quality import SKIPPED_REASONS, Levels, check, peak_dbfs
from ser_toolkit.errors import AudioError

SR = 16_000


def tone(duration_s: float, *, peak: float = 0.5, sr: int = SR) -> np.ndarray:
    """A tone that is quiet in its first fifth, as speech is never steady."""
    t = np.arange(round(duration_s * sr)) / sr
    return (peak * np.where(t < duration_s / 5, 0.2, 1) * np.sin(2 * np.pi * 150 * t)).astype(np.float32)


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
    assert reason(recording(np.zeros(SR))) == "no speech"
    assert reason(recording(np.full(SR, 0.25))) == "no speech"
    assert reason(recording(tone(1.0, peak=5e-5))) == "no speech"
    broken = tone(1.0)
    broken[[3, 4]] = np.nan, np.inf
    assert reason(recording(broken)) == "non-finite"


@pytest.mark.parametrize("kind", ["tone", "noise", "hum"])
def test_a_steady_level_is_no_speech(kind):
    t = np.arange(2 * SR) / SR
    rng = np.random.default_rng(0)
    y = {
        "tone": 0.5 * np.sin(2 * np.pi * 440 * t),
        "noise": 0.1 * rng.standard_normal(len(t)),
        "hum": 0.1 * sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 9)),
    }[kind]
    with pytest.raises(AudioError, match="steady") as error:
        check(recording(y))
    assert error.value.reason == "no speech"
    assert check(recording(y[: SR // 2]), window_s=None) == ()  # a vowel may be steady
    check(recording(np.concatenate([y, 0.5 * y])))  # and so may half a recording


def test_levels_do_not_depend_on_the_blocks():
    y = np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32) * np.linspace(
        0.01, 0.4, 3 * SR, dtype=np.float32
    )
    whole, parts = Levels(SR), Levels(SR)
    whole.add(y)
    for part in np.split(y, [1, 7, 400, 401, 20_000]):
        parts.add(part)
    assert parts.n_samples == whole.n_samples == len(y)
    assert parts.swing_db == whole.swing_db > 10
    assert parts.peak_dbfs == pytest.approx(whole.peak_dbfs, abs=1e-6) == pytest.approx(peak_dbfs(y), abs=1e-6)


def test_only_sound_files_without_speech_are_skipped():
    assert {"too short", "no speech"} == SKIPPED_REASONS


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

"""Speech is found however it is recorded; what is no speech is not taken for it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from ser_toolkit.data.speech import holds_speech
from ser_toolkit.testing.sounds import hard_sounds, sine, speech

SR = 16_000
T = np.arange(3 * SR) / SR


def chord():
    notes = sum(np.sin(2 * np.pi * f * k * T) / k**2 for f in (220, 277, 330) for k in range(1, 8))
    return notes * (0.2 + (T % 0.5 < 0.4))


def chirps():
    f = 3500 + 1000 * np.sin(2 * np.pi * 7 * T)
    return np.sin(2 * np.pi * np.cumsum(f) / SR) * (T % 0.25 < 0.15)


def engine():
    return sum(np.sin(2 * np.pi * 35 * k * (1 + 0.05 * T) * T) / k**0.5 for k in range(1, 30))


def syllables_of_noise():
    return np.random.default_rng(3).standard_normal(len(T)) * np.sin(np.pi * 4 * T) ** 2


@pytest.mark.parametrize("make", [chord, chirps, engine, syllables_of_noise])
def test_what_moves_like_speech_and_is_none(make):
    y = make()
    assert not holds_speech((0.5 * y / np.abs(y).max()).astype(np.float32), SR)


@pytest.mark.parametrize("name", list(hard_sounds(SR)))
def test_hard_sounds(name):
    assert holds_speech(hard_sounds(SR)[name], SR) is False


def test_nothing_at_all():
    assert holds_speech(np.zeros(0, dtype=np.float32), SR) is False
    assert holds_speech(sine(440, peak=0.5, duration_s=0.01, sr=SR), SR) is False


@pytest.mark.parametrize("sr", [8000, 16_000, 44_100])
@pytest.mark.parametrize("gain", [1.0, 1e-3])
def test_speech_at_any_rate_and_level(sr, gain):
    y = speech(3.0, sr) * np.float32(gain) + np.float32(0.1)
    kept = y.copy()
    assert holds_speech(y, sr) is True
    np.testing.assert_array_equal(y, kept)


def test_speech_late_in_the_sound():
    y = np.concatenate([1e-4 * np.random.default_rng(0).standard_normal(2 * SR), speech(1.0, SR)]).astype(np.float32)
    assert holds_speech(y, SR)


def test_screams_and_speech_in_noise(corpora):
    """The screams of this actor are speech to the detector only when they are slowed down."""
    names = ["Actor_06/03-01-05-02-02-01-06", "Actor_18/03-01-05-02-02-01-18", "Actor_24/03-01-06-02-02-02-24"]
    for name in names:
        y, sr = soundfile.read(corpora / "ravdess" / f"{name}.flac", dtype="float32")
        assert holds_speech(y, sr)
    rng = np.random.default_rng(0)
    with open(corpora / "emodb" / "manifest.csv", newline="", encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file)][::40]
    for name in files:
        y, sr = soundfile.read(corpora / "emodb" / name, dtype="float32")
        noise = rng.standard_normal(len(y)) * y.std() / 10**0.5
        assert holds_speech((y + noise).astype(np.float32), sr), name

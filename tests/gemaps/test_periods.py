from __future__ import annotations

import numpy as np
import pytest
from opensmile_levels import SR, few_files, level
from scipy.signal import lfilter

from ser_toolkit_gemaps import frames, spectrum
from ser_toolkit_gemaps.periods import jitter_shimmer
from ser_toolkit_gemaps.pitch import f0


def voice(periods: np.ndarray, amplitudes: np.ndarray, n: int = 48_000) -> np.ndarray:
    """Pulses at given distances (fractions of samples, too) through three formants."""
    y = np.zeros(n)
    for place, amplitude in zip(np.cumsum(periods), amplitudes, strict=True):
        index = np.arange(max(0, int(place) - 30), min(n, int(place) + 30))
        y[index] += amplitude * np.sinc(index - place)
    for hz, width in ((700, 80), (1200, 90), (2600, 120)):
        r = np.exp(-np.pi * width / SR)
        middle = -2 * r * np.cos(2 * np.pi * hz / SR)
        y = lfilter([1 + middle + r * r], [1, middle, r * r], y)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def measure(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wave = frames.wave(y)
    f0_hz, _ = f0(*spectrum.gauss60(wave, SR), SR)
    return jitter_shimmer(wave, f0_hz, SR), f0_hz


@pytest.mark.parametrize(("hz", "jitter"), [(110, 0.005), (110, 0.01), (110, 0.025), (220, 0.01), (220, 0.025)])
def test_jitter_is_recovered(hz: float, jitter: float) -> None:
    changes = np.random.default_rng(0).normal(size=700) * jitter * np.sqrt(np.pi) / 2
    periods = SR / hz * (1 + changes)
    values, f0_hz = measure(voice(periods, np.ones(700)))
    made = np.abs(np.diff(periods)).mean() / periods.mean()
    assert values[f0_hz > 0, 0].mean() == pytest.approx(made, rel=0.1)


@pytest.mark.parametrize(("hz", "jitter"), [(150, 0.005), (150, 0.025), (220, 0.005)])
def test_jitter_near_a_sample_is_underestimated_as_openSMILE_does(hz: float, jitter: float) -> None:
    pytest.importorskip("opensmile")
    periods = SR / hz * (1 + np.random.default_rng(0).normal(size=700) * jitter * np.sqrt(np.pi) / 2)
    y = voice(periods, np.ones(700))
    values, f0_hz = measure(y)
    theirs = level(y, "gemapsv01b_jitterShimmer")[level(y, "gemapsv01b_logPitch")[:, 0] > 0, 0]
    assert values[f0_hz > 0, 0].mean() == pytest.approx(theirs.mean(), rel=0.01)


@pytest.mark.parametrize("hz", [110, 150, 220])
@pytest.mark.parametrize("shimmer", [0.02, 0.05, 0.1])
def test_shimmer_is_recovered(hz: float, shimmer: float) -> None:
    amplitudes = 1 + np.random.default_rng(0).normal(size=700) * shimmer
    values, f0_hz = measure(voice(np.full(700, round(SR / hz)), amplitudes))
    made = 20 * np.log10(1 + np.abs(np.diff(amplitudes)).mean() / amplitudes.mean())
    assert values[f0_hz > 0, 1].mean() == pytest.approx(made, rel=0.2)


def test_a_steady_voice_has_neither() -> None:
    values, f0_hz = measure(voice(np.full(700, 100.0), np.ones(700)))
    steady = values[20:-20]
    assert (f0_hz > 0).all()
    assert steady[:, 0].max() < 1e-3
    assert steady[:, 1].max() < 0.01


def test_unvoiced_frames_are_zero_and_start_anew() -> None:
    y = voice(np.full(700, 100.0), np.ones(700))
    wave, f0_hz = frames.wave(y), np.full(294, 160.0, dtype=np.float32)
    f0_hz[100:120] = 0
    values = jitter_shimmer(wave, f0_hz, SR)
    assert not values[100:121, 0].any()
    again = jitter_shimmer(wave[120 * 160 :], f0_hz[120:], SR)
    assert np.allclose(values[120:], again, atol=1e-6)


def test_a_frame_without_a_new_period_takes_the_last_one_again() -> None:
    changes = np.random.default_rng(0).normal(size=250) * 0.02
    y = voice(180 * (1 + changes), np.ones(250), 40_000)  # longer than the 160 samples between frames
    values = jitter_shimmer(frames.wave(y), np.full(240, SR / 180, dtype=np.float32), SR)
    assert np.mean(values[20:, 0] == 0) == pytest.approx(1 - 160 / 180, rel=0.3)


@pytest.mark.parametrize("make", [np.zeros, np.ones])
def test_silence_that_is_called_voiced(make) -> None:
    values = jitter_shimmer(make(8000, dtype=np.float32), np.full(45, 57.0, dtype=np.float32), SR)
    assert not values.any()


def test_no_frames() -> None:
    assert jitter_shimmer(np.zeros(10, dtype=np.float32), np.zeros(0, dtype=np.float32), SR).shape == (0, 2)


def test_parity(corpora) -> None:
    pytest.importorskip("opensmile")
    both = [
        np.hstack([jitter_shimmer(frames.wave(y), level(y, "gemapsv01b_logPitch")[:, 0], SR), theirs])
        for y in few_files(corpora)
        for theirs in [level(y, "gemapsv01b_jitterShimmer")]
    ]
    values = np.concatenate(both)
    assert np.mean(np.abs(values[:, 0] - values[:, 2]) < 1e-4) > 0.999
    assert np.mean(np.abs(values[:, 1] - values[:, 3]) < 1e-3) > 0.999

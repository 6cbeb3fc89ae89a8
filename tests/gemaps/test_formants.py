from __future__ import annotations

import numpy as np
import pytest
from opensmile_levels import SR, few_files, level
from scipy.signal import lfilter

from ser_toolkit_gemaps import frames, spectrum
from ser_toolkit_gemaps.formants import TARGET_HZ, formants, resampled
from ser_toolkit_gemaps.linear_prediction import poles, predictors

VOWELS = [(700, 1200, 2600), (300, 2300, 3000), (300, 870, 2240), (500, 1500, 2500)]


def resonator(hz: tuple[int, ...], widths: tuple[int, ...], rate: int) -> np.ndarray:
    """Denominator of the filter with these formants."""
    a = np.ones(1)
    for f, b in zip(hz, widths, strict=True):
        r = np.exp(-np.pi * b / rate)
        a = np.convolve(a, [1, -2 * r * np.cos(2 * np.pi * f / rate), r * r])
    return a


@pytest.mark.parametrize("hz", VOWELS)
def test_linear_prediction_recovers_the_formants_of_a_vowel(hz: tuple[int, ...]) -> None:
    y = lfilter([1.0], resonator(hz, (80, 90, 120), TARGET_HZ), np.eye(1, 2200)[0])
    frequency, bandwidth = poles(predictors(y[None].astype(np.float32), 6), float(TARGET_HZ), 50.0, 5450.0, 3)
    assert frequency[0] == pytest.approx(hz, rel=0.05)
    assert bandwidth[0] == pytest.approx((80, 90, 120), rel=0.3)


def test_poles_are_the_roots() -> None:
    rng = np.random.default_rng(1)
    coefficients = rng.normal(size=(50, 11))
    frequency, bandwidth = poles(coefficients, 2 * np.pi, 0.0, np.pi, 3)
    for c, ours, widths in zip(coefficients, frequency, bandwidth, strict=True):
        roots = np.roots(np.r_[1, c])
        roots = roots[roots.imag > 1e-9]
        roots = roots[np.argsort(np.angle(roots))][:3]
        assert ours[: len(roots)] == pytest.approx(np.angle(roots), abs=1e-5)
        assert widths[: len(roots)] == pytest.approx(2 * np.abs(np.log(np.abs(roots))), abs=1e-5)
        assert not ours[len(roots) :].any()


@pytest.mark.parametrize("radius", [0.05, 0.5, 1.0, 1.5])
def test_roots_on_a_circle_are_found_at_any_radius(radius: float) -> None:
    polynomial = np.r_[np.zeros(10), radius**11]  # z^11 = -radius^11
    frequency, bandwidth = poles(polynomial[None], 11000.0, 50.0, 5450.0, 3)
    assert frequency[0] == pytest.approx([500, 1500, 2500], rel=1e-6)
    assert bandwidth[0] == pytest.approx(11000 / np.pi * abs(np.log(radius)), rel=1e-6, abs=1e-6)


def test_real_roots_are_no_poles() -> None:
    frequency, _ = poles(np.poly([0.9, -0.8, 0.6, -0.5, 0.2, 0.1])[None, 1:], 11000.0, 50.0, 5450.0, 3)
    assert not frequency.any()


def test_predictors_solve_the_normal_equations() -> None:
    from scipy.linalg import solve_toeplitz

    x = np.random.default_rng(2).normal(size=(3, 220)).astype(np.float32)
    for frame, filters in zip(x.astype(np.float64), predictors(x, 11), strict=True):
        lags = np.array([frame[: 220 - k] @ frame[k:] for k in range(12)])
        assert filters == pytest.approx(solve_toeplitz(lags[:-1], -lags[1:]))


def test_the_resampled_frame_is_the_frame() -> None:
    t = np.arange(320)
    y = np.cos(2 * np.pi * 1000 * t / SR).astype(np.float32)
    at_11k = resampled(spectrum.hamming20(y, SR), SR)[0]
    times = np.arange(220) * SR / TARGET_HZ - 96
    inside = (times > 20) & (times < 200)
    expected = np.interp(times, t, np.hamming(320)) * np.cos(2 * np.pi * 1000 * times / SR)
    assert at_11k[inside] == pytest.approx(expected[inside], abs=0.02)
    assert np.abs(at_11k[times < -10]).max() < 0.02


@pytest.mark.parametrize("n", [0, 100, 8000])
def test_silence_has_no_formants(n: int) -> None:
    frequency, bandwidth = formants(spectrum.hamming20(np.zeros(n, dtype=np.float32), SR), SR)
    assert frequency.shape == bandwidth.shape == (frames.count(n, SR, frames.SHORT_S), 3)
    assert not frequency.any()
    assert not bandwidth.any()


def vowel(hz: tuple[int, ...], f0_hz: float) -> np.ndarray:
    """Half a second of pulses through five resonances."""
    t = np.arange(SR // 2) / SR
    source = sum(np.cos(2 * np.pi * k * f0_hz * t + 0.3 * k * k) / k for k in range(1, int(7800 / f0_hz) + 1))
    y = lfilter([1.0], resonator((*hz, 3500, 4500), (60, 90, 150, 200, 250), SR), source)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


@pytest.mark.parametrize("hz", VOWELS)
def test_vowels_have_the_formants_that_opensmile_finds(hz: tuple[int, ...]) -> None:
    pytest.importorskip("opensmile")
    y = vowel(hz, 100.0)
    frequency, _ = formants(spectrum.hamming20(frames.wave(y), SR), SR)
    theirs = level(y, "gemapsv01b_formants")[:, :3]
    assert np.median(frequency, axis=0) == pytest.approx(np.median(theirs, axis=0), rel=0.01)


def test_parity(corpora) -> None:
    pytest.importorskip("opensmile")
    parts = []
    for y in few_files(corpora):
        frequency, bandwidth = formants(spectrum.hamming20(frames.wave(y), SR), SR)
        theirs = level(y, "gemapsv01b_formants")
        parts.append(np.hstack([frequency, bandwidth, theirs[:, :3], theirs[:, 5:8]]))
    values = np.concatenate(parts)
    close = np.abs(values[:, :6] - values[:, 6:]) < 5
    assert close.mean(axis=0).min() > 0.93
    for i in range(3):
        assert np.corrcoef(values[:, i], values[:, 6 + i])[0, 1] >= 0.98

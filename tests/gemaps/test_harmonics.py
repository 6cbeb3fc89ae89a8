from __future__ import annotations

import numpy as np
import pytest
from opensmile_levels import SR, few_files, level

from ser_toolkit_gemaps import frames, spectrum
from ser_toolkit_gemaps.harmonics import UNVOICED_DB, harmonics

LEVELS_DB = np.array([0.0, -6.0, -9.0, -20.0, -3.0, -25.0, -12.0, -30.0])


def partials(hz: float = 200.0) -> np.ndarray:
    t = np.arange(9600) / SR
    y = sum(10 ** (db / 20) * np.cos(2 * np.pi * hz * k * t) for k, db in enumerate(LEVELS_DB, start=1))
    return (0.2 * y).astype(np.float32)


def measure(y: np.ndarray, hz: float, formants: tuple[float, ...] = (400.0, 1000.0, 1400.0)) -> np.ndarray:
    magnitude, _ = spectrum.gauss60(frames.wave(y), SR)
    n = len(magnitude)
    frequency = np.tile(np.array(formants, dtype=np.float32), (n, 1))
    return harmonics(np.full(n, hz, dtype=np.float32), frequency, frequency, magnitude, SR)


def test_levels_of_harmonics() -> None:
    _, difference, to_third, first, second, third = measure(partials(), 200).T
    assert difference == pytest.approx(-6 + 9, abs=0.3)  # the harmonics at 2 F0 and 3 F0
    assert first == pytest.approx(-6, abs=0.3)
    assert second == pytest.approx(-3, abs=0.3)
    assert third == pytest.approx(-12, abs=0.3)
    assert to_third == pytest.approx(-6 + 12, abs=0.3)


def test_a_formant_without_a_harmonic_has_no_level() -> None:
    values = measure(partials(), 200, (300.0, 1000.0, 0.0))
    assert not values[:, 3].any()
    assert not values[:, 5].any()
    assert not values[:, 2].any()


def test_the_ratio_is_that_of_the_autocorrelation() -> None:
    y = partials() + 0.05 * np.random.default_rng(3).normal(size=9600).astype(np.float32)
    magnitude, _ = spectrum.gauss60(frames.wave(y), SR)
    correlation = np.abs(np.fft.irfft(magnitude.astype(np.float64) ** 2, axis=1))
    peak = correlation[:, 77:84].max(axis=1)
    expected = 10 * np.log10(peak / (correlation[:, 0] - peak))
    assert measure(y, 200)[:, 0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("noise_db", [-3, -6])
def test_noise_lowers_the_ratio_as_it_should(noise_db: float) -> None:
    y = partials()
    noise = np.random.default_rng(0).normal(size=len(y)) * np.sqrt(np.mean(y**2)) * 10 ** (noise_db / 20)
    assert measure(y, 200)[:, 0].mean() > 5
    assert measure((y + noise).astype(np.float32), 200)[:, 0].mean() < measure(y, 200)[:, 0].mean() - 2


def test_unvoiced() -> None:
    values = measure(partials(), 0.0)
    assert not values[:, :3].any()
    assert (values[:, 3:] == UNVOICED_DB).all()


@pytest.mark.parametrize("make", [np.zeros, np.ones])
@pytest.mark.parametrize("hz", [57.0, 990.0])
def test_silence_that_is_called_voiced_is_finite(make, hz: float) -> None:
    assert np.isfinite(measure(make(4000, dtype=np.float32), hz)).all()


def test_parity(corpora) -> None:
    pytest.importorskip("opensmile")
    parts = []
    for y in few_files(corpora):
        f0_hz = level(y, "gemapsv01b_logPitch")[:, 0]
        magnitude, _ = spectrum.gauss60(frames.wave(y), SR)
        frequency = level(y, "gemapsv01b_formants")[: len(f0_hz), :3]
        ours = harmonics(f0_hz, frequency, frequency, magnitude, SR)
        parts.append(np.hstack([ours, level(y, "gemapsv01b_harmonics")])[f0_hz > 0])
    values = np.concatenate(parts)
    assert (np.abs(values[:, :6] - values[:, 6:]) < 0.02).mean(axis=0).min() > 0.99

"""Functionals: known contours give known numbers, level does not matter, nothing breaks them."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.testing.extractors import assert_extractor
from ser_toolkit.testing.sounds import speech
from ser_toolkit_functionals import SpeechFunctionals, contour_functionals, short_time

SR = 16_000
NAMES = SpeechFunctionals().spec(None, SR).names


def test_contract():
    assert_extractor(SpeechFunctionals())


def test_there_is_a_name_for_every_value():
    assert len(NAMES) == len(set(NAMES)) == 37 * (92 + 15) + 4 == 3963


def test_level_does_not_matter():
    y = 0.8 * speech(3.0, SR)
    loud, quiet = SpeechFunctionals()(y, SR), SpeechFunctionals()(y / 50, SR)
    np.testing.assert_allclose(quiet, loud, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    "y", [np.zeros(48_000, "f4"), np.full(48_000, 0.3, "f4"), np.zeros(5, "f4"), speech(0.05, SR), speech(0.13, SR)]
)
def test_silence_and_very_short_segments_have_finite_values(y):
    got = SpeechFunctionals()(y.astype(np.float32), SR)
    assert got.shape == (3963,)
    assert np.isfinite(got).all()


@pytest.mark.parametrize("sr", [8000, 11_025, 44_100])
def test_other_rates(sr):
    assert np.isfinite(SpeechFunctionals()(speech(1.0, sr), sr)).all()


def test_refusals():
    with pytest.raises(AudioError, match="empty"):
        SpeechFunctionals()(np.zeros(0, "f4"), SR)
    with pytest.raises(AudioError, match="non-finite"):
        SpeechFunctionals()(np.full(1000, np.nan, "f4"), SR)
    with pytest.raises(ConfigError, match="8000 Hz or more, not 4000"):
        SpeechFunctionals()(np.zeros(1000, "f4"), 4000)


def test_a_tone_is_where_it_is():
    y = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(SR) / SR).astype(np.float32)
    found = dict(zip(short_time.NAMES, short_time.spectral_descriptors(y, SR).mean(axis=0), strict=True))
    assert found["centroid"] == pytest.approx(1000, abs=15)
    assert found["roll-off 0.5"] == pytest.approx(1000, abs=SR / 512)
    assert found["level"] == pytest.approx(10 * np.log10(0.1**2 / 2), abs=0.1)
    assert found["zero crossings"] == pytest.approx(2 * 1000 / SR, abs=0.01)
    assert found["level 1-4 kHz"] > found["level 250-650 Hz"]
    bands = [found[f"band level {i}"] for i in range(1, 27)]
    assert np.argmax(bands) in (8, 9)  # 1000 mel; bands are 104 mel apart from 32 on


def test_functionals_of_known_contours():
    time = np.linspace(0, 1, 101)
    contours = np.stack([10 * time, np.full(101, 3.0), np.sin(2 * np.pi * 5 * time), time**2], axis=1)
    found = dict(zip(contour_functionals.NAMES, contour_functionals.functionals(contours), strict=True))
    np.testing.assert_allclose(found["mean"], [5, 3, 0, contours[:, 3].mean()], atol=1e-12)
    np.testing.assert_allclose(found["slope"][:2], [5, 0], atol=1e-9)  # over half of the segment
    np.testing.assert_allclose(found["slope error, rms"][:2], 0, atol=1e-9)
    assert found["curvature"][3] == pytest.approx(0.25)
    assert found["curvature error, rms"][3] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(found["p99-p1"][:2], [9.8, 0], atol=1e-9)
    np.testing.assert_allclose(found["rising share"][:3], [1, 0, 0.5], atol=0.02)
    np.testing.assert_allclose(found["rise, mean"][:2], [0.1, 0], atol=1e-9)
    assert found["peaks"][2] * 101 == 5
    assert found["mean crossings"][2] * 100 == pytest.approx(10, abs=2)
    assert found["autocorrelation 20"][2] == pytest.approx(1, abs=0.01)  # one period
    np.testing.assert_allclose([found[name][1] for name in ("sd", "skewness", "kurtosis", "change, sd")], 0)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_short_contours_are_repeated(n):
    got = contour_functionals.functionals(np.full((n, 2), 7.0))
    assert got.shape == (37, 2)
    np.testing.assert_allclose(got[0], 7.0 if n else 0.0)


def test_rhythm_of_voicing():
    y = np.concatenate([speech(1.0, SR), np.zeros(SR, "f4"), speech(1.0, SR)])
    got = dict(zip(NAMES, SpeechFunctionals()(y, SR), strict=True))
    assert 0.3 < got["voiced share"] < 0.75
    assert got["voiced parts per frame"] * 300 >= 2


def test_without_voice_what_is_left_is_the_same_but_for_its_last_frames():
    assert_extractor(SpeechFunctionals(voice=False))
    y = speech(3.0, SR)
    names = SpeechFunctionals(voice=False).spec(None, SR).names
    assert len(names) == len(set(names)) == 37 * 82 == 3034
    everything = dict(zip(NAMES, SpeechFunctionals()(y, SR), strict=True))
    spectral = SpeechFunctionals(voice=False)(y, SR)
    means = [name.endswith(": mean") for name in names]
    np.testing.assert_allclose(
        spectral[means], [everything[n] for n in names if n.endswith(": mean")], rtol=0.05, atol=0.05
    )

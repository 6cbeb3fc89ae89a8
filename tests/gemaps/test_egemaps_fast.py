"""The component: contract, grid, errors, hard sounds, agreement with openSMILE."""

import csv
import json
import pickle

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_toolkit.components import create
from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureExtractor, SlidingFeatureExtractor
from ser_toolkit.sliding import slide
from ser_toolkit.testing import assert_extractor
from ser_toolkit.testing.sounds import sine, speech
from ser_toolkit_gemaps import EgemapsFast, ser_register_features
from ser_toolkit_gemaps.descriptors import describe, summarise
from ser_toolkit_gemaps.names import LLDS, NAMES

SR = 16_000
WINDOW = {"n_window": 48_000, "n_hop": 12_000}
AT = {name: k for k, name in enumerate(NAMES)}


@pytest.mark.parametrize("mode", ["window", "sliding"])
def test_keeps_the_contract(mode):
    assert_extractor(EgemapsFast(mode=mode))


def test_is_a_component():
    extractor = EgemapsFast(mode="sliding")
    assert isinstance(extractor, FeatureExtractor)
    assert isinstance(extractor, SlidingFeatureExtractor)
    assert create(EgemapsFast, {"mode": "sliding"}) == extractor
    assert pickle.loads(pickle.dumps(extractor)) == extractor
    assert ser_register_features() == [EgemapsFast]
    assert (EgemapsFast().context_s, EgemapsFast().sliding_agreement) == (0.0, 1.0)
    json.dumps(extractor.spec(None, SR).names)
    assert extractor.feature_names() == NAMES
    assert extractor.descriptor_names() == LLDS


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 6000), kind=st.sampled_from(["silence", "dc", "square", "noise", "click"]), sr=st.just(SR))
def test_any_length_of_any_sound_is_finite(n, kind, sr):
    y = {
        "silence": np.zeros(n),
        "dc": np.full(n, 0.7),
        "square": np.sign(np.sin(2 * np.pi * 200 * (np.arange(n) + 0.5) / sr)),
        "noise": np.random.default_rng(n).uniform(-1, 1, n),
        "click": np.eye(1, n, n // 2)[0],
    }[kind].astype(np.float32)
    values = EgemapsFast()(y, sr)
    assert values.shape == (88,)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("sr", [8000, 11_025, 22_050, 44_100, 48_000])
def test_other_sample_rates(sr):
    y = sine(220, peak=0.5, duration_s=1.0, sr=sr)
    values = EgemapsFast()(y, sr)
    assert np.isfinite(values).all()
    assert values[AT["equivalentSoundLevel_dBp"]] == pytest.approx(10 * np.log10(0.125), abs=0.1)


def test_short_segments_are_repeated():
    y = speech(0.04, SR)
    np.testing.assert_array_equal(EgemapsFast()(y, SR), EgemapsFast()(np.resize(y, 1600), SR))


def test_undefined_values_are_zero():
    values = EgemapsFast()(np.zeros(SR, np.float32), SR)
    for name in ("jitterLocal_sma3nz_amean", "F0semitoneFrom27.5Hz_sma3nz_amean", "VoicedSegmentsPerSec"):
        assert values[AT[name]] == 0
    assert values[AT["equivalentSoundLevel_dBp"]] == -120


def test_refuses_what_it_cannot_use():
    extractor = EgemapsFast()
    with pytest.raises(AudioError, match="at least one sample") as empty:
        extractor(np.zeros(0, np.float32), SR)
    assert empty.value.reason == "empty"
    with pytest.raises(AudioError, match="NaN") as broken:
        extractor.sliding(np.full(48_000, np.nan, np.float32), SR, **WINDOW)
    assert broken.value.reason == "non-finite"
    with pytest.raises(ConfigError, match="8000 Hz or more, not 4000"):
        extractor(np.zeros(4000, np.float32), 4000)


def test_sliding_refuses_what_is_off_its_grid():
    extractor, y = EgemapsFast(mode="sliding"), speech(4.0, SR)
    with pytest.raises(ConfigError, match="hop of 12001 samples"):
        extractor.sliding(y, SR, n_window=48_000, n_hop=12_001)
    with pytest.raises(ConfigError, match="shorter than 0.1 s"):
        extractor.sliding(y, SR, n_window=1599, n_hop=160)
    with pytest.raises(ConfigError, match="11025 Hz is not a multiple"):
        extractor(y, 11_025)
    assert extractor.sliding(y[:100], SR, **WINDOW).shape == (0, 88)


def test_window_mode_slides_as_single_calls():
    extractor, y = EgemapsFast(), speech(4.0, SR)
    rows = extractor.sliding(y, SR, **WINDOW)
    np.testing.assert_array_equal(rows[1], extractor(y[12_000:60_000], SR))


def test_one_window_is_the_same_in_both_modes():
    y = speech(3.0, SR)
    np.testing.assert_array_equal(EgemapsFast()(y, SR), EgemapsFast(mode="sliding")(y, SR))


def test_chunks_give_the_numbers_of_the_whole():
    extractor, y = EgemapsFast(mode="sliding"), np.concatenate([speech(5.0, SR), speech(7.0, SR)[::-1]])
    whole = extractor.sliding(y, SR, n_window=16_000, n_hop=4000)
    parts = [
        slide(extractor, y, SR, n_window=16_000, n_hop=4000, start=k * 4000, count=min(5, len(whole) - k))
        for k in range(0, len(whole), 5)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-3, atol=1e-4)


def test_descriptors_are_those_behind_the_functionals():
    y = speech(2.0, SR)
    rows = EgemapsFast().descriptors(y, SR)
    described = describe(y, SR)
    assert rows.shape == (195, 25)
    values = summarise(described, first=0, n_short=199, n_long=195)
    np.testing.assert_array_equal(values, EgemapsFast()(y, SR))
    assert values[AT["loudness_sma3_amean"]] == pytest.approx(described.short[:, 0].mean(), rel=1e-5)
    pitch = rows[:-1, LLDS.index("F0semitoneFrom27.5Hz_sma3nz")]
    assert values[AT["F0semitoneFrom27.5Hz_sma3nz_amean"]] == pytest.approx(pitch[pitch > 0].mean(), rel=1e-5)


@pytest.mark.corpora
def test_agrees_with_opensmile(corpora):
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    ours, theirs = [], []
    for name, step in (("emodb", 60), ("ravdess", 160), ("nemo", 170)):
        with (corpora / name / "manifest.csv").open(encoding="utf-8") as file:
            for row in list(csv.DictReader(file))[::step]:
                y, sr = soundfile.read(corpora / name / row["file"], dtype="float32")
                y = np.clip(y, -32767 / 32768, 32767 / 32768)
                ours.append(EgemapsFast()(y, sr))
                theirs.append(smile.process_signal(y, sr).to_numpy()[0])
    ours, theirs = np.stack(ours).astype(np.float64), np.stack(theirs).astype(np.float64)
    correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)])
    plain = np.array([not name.endswith("stddevNorm") for name in NAMES])
    # one frame in another octave makes the steepest slopes of a file
    steep = np.array([name.startswith("F0") and "Slope" in name for name in NAMES])
    assert np.median(correlation) > 0.99
    assert correlation[plain & ~steep].min() > 0.9
    assert correlation[steep].min() > 0.5

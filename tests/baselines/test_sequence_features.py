"""Sound as sequences of frames: what the numbers are, and how many there are."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.testing.extractors import assert_extractor
from ser_toolkit.testing.sounds import sine, speech
from ser_toolkit_baselines.log_spectrogram import LogSpectrogram
from ser_toolkit_baselines.logmel_sequence import LogMelSequence
from ser_toolkit_baselines.mfcc_sequence import MfccSequence
from ser_toolkit_baselines.smile_lld import SmileLld
from ser_toolkit_paper.melspec import MelSpec

SR = 16_000
ALL = (LogMelSequence(), MfccSequence(), LogSpectrogram(), SmileLld(), SmileLld(feature_set="eGeMAPSv02"))


def named(extractor):
    return f"{extractor.name}-{getattr(extractor, 'feature_set', '')}"


@pytest.mark.parametrize("extractor", ALL, ids=named)
def test_contract(extractor):
    assert_extractor(extractor)


@pytest.mark.parametrize(
    ("extractor", "seconds", "shape"),
    [
        (LogMelSequence(), 7.5, (751, 26)),
        (LogMelSequence(n_mels=40), 3.0, (301, 40)),
        (LogMelSequence(n_mels=64, ref="max"), 3.0, (301, 64)),
        (MfccSequence(), 3.0, (301, 39)),
        (MfccSequence(n_mfcc=20, deltas=0), 3.0, (301, 20)),
        (LogSpectrogram(), 3.0, (1, 200, 297)),
        (LogSpectrogram(resolution_hz=10, window_s=0.02), 3.0, (1, 400, 299)),
        (SmileLld(), 3.0, (299, 32)),
        (SmileLld(feature_set="eGeMAPSv02"), 3.0, (296, 25)),
    ],
    ids=str,
)
def test_shapes(extractor, seconds, shape):
    spec = extractor.spec(round(seconds * SR), SR)
    assert spec.shape == shape
    assert spec.role == ("image" if len(shape) == 3 else "sequence")
    free = extractor.spec(None, SR)
    assert free.shape == tuple(None if axis == "frame" else n for n, axis in zip(shape, spec.axes, strict=True))
    assert free.varies
    assert create(type(extractor), to_config(extractor)) == extractor


@pytest.mark.parametrize("extractor", ALL, ids=named)
def test_any_length_at_any_rate(extractor):
    for sr in (8000, 22_050):
        for n in (1, 700, 1601, 4410, 9_999):
            y = speech(n / sr, sr)
            assert extractor(y, sr).shape == extractor.spec(len(y), sr).shape


@pytest.mark.parametrize("extractor", ALL, ids=named)
def test_refuses_no_and_broken_audio(extractor):
    with pytest.raises(AudioError, match="empty"):
        extractor(np.zeros(0, np.float32), SR)
    with pytest.raises(AudioError, match="non-finite"):
        extractor(np.full(2000, np.nan, np.float32), SR)


def test_log_mel_is_the_spectrogram_on_its_side():
    y = speech(1.3, SR)
    image = MelSpec(n_fft=512, win_length=400, hop_length=160, n_mels=40, ref=1.0)
    np.testing.assert_array_equal(LogMelSequence(n_mels=40)(y, SR), image(y, SR)[0].T)
    rows = LogMelSequence(n_mels=40).sliding(y, SR, n_window=8000, n_hop=4000)
    np.testing.assert_allclose(rows[2], LogMelSequence(n_mels=40)(y[8000:16_000], SR), atol=1e-3)


def test_mfcc_are_those_of_librosa():
    import librosa

    y = speech(0.7, SR)
    got = MfccSequence()(y, SR)
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=512, win_length=400, hop_length=160, n_mels=40)
    still = librosa.feature.mfcc(S=librosa.power_to_db(power), n_mfcc=13)
    np.testing.assert_allclose(got[:, :13], still.T, atol=1e-2)
    delta = librosa.feature.delta(still, order=2, mode="nearest")
    np.testing.assert_allclose(got[:, 26:], delta.T, atol=1e-2)
    with pytest.raises(ConfigError, match="exceeds n_mels"):
        MfccSequence(n_mfcc=50)


def test_a_sine_is_where_and_as_loud_as_it_is():
    values = LogSpectrogram()(sine(1000, peak=0.1, duration_s=0.5, sr=SR), SR)[0]
    assert (values.argmax(axis=0) == 50).all()  # 1000 Hz in bands of 20 Hz
    np.testing.assert_allclose(values.max(axis=0), -20, atol=0.01)
    assert values.min() == pytest.approx(-100, abs=1e-3)  # the floor


def test_spectrogram_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match="exceeds half"):
        LogSpectrogram(fmax_hz=5000)(speech(0.2, 8000), 8000)
    with pytest.raises(ConfigError, match="frames of at most 0.02 s"):
        LogSpectrogram(resolution_hz=50)(speech(0.2, SR), SR)


def test_deltas_are_those_of_opensmile():
    opensmile = pytest.importorskip("opensmile")
    y = speech(1.0, SR)
    smile = opensmile.Smile(opensmile.FeatureSet.IS09, opensmile.FeatureLevel.LowLevelDescriptors_Deltas)
    expected = smile(y, SR)[0].T
    got = SmileLld()(y, SR)[:, 16:]
    np.testing.assert_allclose(got, expected[: len(got)], atol=1e-6)  # openSMILE has two more, of silence


def test_descriptors_are_about_the_same_time():
    y = np.concatenate([np.zeros(8000, np.float32), sine(220, peak=0.5, duration_s=0.5, sr=SR)])
    energy, loudness = SmileLld()(y, SR)[:, 0], SmileLld(feature_set="eGeMAPSv02")(y, SR)[:, 0]
    assert abs(int(np.argmax(energy > energy.max() / 2)) - 50) <= 3
    assert abs(int(np.argmax(loudness > loudness.max() / 2)) - 50) <= 5

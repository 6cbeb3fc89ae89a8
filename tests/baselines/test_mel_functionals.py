"""Statistics of mel bands: those of the component melspec, one vector for any length."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.testing.extractors import assert_extractor
from ser_toolkit.testing.sounds import speech
from ser_toolkit_baselines.mel_functionals import MelFunctionals
from ser_toolkit_paper.melspec import MelSpec

SR = 16_000


@pytest.mark.parametrize("extractor", [MelFunctionals(), MelFunctionals(n_mels=20, n_fft=512, hop_length=200, ref=1.0)])
def test_contract(extractor):
    assert_extractor(extractor)


@pytest.mark.parametrize("seconds", [0.1, 1.3, 3.0, 11.0])
def test_are_those_of_the_spectrogram(seconds):
    y = speech(seconds, SR)
    got = MelFunctionals()(y, SR)
    assert got.shape == (512,)
    bands = MelSpec()(y, SR)[0].astype(np.float64)
    mean, sd, low, high = got.reshape(4, 128)
    np.testing.assert_allclose(mean, bands.mean(axis=1), atol=1e-4)
    np.testing.assert_allclose(sd, bands.std(axis=1), atol=1e-4)
    np.testing.assert_allclose(low, np.percentile(bands, 10, axis=1), atol=1e-4)
    np.testing.assert_allclose(high, np.percentile(bands, 90, axis=1), atol=1e-4)


def test_windows_of_a_recording_are_those_of_each_by_itself():
    y = speech(6.0, SR)
    rows = MelFunctionals().sliding(y, SR, n_window=48_000, n_hop=12_000)
    assert rows.shape == (5, 512)
    for i, row in enumerate(rows):
        np.testing.assert_allclose(row, MelFunctionals()(y[12_000 * i :][:48_000], SR), atol=1e-3)
    assert MelFunctionals().sliding(y[:100], SR, n_window=48_000, n_hop=12_000).shape == (0, 512)


def test_names_and_settings():
    extractor = MelFunctionals(n_mels=4, n_fft=256)
    spec = extractor.spec(None, SR)
    assert spec.names[:5] == ("mean 0", "mean 1", "mean 2", "mean 3", "sd 0")
    assert spec.names[-1] == "p90 3"
    assert (spec.role, spec.unit) == ("vector", "dB")
    assert create(MelFunctionals, to_config(extractor)) == extractor
    quiet, loud = 0.1 * speech(2.0, SR), speech(2.0, SR)
    assert_peaks(extractor(quiet, SR), extractor(loud, SR), 0)  # 0 dB is the loudest value, whatever the level
    fixed = MelFunctionals(n_mels=4, n_fft=256, ref=1.0)
    assert_peaks(fixed(quiet, SR), fixed(loud, SR), -20)


def assert_peaks(one, other, decibels):
    """How far the 90th percentiles are apart."""
    np.testing.assert_allclose((one - other)[-4:], decibels, atol=1e-2)


def test_refusals():
    with pytest.raises(AudioError, match="empty"):
        MelFunctionals()(np.zeros(0, np.float32), SR)
    with pytest.raises(ConfigError, match="mel bands hold no FFT bin"):
        MelFunctionals(n_fft=64)(speech(1.0, SR), SR)
    with pytest.raises(ConfigError, match="mel-functionals"):
        create(MelFunctionals, {"n_mels": 0})

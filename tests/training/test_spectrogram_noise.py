"""Noise on training spectrograms: how much, on what, and that it repeats."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.errors import ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.training.config import check_config
from ser_toolkit.training.settings import AugmentConfig
from ser_toolkit.training.spectrogram_noise import SpectrogramNoise, spectrogram_noise_of

SPECS = {
    "mel": FeatureSpec(shape=(1, 32, 60), axes=("channel", "mel", "frame"), unit="dB"),
    "turned": FeatureSpec(shape=(1, 60, 32), axes=("channel", "frame", "mel"), unit="dB"),
    "long": FeatureSpec(shape=(1, 32, None), axes=("channel", "mel", "frame"), unit="dB"),
    "linear": FeatureSpec(shape=(1, 32, 60), axes=("channel", "mel", "frame"), unit="1"),
    "gemaps": FeatureSpec(shape=(6,), axes=("feature",), unit="mixed"),
}
ROWS = 200


def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {
        key: (-60 * rng.random((ROWS, *(50 if n is None else n for n in spec.shape)))).astype(np.float32)
        for key, spec in SPECS.items()
    }
    return {**made, "long_length": np.arange(ROWS) % 50 + 1}


def altered(*, share=1.0, snr_db=(0.0, 0.0), seed=0, epoch=1, step=0, rows=None) -> dict[str, np.ndarray]:
    rows = np.arange(ROWS) if rows is None else rows
    data = {key: values[rows].copy() for key, values in batch().items()}
    change = SpectrogramNoise(share=share, snr_db=snr_db, seed=seed)
    change(data, SPECS, epoch=epoch, step=step, rows=rows, n_rows=ROWS)
    return data


def power(x: np.ndarray) -> np.ndarray:
    return (10 ** (0.1 * x.astype(np.float64))).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
@pytest.mark.parametrize("key", ["mel", "turned"])
def test_ratio_is_as_asked_for(key, snr_db):
    speech = power(batch()[key])
    noise = power(altered(snr_db=(snr_db, snr_db))[key]) - speech
    assert 10 * np.log10(np.mean(speech / noise)) == pytest.approx(snr_db, abs=0.3)


def test_ratio_does_not_depend_on_the_reference_of_the_decibels():
    change = SpectrogramNoise(share=1.0, snr_db=(10.0, 10.0), seed=0)
    low = {key: values.copy() for key, values in batch().items()}
    high = {key: values + 40 if SPECS.get(key) and SPECS[key].unit == "dB" else values for key, values in low.items()}
    for data in (low, high):
        change(data, SPECS, epoch=1, step=0, rows=np.arange(ROWS), n_rows=ROWS)
    np.testing.assert_allclose(high["mel"] - 40, low["mel"], atol=1e-3)


def test_share_of_windows():
    data, before = altered(share=0.25), batch()
    noisy = (data["mel"] != before["mel"]).any(axis=(1, 2, 3))
    assert 0.15 < noisy.mean() < 0.35
    assert np.array_equal(noisy, (data["turned"] != before["turned"]).any(axis=(1, 2, 3)))


def test_colours_differ():
    quiet = {key: np.full_like(values, -60.0) for key, values in batch().items() if key == "mel"}
    SpectrogramNoise(share=1.0, snr_db=(-20.0, -20.0), seed=0)(
        quiet, {"mel": SPECS["mel"]}, epoch=1, step=0, rows=np.arange(ROWS), n_rows=ROWS
    )
    spectra = quiet["mel"].mean(axis=(1, 3))
    slopes = spectra[:, -8:].mean(axis=1) - spectra[:, :8].mean(axis=1)
    assert slopes.min() < -8 and slopes.max() > 8


def test_what_is_not_in_decibels_or_padding_stays():
    data, before = altered(), batch()
    assert np.array_equal(data["linear"], before["linear"])
    assert np.array_equal(data["gemaps"], before["gemaps"])
    for now, was, n in zip(data["long"], before["long"], before["long_length"], strict=True):
        assert np.array_equal(now[..., n:], was[..., n:])
        assert (now[..., :n] > was[..., :n]).all()


def test_repeats_and_does_not_depend_on_the_division_into_processes():
    whole = altered()["mel"]
    assert np.array_equal(whole, altered()["mel"])
    assert np.array_equal(whole[1::2], altered(rows=np.arange(1, ROWS, 2))["mel"])
    assert not np.array_equal(whole, altered(epoch=2)["mel"])
    assert not np.array_equal(whole, altered(seed=1)["mel"])


def test_settings():
    assert spectrogram_noise_of(AugmentConfig(), seed=0) is None
    asked = AugmentConfig(noise=0.3, noise_snr_db=(5.0, 20.0))
    assert spectrogram_noise_of(asked, seed=4) == SpectrogramNoise(share=0.3, snr_db=(5.0, 20.0), seed=4)
    with pytest.raises(ConfigError, match="noise_snr_db"):
        check_config({"augment": {"noise": 0.3, "noise_snr_db": [20.0, 5.0]}})

"""Degraded recordings: ratios, lengths, determinism, silence, full scale."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import correlate, welch

from ser_toolkit.data.audio import CLIPPED_LEVEL
from ser_toolkit.errors import ConfigError
from ser_toolkit.noise import STANDARD, degrade
from ser_toolkit.noise.additive import add_noise
from ser_toolkit.noise.conditions import SNRS_DB
from ser_toolkit.noise.generators import white
from ser_toolkit.noise.levels import active_level_db, level_db
from ser_toolkit.noise.rooms import impulse_response

SR = 16_000


def speech(seconds: float = 3.0, *, seed: int = 0, peak: float = 0.05) -> np.ndarray:
    """Harmonics in syllables with pauses between."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * SR)) / SR
    y = sum(np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) / k for k in range(1, 40))
    y *= np.clip(np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6)), 0, 1)
    return (peak * y / np.abs(y).max()).astype(np.float32)


VOICES = [speech(1.7, seed=i) for i in range(1, 7)]


def condition_id(condition):
    return condition.name


@pytest.mark.parametrize("kind", ["white", "pink", "babble", "music"])
@pytest.mark.parametrize("snr", SNRS_DB)
def test_ratio_is_to_the_active_speech(kind, snr):
    y = np.concatenate([np.zeros(2 * SR, dtype=np.float32), speech()])
    noise = degrade(y, SR, f"{kind}:{snr:g}", voices=VOICES) - y
    assert active_level_db(y, SR) - level_db(noise) == pytest.approx(snr, abs=0.2)


def test_loud_mixtures_are_turned_down_and_not_cut_off():
    y = speech(peak=0.99)
    rng = np.random.default_rng(3)
    noise = white(len(y), rng=rng)
    mixed = add_noise(y, noise, SR, snr_db=-5).astype(float)
    assert np.abs(mixed).max() == pytest.approx(CLIPPED_LEVEL)
    share, *_ = np.linalg.lstsq(np.stack([y, noise], axis=1), mixed, rcond=None)
    np.testing.assert_allclose(share[0] * y + share[1] * noise, mixed, atol=1e-6)  # a sum: no sample is cut or wrapped
    assert active_level_db(share[0] * y, SR) - level_db(share[1] * noise) == pytest.approx(-5, abs=0.05)


@pytest.mark.parametrize("condition", STANDARD, ids=condition_id)
def test_every_condition_keeps_length_and_full_scale_and_leaves_its_input_alone(condition):
    for y in (speech(1.0, peak=1.0), speech(0.123), np.full(2, 0.5, dtype=np.float32), np.ones(1, dtype=np.float32)):
        before = y.copy()
        z = degrade(y, SR, condition, voices=VOICES)
        assert z.shape == y.shape
        assert z.dtype == np.float32
        assert np.isfinite(z).all()
        assert np.abs(z).max() <= 1
        np.testing.assert_array_equal(y, before)
        assert not np.shares_memory(y, z)


@pytest.mark.parametrize("condition", STANDARD, ids=condition_id)
def test_silence_stays_silence(condition):
    assert not degrade(np.zeros(SR, dtype=np.float32), SR, condition, voices=VOICES).any()
    assert degrade(np.zeros(0, dtype=np.float32), SR, condition, voices=VOICES).shape == (0,)


@pytest.mark.parametrize("condition", STANDARD, ids=condition_id)
def test_the_same_seed_gives_the_same_samples(condition):
    y = speech(1.0)
    once = degrade(y, SR, condition, seed=4, voices=VOICES)
    np.testing.assert_array_equal(once, degrade(y, SR, condition, seed=4, voices=VOICES))


@pytest.mark.parametrize("name", ["telephone", "opus:64", "opus:8", "mp3:48", "mp3:16", "clip:20", "reverb:0.3"])
def test_speech_stays_in_its_place(name):
    y = speech() * np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32)
    likeness = correlate(degrade(y, SR, name), y, method="fft")
    assert abs(int(np.argmax(np.abs(likeness))) - (len(y) - 1)) <= 2


@pytest.mark.parametrize("name", ["white:10", "pink:10", "music:10", "babble:10", "reverb:0.6"])
def test_seed_and_recording_decide_the_noise_and_its_level_does_not(name):
    y, other = speech(), speech(seed=9)
    one = degrade(y, SR, name, seed=0, voices=VOICES)
    assert not np.array_equal(one, degrade(y, SR, name, seed=1, voices=VOICES))
    if name.startswith("white"):
        residues = [degrade(x, SR, name) - x for x in (y, other)]
        assert abs(np.corrcoef(*residues)[0, 1]) < 0.05
        louder = degrade(y, SR, "white:0") - y
        assert np.corrcoef(residues[0], louder)[0, 1] == pytest.approx(1, abs=1e-4)


def test_another_process_makes_the_same_noise():
    code = (
        "import numpy as np; from ser_toolkit.noise import degrade;"
        "y = np.sin(np.arange(8000) * 0.1).astype('float32') * 0.1;"
        "print([float(degrade(y, 16000, c).astype(float).sum()) for c in ('music:5', 'pink:5', 'reverb:0.3')])"
    )
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout}
    y = np.sin(np.arange(8000) * 0.1).astype("float32") * 0.1
    here = [float(degrade(y, 16_000, c).astype(float).sum()) for c in ("music:5", "pink:5", "reverb:0.3")]
    assert found == {f"{here}\n"}


@pytest.mark.parametrize("rt60", [0.3, 0.6, 1.0])
def test_a_room_dies_away_as_it_says(rt60):
    h = impulse_response(SR, rt60_s=rt60, rng=np.random.default_rng(0))
    assert h[0] == 1
    assert not h[1:48].any()
    decay = 10 * np.log10(np.cumsum(np.square(h[48:])[::-1])[::-1])  # Schroeder's backward integral
    t = np.arange(len(decay)) / SR
    chosen = (decay < decay[0] - 5) & (decay > decay[0] - 35)
    slope = np.polyfit(t[chosen], decay[chosen], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.08)
    direct_db = -10 * np.log10(np.square(h[1:]).sum())
    assert direct_db == pytest.approx(20 * np.log10(0.057 * np.sqrt(60 / rt60)), abs=0.01)


@pytest.mark.parametrize("name", ["reverb:0.6", "telephone", "opus:16", "mp3:16"])
def test_rooms_and_channels_keep_the_level_of_speech(name):
    y = speech()
    assert active_level_db(degrade(y, SR, name), SR) == pytest.approx(active_level_db(y, SR), abs=0.1)


def test_the_telephone_passes_its_band_only():
    y = 0.05 * np.random.default_rng(0).standard_normal(4 * SR).astype(np.float32)
    hz, power = welch(degrade(y, SR, "telephone"), SR, nperseg=1024)
    inside = power[(hz > 500) & (hz < 3000)].mean()
    assert power[hz < 100].max() < 1e-2 * inside
    assert power[hz > 4200].max() < 1e-3 * inside


def test_codecs_are_the_rougher_the_lower_their_rate():
    y = speech() + 0.002 * np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32)
    for codec, rates in (("opus", (64, 16, 8)), ("mp3", (64, 24, 8))):
        error = [float(np.square(degrade(y, SR, f"{codec}:{rate}") - y).mean()) for rate in rates]
        assert error == sorted(error), codec


@pytest.mark.parametrize("percent", [1, 5, 20])
def test_clipping_cuts_the_share_that_it_says(percent):
    y = speech() + 0.001 * np.random.default_rng(0).standard_normal(3 * SR).astype(np.float32)
    z = degrade(y, SR, f"clip:{percent}")
    assert np.mean(np.abs(y) > np.abs(z).max()) == pytest.approx(percent / 100, abs=0.002)
    np.testing.assert_array_equal(z[np.abs(y) < np.abs(z).max()], y[np.abs(y) < np.abs(z).max()])


@pytest.mark.parametrize("sr", [8000, 22_050, 48_000])
def test_other_rates_work_as_well(sr):
    y = speech()[:sr].copy()
    for condition in STANDARD[::3]:
        assert degrade(y, sr, condition, voices=VOICES).shape == y.shape


def test_babble_without_voices_stereo_and_integers_are_refused():
    with pytest.raises(ConfigError, match="give voices"):
        degrade(speech(), SR, "babble:10")
    with pytest.raises(ConfigError, match="mono"):
        degrade(np.zeros((2, SR)), SR, "white:10")
    with pytest.raises(ConfigError, match="floats of shape"):
        degrade(np.ones(SR, dtype=np.int16), SR, "white:10")

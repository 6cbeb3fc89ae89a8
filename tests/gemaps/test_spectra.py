"""Frames, spectra, loudness and spectral shape against their definitions."""

import numpy as np
import pytest
from scipy.signal import get_window

from ser_toolkit_gemaps import frames, loudness, spectral, spectrum

SR = 16_000


def noise(n, peak=0.3, seed=0):
    return (peak * np.random.default_rng(seed).uniform(-1, 1, n)).astype(np.float32)


def tone(hz, n=SR, peak=0.3):
    return (peak * np.sin(2 * np.pi * hz * np.arange(n) / SR)).astype(np.float32)


def powers(y, sr=SR):
    return spectrum.power(spectrum.hamming20(frames.wave(y), sr))


def test_frames_begin_every_10_ms_and_lie_inside():
    y = np.arange(1000, dtype=np.float32)
    cut = frames.frames(y, SR, frames.SHORT_S)
    assert cut.shape == (5, 320)
    assert cut[:, 0].tolist() == [0, 160, 320, 480, 640]
    assert not cut.flags.writeable
    assert frames.frames(y[:319], SR, frames.SHORT_S).shape == (0, 320)


@pytest.mark.parametrize("n", [1, 319, 320, 479, 480, 960, 1119, 1120, 48_000])
def test_count_is_the_number_of_frames(n):
    y = np.zeros(n, dtype=np.float32)
    for size_s in (frames.SHORT_S, frames.LONG_S):
        assert frames.count(n, SR, size_s) == len(frames.frames(y, SR, size_s))


def test_wave_clips_and_reaches_one():
    y = np.array([-2, -1, 0, 0.5, 1], dtype=np.float32)
    np.testing.assert_allclose(frames.wave(y), [-1, -1, 0, 0.5 * 32768 / 32767, 1], rtol=1e-6)
    assert y[0] == -2


def test_short_spectra_are_those_of_hamming_frames():
    y = noise(4000)
    cut = frames.frames(y, SR, frames.SHORT_S).astype(np.float64) * np.hamming(320)
    np.testing.assert_allclose(spectrum.hamming20(y, SR), np.fft.rfft(cut, 512), atol=2e-5)


def test_long_spectra_are_those_of_gaussian_frames():
    y = noise(30_000)
    magnitude, rms = spectrum.gauss60(y, SR)
    cut = frames.frames(y, SR, frames.LONG_S) * get_window(("gaussian", 0.4 * 959 / 2), 960, fftbins=False)
    np.testing.assert_allclose(magnitude, np.abs(np.fft.rfft(cut, 1024)), atol=5e-5)
    np.testing.assert_allclose(rms, np.sqrt((cut**2).mean(axis=1)), rtol=1e-5)
    assert len(magnitude) > spectrum.FRAMES_AT_ONCE


def test_mel_bands_peak_at_their_centres_and_overlap_to_one():
    bands, centres = loudness.mel_bands(SR), loudness.mel_centres(SR)
    hz = np.arange(257) * 31.25
    assert bands.shape == (257, 26)
    inner = (hz > centres[0]) & (hz < centres[-1])
    np.testing.assert_allclose(bands[inner].sum(axis=1), 1, atol=1e-6)
    for k in (0, 10, 25):
        nearest = np.argmin(np.abs(hz - centres[k]))
        assert abs(int(bands[:, k].argmax()) - nearest) <= 1
    assert not bands[:2].any()


def test_loudness_grows_by_the_compressed_intensity():
    y = noise(SR, peak=0.1)
    quiet, loud = loudness.loudness(powers(y), SR), loudness.loudness(powers(4 * y), SR)
    np.testing.assert_allclose(loud / quiet, 16**0.33, rtol=1e-4)
    assert loudness.loudness(powers(np.zeros(SR, np.float32)), SR).max() < 0.0011


def test_loudness_is_highest_between_1_and_5_khz():
    heard = {hz: float(loudness.loudness(powers(tone(hz)), SR).mean()) for hz in (60, 300, 3000, 7500)}
    assert heard[60] < heard[300] < heard[3000] > heard[7500]


def test_ratios_of_two_tones():
    both = powers(tone(500) + tone(3000, peak=0.03))
    assert spectral.alpha_ratio(both, SR).mean() == pytest.approx(-20, abs=0.1)
    assert spectral.hammarberg_index(both, SR).mean() == pytest.approx(20, abs=0.1)


def test_slope_of_a_straight_line():
    hz = np.arange(257) * 31.25
    level = -10.0 - 0.02 * hz
    power = 10 ** (level[None] / 10)
    for low, high in ((0, 500), (500, 1500)):
        k = np.arange(round(low / 31.25), round(high / 31.25) + 1)
        n = len(k) - 1
        regression = (n * (k * level[k]).sum() - k.sum() * level[k].sum()) / (n * (k**2).sum() - k.sum() ** 2) / 31.25
        got = spectral.slope(power.astype(np.float32), SR, low_hz=low, high_hz=high)
        assert got[0] == pytest.approx(regression, rel=1e-4)


def test_flux_is_zero_for_the_first_and_for_equal_frames():
    power = np.ones((4, 257), dtype=np.float32)
    power[2] = 4
    np.testing.assert_allclose(spectral.flux(power, SR), [0, 0, 1, 1])


def test_mfcc_is_the_liftered_cosine_transform_of_log_bands():
    from scipy.fft import dct

    power = powers(noise(8000))
    bands = np.log(np.maximum(power.astype(np.float64) @ loudness.mel_bands(SR) * 32767**2, 1))
    lifter = 1 + 11 * np.sin(np.pi * np.arange(1, 5) / 22)
    np.testing.assert_allclose(spectral.mfcc(power, SR), dct(bands, norm="ortho")[:, 1:5] * lifter, atol=1e-3)


def test_sound_level():
    assert spectral.sound_level(spectral.energy(np.full(SR, 0.5, np.float32), SR)) == pytest.approx(-6.0206, abs=1e-3)
    assert spectral.sound_level(np.zeros(3)) == -120


def test_silence_is_defined():
    power = powers(np.zeros(SR, np.float32))
    assert not spectral.alpha_ratio(power, SR).any()
    assert not spectral.hammarberg_index(power, SR).any()
    assert spectral.slope(power, SR, low_hz=0, high_hz=500)[0] == pytest.approx(0.112, rel=1e-5)
    np.testing.assert_allclose(spectral.mfcc(power, SR), 0, atol=1e-6)


@pytest.mark.parametrize("sr", [8000, 11_025, 22_050, 44_100, 48_000])
def test_other_sample_rates(sr):
    power = powers(noise(sr), sr)
    for values in (
        loudness.loudness(power, sr),
        spectral.alpha_ratio(power, sr),
        spectral.hammarberg_index(power, sr),
        spectral.slope(power, sr, low_hz=500, high_hz=1500),
        spectral.flux(power, sr),
        spectral.mfcc(power, sr),
    ):
        assert len(values) == len(power)
        assert np.isfinite(values).all()

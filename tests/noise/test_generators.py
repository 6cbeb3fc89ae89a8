"""Noise has the spectrum, the length and the voices that it is said to have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from ser_toolkit.errors import ConfigError
from ser_toolkit.noise.generators import babble, pink, white
from ser_toolkit.noise.music import music

SR = 16_000


def rng(seed=0):
    return np.random.default_rng(seed)


def slope_db_per_octave(y):
    hz, power = welch(y, SR, nperseg=2048)
    chosen = (hz > 60) & (hz < 7000)
    return np.polyfit(np.log2(hz[chosen]), 10 * np.log10(power[chosen]), 1)[0]


def test_white_is_flat_and_pink_falls_by_three_decibels_an_octave():
    assert slope_db_per_octave(white(60 * SR, rng=rng())) == pytest.approx(0, abs=0.1)
    assert slope_db_per_octave(pink(60 * SR, SR, rng=rng())) == pytest.approx(-3.01, abs=0.1)


def test_pink_has_nothing_below_what_is_heard():
    spectrum = np.abs(np.fft.rfft(pink(2**17, SR, rng=rng())))
    hz = np.fft.rfftfreq(2**17, 1 / SR)
    assert spectrum[hz < 19].max() < 1e-6 * spectrum.max()


@pytest.mark.parametrize("n", [0, 1, 2, 7919, 16_000])
def test_lengths_are_what_was_asked_for(n):
    voices = [white(500, rng=rng(i)) for i in range(5)]
    sounds = (white(n, rng=rng()), pink(n, SR, rng=rng()), babble(n, SR, voices, rng=rng()), music(n, SR, rng=rng()))
    for sound in sounds:
        assert sound.shape == (n,)
        assert np.isfinite(sound).all()


def test_babble_is_the_sum_of_four_to_eight_equally_loud_people():
    tones = [np.sin(2 * np.pi * hz * np.arange(SR) / SR) * 10.0**-i for i, hz in enumerate(range(200, 2200, 200))]
    counts = set()
    for seed in range(30):
        power = np.abs(np.fft.rfft(babble(SR, SR, tones, rng=rng(seed)))[200:2001:200])
        heard = power > 0.1 * power.max()
        assert power[heard].min() > 0.9 * power.max()
        counts.add(int(heard.sum()))
    assert counts == {4, 5, 6, 7, 8}


def test_silent_voices_are_not_counted_and_none_at_all_is_an_error(vowel):
    silent = np.zeros(SR)
    assert babble(SR, SR, [silent, vowel, silent], rng=rng()).any()
    for nobody in ([], [silent], [np.zeros(0)]):
        with pytest.raises(ConfigError, match="give voices"):
            babble(SR, SR, nobody, rng=rng())


def test_music_has_tones_beats_and_many_forms():
    pieces = [music(6 * SR, SR, rng=rng(seed)) for seed in range(6)]
    assert len({piece.tobytes() for piece in pieces}) == 6
    for piece in pieces:
        assert piece.std() == pytest.approx(1)
        _, power = welch(piece, SR, nperseg=8192)
        assert power[20:1000].max() > 50 * np.median(power[20:1000])  # tones stand out
        frames = np.square(piece[: len(piece) // 400 * 400].reshape(-1, 400)).mean(axis=1)
        assert frames.max() > 4 * np.median(frames)  # and so do beats


@pytest.mark.parametrize("sr", [8000, 44_100])
def test_music_plays_at_any_rate(sr):
    assert music(sr, sr, rng=rng()).std() == pytest.approx(1)

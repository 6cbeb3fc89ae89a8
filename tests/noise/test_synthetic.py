"""Noise to train with: what it is, that it comes back, whose voices it has, and that a recipe can ask for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.data.manifest import Utterance
from ser_toolkit.data.noise_transform import NAME
from ser_toolkit.errors import ConfigError
from ser_toolkit.noise.levels import active_level_db, level_db
from ser_toolkit.noise.synthetic import coloured, crowd, tones
from ser_toolkit.noise.voices import voices_behind
from ser_toolkit.training.config import AugmentConfig

SR = 16_000


def noise(kind, n=3 * SR, seed=0):
    rng = np.random.default_rng(seed)
    if kind is crowd:
        return crowd(n, SR, rng=rng, voices=[np.sin(np.arange(9_000) / k) for k in (5, 9, 20)])
    return kind(n, SR, rng=rng)


@pytest.mark.parametrize("kind", [coloured, tones, crowd])
def test_any_length_is_finite_heard_and_comes_back(kind):
    for n in (1, 700, SR, 3 * SR + 1):
        made = [noise(kind, n) for _ in range(2)]
        assert made[0].shape == (n,)
        assert np.isfinite(made[0]).all()
        assert np.array_equal(*made)
    assert made[0].std() > 0
    assert not np.array_equal(made[0], noise(kind, n, seed=6))


def test_tones_stand_out_of_their_surroundings_and_colours_do_not():
    def peak_db(y):
        power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
        near = power[300:23_900].reshape(-1, 200)
        return 10 * np.log10((near.max(axis=1) / np.median(near, axis=1)).max())

    lowest = min(peak_db(noise(tones, seed=i)) for i in range(4))
    assert lowest > max(peak_db(noise(coloured, seed=i)) for i in range(4)) + 3


def test_a_crowd_of_nobody_is_silent():
    assert not crowd(100, SR, rng=np.random.default_rng(0), voices=[np.zeros(50), np.zeros(0)]).any()


def asked(**settings):
    return augmentation_of(AugmentConfig(waveform=[{"name": NAME, "p": 1.0, **settings}], copies=1), seed=0)


def added(y, noisy):
    """What was added, and the speech at the level that it has in the mixture."""
    speech = y * (y @ noisy / (y @ y))
    return noisy - speech, speech


def test_a_recipe_asks_for_it_at_a_level(vowel):
    augmentation = asked(kinds=["coloured"], min_snr_db=10.0, max_snr_db=10.0)
    noisy = augmentation(vowel, SR, recording=3, copy=1)
    rest, speech = added(vowel, noisy)
    assert active_level_db(speech, SR) - level_db(rest) == pytest.approx(10, abs=0.5)
    assert np.array_equal(noisy, augmentation(vowel, SR, recording=3, copy=1))
    assert not np.array_equal(noisy, augmentation(vowel, SR, recording=4, copy=1))


def test_voices_are_those_that_were_given_and_colours_where_there_are_none(vowel):
    augmentation = asked(kinds=["voices"], min_snr_db=0.0, max_snr_db=0.0)
    assert augmentation.wants_voices
    assert not asked(kinds=["tones"]).wants_voices
    voice = np.sin(2 * np.pi * 3_000 * np.arange(2 * SR) / SR).astype(np.float32)
    bins = slice(int(2_100 * len(vowel) / SR), int(4_100 * len(vowel) / SR))

    def share(voices):
        rest, _ = added(vowel, augmentation(vowel, SR, recording=3, copy=1, voices=voices))
        power = np.abs(np.fft.rfft(rest)) ** 2
        return power[bins].sum() / power.sum()

    assert share([voice]) > 0.95
    assert share([]) < 0.6
    assert share([np.zeros(SR, dtype=np.float32)]) == share([])


@pytest.mark.parametrize("settings", [{"kinds": ["rain"]}, {"kinds": []}, {"min_snr_db": 30.0}, {"kind": "voices"}])
def test_wrong_settings_are_refused_before_training(settings):
    with pytest.raises(ConfigError, match=r"augment\.waveform\[0\]"):
        asked(**settings)


def utterance(i, speaker, corpus="one"):
    return Utterance(file=Path(f"{i}.wav"), key=f"{i}.wav", emotion="anger", speaker=speaker, corpus=corpus)


def test_behind_a_recording_only_its_own_speaker_is_heard_in_training_recordings():
    some = [utterance(i, f"s{i % 3}") for i in range(60)] + [utterance(60, None), utterance(61, "s0", corpus="two")]
    among = range(0, 62, 2)
    found = voices_behind(some, among)
    assert set(found) == set(range(0, 60, 2))  # no speaker, or nobody else of that corpus
    for i, voices in found.items():
        numbers = [int(voice.file.stem) for voice in voices]
        assert len(set(numbers)) == len(numbers) == 9
        assert i not in numbers
        assert all(n % 2 == 0 and n % 3 == i % 3 for n in numbers)
    assert (
        voices_behind([replace(u, speaker="x") for u in some], range(40))[0]
        == voices_behind([replace(u, speaker="x") for u in some], range(40))[0]
    )
    assert len(voices_behind([replace(u, speaker="x") for u in some], range(40))[0]) == 12

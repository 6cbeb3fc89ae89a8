"""Altered copies: the same whatever runs them, and refused early where they cannot be had."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

from ser_toolkit.data.augment import Augmentation, augmentation_of
from ser_toolkit.errors import AudioError, ConfigError, MissingTierError
from ser_toolkit.training.config import AugmentConfig, read_config

CHAIN = [
    {"name": "AddGaussianSNR", "min_snr_db": 10, "p": 1.0},
    {"name": "TimeStretch", "min_rate": 0.8, "max_rate": 1.25, "leave_length_unchanged": False, "p": 1.0},
    {"name": "PitchShift", "min_semitones": -2, "max_semitones": 2},
    {"name": "Gain"},
]


def made(*waveform, copies=2, seed=3) -> Augmentation:
    augmentation = augmentation_of(AugmentConfig(waveform=list(waveform), copies=copies), seed=seed)
    assert augmentation is not None
    return augmentation


@pytest.fixture(scope="module")
def chain() -> Augmentation:
    return made(*CHAIN)


def altered(job):
    augmentation, y, recording, copy = job
    return augmentation(y, 16_000, recording=recording, copy=copy)


def test_nothing_asked_for_is_none():
    assert augmentation_of(AugmentConfig(), seed=0) is None
    assert augmentation_of(AugmentConfig(waveform=CHAIN, copies=0), seed=0) is None


def test_copies_differ_and_come_back_in_any_order_and_process(chain, vowel):
    jobs = [(chain, vowel, recording, copy) for recording in (7, 2**63 + 5) for copy in (1, 2)]
    here = [altered(job) for job in jobs]
    for i, a in enumerate(here):
        assert a.dtype == np.float32
        assert np.isfinite(a).all()
        assert not any(np.array_equal(a, b) for b in here[:i])
    assert {len(a) for a in here} != {len(vowel)}  # stretched
    assert all(np.array_equal(a, altered(job)) for a, job in zip(reversed(here), reversed(jobs), strict=True))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        there = pool.map(altered, jobs)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))


def test_input_and_global_random_numbers_are_left_alone(chain, vowel):
    before = vowel.copy()

    def states():
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - audiomentations draws from it

    earlier = states()
    chain(vowel, 16_000, recording=1, copy=1)
    assert states() == earlier
    assert np.array_equal(vowel, before)


def test_every_part_of_the_seed_counts_and_the_number_of_copies_does_not(chain, vowel):
    one = chain(vowel, 16_000, recording=1, copy=1)
    other = made(*CHAIN, seed=4)
    assert not np.array_equal(one, other(vowel, 16_000, recording=1, copy=1))
    more = made(*CHAIN, copies=3)
    assert np.array_equal(one, more(vowel, 16_000, recording=1, copy=1))
    assert more.key() == chain.key() != other.key()
    assert made(*CHAIN[:2]).key() != chain.key()
    assert json.loads(chain.key())[2]["audiomentations"]


def test_it_can_be_pickled_hashed_and_compared(chain):
    again = pickle.loads(pickle.dumps(chain))
    assert again == chain
    assert len({again, chain}) == 1
    assert made(*CHAIN) == chain


def test_probability_is_audiomentations_own_unless_set(vowel):
    half = made({"name": "PolarityInversion"})
    same = [np.array_equal(half(vowel, 16_000, recording=i, copy=1), vowel) for i in range(40)]
    assert 5 < sum(same) < 35


def test_an_empty_or_broken_result_is_the_recording_itself():
    trim = made({"name": "Trim", "p": 1.0})
    too_loud = Augmentation(
        transforms=(("Gain", '{"min_gain_db": 800.0, "max_gain_db": 800.0, "p": 1.0}'),), copies=1, seed=0
    )
    y = np.zeros(1600, np.float32)
    assert len(trim(y, 16_000, recording=1, copy=1)) > 0
    y[5] = 1.0
    assert np.array_equal(too_loud(y, 16_000, recording=1, copy=1), y)


def test_a_transform_that_fails_on_a_recording_says_so(chain):
    with pytest.raises(AudioError, match=r"AddGaussianSNR of augment.waveform fails on 0.12 s"):
        made({"name": "AddGaussianSNR", "p": 1.0})(np.zeros((2000, 2), np.float32), 16_000, recording=1, copy=1)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"name": "PitchShft"},
            r"waveform\[0\].*no waveform transform is called 'PitchShft'. Did you mean 'PitchShift",
        ),
        ({"name": "Compose"}, "no waveform transform is called 'Compose'"),
        ({"name": "SpecChannelShuffle"}, "no waveform transform"),
        ({"name": "np.load"}, "no waveform transform"),
        ({"min_snr_db": 3}, "needs a name"),
        ({"name": 3}, "needs a name"),
        ({"name": "Gain", "min_gain": 3}, "unknown setting 'min_gain'. Did you mean 'min_gain_db'"),
        ({"name": "Gain", "p": 2.0}, "refuses the settings"),
        ({"name": "PitchShift", "min_semitones": -90}, "min_semitones must be >= -24"),
        ({"name": "PitchShift", "min_semitones": "low"}, "refuses the settings"),
        ({"name": "Gain", "min_gain_db": 800.0, "max_gain_db": 800.0}, "not finite"),
        ({"name": "AdjustDuration"}, "AssertionError on construction"),
        ({"name": "AddBackgroundNoise", "sounds_path": "noises"}, "needs sound files"),
        ({"name": "ApplyImpulseResponse", "ir_path": "rooms"}, "needs sound files"),
        ({"name": "Lambda", "transform": "eval"}, "needs a function"),
    ],
)
def test_refusals(table, said):
    with pytest.raises(ConfigError, match=said):
        made(table)


def test_a_package_that_is_missing_is_named_and_nothing_else_is_printed(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(ConfigError, match=r"needs the package pyroomacoustics.*audiomentations\[extras\]"):
        made({"name": "RoomSimulator"})
    assert capfd.readouterr() == ("", "")


def test_without_audiomentations_the_tier_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "audiomentations", None)
    with pytest.raises(MissingTierError, match=r"ser-toolkit\[train\]"):
        made({"name": "Gain"})


def test_a_transform_that_its_seed_does_not_decide_is_refused(monkeypatch):
    import audiomentations
    from audiomentations.core.transforms_interface import BaseWaveformTransform

    class Restless(BaseWaveformTransform):
        generator = np.random.default_rng()

        def apply(self, samples, sample_rate):
            return samples + np.float32(self.generator.normal())

    monkeypatch.setattr(audiomentations, "Restless", Restless, raising=False)
    with pytest.raises(ConfigError, match="another result each time"):
        made({"name": "Restless"})


def test_tables_of_a_configuration_file(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text('[augment]\ncopies = 1\n[[augment.waveform]]\nname = "Gain"\np = 1.0\n')
    augmentation = augmentation_of(read_config(path).augment, seed=0)
    assert augmentation == Augmentation(transforms=(("Gain", '{"p": 1.0}'),), copies=1, seed=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        augmentation.seed = 1


def test_importing_it_imports_no_library():
    code = "import sys, ser_toolkit.data.augment; print({'audiomentations', 'librosa', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"

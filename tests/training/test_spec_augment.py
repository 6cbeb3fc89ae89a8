"""Masks on spectrograms: where they fall, what they hold, and that they are the same however a step is shared."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.training.config import AugmentConfig
from ser_toolkit.training.spec_augment import SpecAugment, spec_augment_of

SPECS = {
    "mel": FeatureSpec(shape=(1, 20, 50), axes=("channel", "mel", "frame"), unit="dB"),
    "turned": FeatureSpec(shape=(1, 50, 20), axes=("channel", "frame", "mel"), unit="dB"),
    "llds": FeatureSpec(shape=(None, 4), axes=("frame", "feature"), unit="mixed"),
    "photo": FeatureSpec(shape=(3, 8, 8), axes=("channel", "height", "width"), unit="mixed"),
    "gemaps": FeatureSpec(shape=(6,), axes=("feature",), unit="mixed"),
}
MEANS = {
    "mel": -np.arange(20, dtype=np.float32).reshape(1, 20, 1) - 100,
    "turned": -np.arange(20, dtype=np.float32).reshape(1, 1, 20) - 100,
    "llds": np.array([[-1, -2, -3, -4]], dtype=np.float32),
    "photo": np.zeros((3, 8, 8), np.float32),
    "gemaps": np.zeros(6, np.float32),
}
ROWS = 40


def batch(n=ROWS):
    rng = np.random.default_rng(0)
    made = {k: rng.random((n, *(30 if m is None else m for m in s.shape)), dtype=np.float32) for k, s in SPECS.items()}
    return {**made, "llds_length": np.arange(n) % 30 + 1}


def masked(augment, *, epoch=1, step=0, rows=None, n=ROWS):
    rows = np.arange(n) if rows is None else rows
    data = {k: v[rows].copy() for k, v in batch(n).items()}
    augment(data, SPECS, MEANS, epoch=epoch, step=step, rows=rows, n_rows=n)
    return data


def test_nothing_asked_for_is_none():
    assert spec_augment_of(AugmentConfig(), seed=0) is None
    assert spec_augment_of(AugmentConfig(time_masks=1), seed=3) == SpecAugment(
        freq_masks=0, freq_width=16, time_masks=1, time_width=40, seed=3
    )


def test_bands_are_whole_narrow_and_hold_the_mean():
    data, before = masked(SpecAugment(freq_masks=1, freq_width=6, time_masks=0, time_width=1, seed=0)), batch()
    hidden = data["mel"] != before["mel"]
    assert np.array_equal(hidden, np.broadcast_to(hidden[..., :1], hidden.shape))  # all frames of a band
    widths = hidden[:, 0, :, 0].sum(axis=1)
    assert widths.min() == 0
    assert widths.max() == 6
    assert np.array_equal(data["mel"], np.where(hidden, MEANS["mel"], before["mel"]))
    assert all(np.ptp(np.flatnonzero(row)) == row.sum() - 1 for row in hidden[:, 0, :, 0] if row.any())
    assert (data["turned"] != before["turned"]).any(axis=(1, 2)).sum(axis=1).max() == 6  # bands are the last axis there
    for key in ("llds", "photo", "gemaps"):
        assert np.array_equal(data[key], before[key])


def test_frames_of_images_and_of_the_valid_part_of_sequences():
    data, before = masked(SpecAugment(freq_masks=0, freq_width=1, time_masks=1, time_width=20, seed=0)), batch()
    hidden = data["mel"] != before["mel"]
    assert np.array_equal(hidden, np.broadcast_to(hidden[:, :, :1], hidden.shape))
    assert 15 < hidden[:, 0, 0].sum(axis=1).max() <= 20
    frames = (data["llds"] != before["llds"]).all(axis=2)
    assert all(not row[length:].any() for row, length in zip(frames, before["llds_length"], strict=True))
    assert all(row.sum() <= length // 2 for row, length in zip(frames, before["llds_length"], strict=True))
    assert frames.sum(axis=1).max() > 8
    for key in ("photo", "gemaps", "llds_length"):
        assert np.array_equal(data[key], before[key])


def test_never_more_than_half_of_a_window():
    data, before = masked(SpecAugment(freq_masks=1, freq_width=500, time_masks=0, time_width=1, seed=0)), batch()
    assert (data["mel"] != before["mel"]).any(axis=(1, 3)).sum(axis=1).max() == 10


def test_seed_epoch_and_step_decide_and_windows_differ():
    augment = SpecAugment(freq_masks=2, freq_width=6, time_masks=2, time_width=20, seed=0)
    one = masked(augment)["mel"]
    assert np.array_equal(one, masked(augment)["mel"])
    hidden = one != batch()["mel"]
    assert not np.array_equal(hidden[0], hidden[1])
    for other in ({"epoch": 2}, {"step": 1}):
        assert not np.array_equal(one, masked(augment, **other)["mel"])
    seeded = SpecAugment(freq_masks=2, freq_width=6, time_masks=2, time_width=20, seed=1)
    assert not np.array_equal(one, masked(seeded)["mel"])


@pytest.mark.parametrize("key", ["mel", "llds"])
def test_processes_that_share_a_step_mask_as_one_does(key):
    augment = SpecAugment(freq_masks=2, freq_width=6, time_masks=2, time_width=20, seed=0)
    whole = masked(augment)[key]
    for rank in range(2):
        rows = np.arange(rank, ROWS, 2)
        assert np.array_equal(masked(augment, rows=rows)[key], whole[rows])

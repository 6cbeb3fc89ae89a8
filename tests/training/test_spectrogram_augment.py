"""Spectrograms stretched, shifted, made louder and tilted: what changes, what never does, and that it repeats."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.training.config import AugmentConfig
from ser_toolkit.training.spectrogram_level import SpectrogramLevel, spectrogram_level_of
from ser_toolkit.training.spectrogram_warp import SpectrogramWarp, spectrogram_warp_of

SPECS = {
    "mel": FeatureSpec(shape=(1, 6, 40), axes=("channel", "mel", "frame"), unit="dB"),
    "turned": FeatureSpec(shape=(1, 40, 6), axes=("channel", "frame", "mel"), unit="dB"),
    "long": FeatureSpec(shape=(2, 6, None), axes=("channel", "mel", "frame"), unit="1"),
    "llds": FeatureSpec(shape=(None, 4), axes=("frame", "feature"), unit="mixed"),
    "photo": FeatureSpec(shape=(3, 8, 8), axes=("channel", "height", "width"), unit="dB"),
    "gemaps": FeatureSpec(shape=(6,), axes=("feature",), unit="mixed"),
}
ROWS = 60
WARP = SpectrogramWarp(stretch=0.0, shift_bands=0, shift_frames=0, seed=0)


def batch() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {
        k: rng.random((ROWS, *(30 if n is None else n for n in s.shape)), dtype=np.float32) for k, s in SPECS.items()
    }
    made["turned"] = np.ascontiguousarray(made["mel"].swapaxes(2, 3))
    return {**made, "long_length": np.arange(ROWS) % 30 + 1, "llds_length": np.full(ROWS, 30)}


def altered(change, *, epoch=1, step=0, rows=None) -> dict[str, np.ndarray]:
    rows = np.arange(ROWS) if rows is None else rows
    data = {k: v[rows].copy() for k, v in batch().items()}
    change(data, SPECS, epoch=epoch, step=step, rows=rows, n_rows=ROWS)
    return data


def test_nothing_asked_for_is_none():
    assert spectrogram_warp_of(AugmentConfig(), seed=0) is None
    assert spectrogram_level_of(AugmentConfig(), seed=0) is None
    assert spectrogram_warp_of(AugmentConfig(shift_bands=2), seed=3) == dataclasses.replace(WARP, shift_bands=2, seed=3)
    assert spectrogram_level_of(AugmentConfig(tilt=4), seed=3) == SpectrogramLevel(level=0.0, tilt=4.0, seed=3)


def test_frames_are_rotated_within_the_window():
    data, before = altered(dataclasses.replace(WARP, shift_frames=5)), batch()
    found = set()
    for now, was in zip(data["mel"], before["mel"], strict=True):
        shifts = [s for s in range(-5, 6) if np.array_equal(now, np.roll(was, s, axis=2))]
        assert len(shifts) == 1
        found |= set(shifts)
    assert found == set(range(-5, 6))
    for now, was, n in zip(data["long"], before["long"], before["long_length"], strict=True):
        assert np.array_equal(np.sort(now[..., :n]), np.sort(was[..., :n]))
        assert np.array_equal(now[..., n:], was[..., n:])


def test_bands_are_shifted_and_the_outermost_repeated():
    data, before = altered(dataclasses.replace(WARP, shift_bands=2)), batch()
    found = set()
    for now, was in zip(data["mel"][:, 0], before["mel"][:, 0], strict=True):
        up = [b for b in range(-2, 3) if np.array_equal(now, was[np.clip(np.arange(6) - b, 0, 5)])]
        assert len(up) == 1
        found |= set(up)
    assert found == set(range(-2, 3))


def test_time_is_stretched_about_the_middle():
    data = {"mel": np.tile(np.arange(41, dtype=np.float32), (ROWS, 1, 6, 1))}
    specs = {"mel": FeatureSpec(shape=(1, 6, 41), axes=("channel", "mel", "frame"), unit="dB")}
    dataclasses.replace(WARP, stretch=0.2)(data, specs, epoch=1, step=0, rows=np.arange(ROWS), n_rows=ROWS)
    frames = data["mel"][:, 0, 0]
    rates = frames[:, 25] - frames[:, 24]
    assert 0.8 <= rates.min() < 0.85
    assert 1.15 < rates.max() <= 1.2
    expected = np.clip(20 + (np.arange(41) - 20) * rates[:, None], 0, 40)
    np.testing.assert_allclose(frames, expected, atol=1e-3)


def test_a_window_of_one_frame_can_be_stretched():
    data = altered(dataclasses.replace(WARP, stretch=0.3, shift_frames=9))
    assert np.array_equal(data["long"][0], batch()["long"][0])  # its length is 1


def test_gains_are_decibels_and_even_over_the_bands():
    data, before = altered(SpectrogramLevel(level=6.0, tilt=3.0, seed=0)), batch()
    gain = data["mel"] - before["mel"]
    assert np.ptp(gain, axis=3).max() < 1e-5
    bands = gain[:, 0, :, 0]
    level, slope = bands.mean(axis=1), (bands[:, -1] - bands[:, 0]) / 2
    np.testing.assert_allclose(np.diff(bands, axis=1), np.repeat(slope[:, None] / 2.5, 5, axis=1), atol=1e-4)
    for values, most in ((level, 6.0), (slope, 3.0)):
        assert most * 0.9 < values.max() <= most
        assert -most <= values.min() < -most * 0.9
    assert np.array_equal(data["long"], before["long"])  # not in decibels
    assert abs(np.corrcoef(level, slope)[0, 1]) < 0.3


ALL = (SpectrogramWarp(stretch=0.1, shift_bands=1, shift_frames=4, seed=3), SpectrogramLevel(level=3, tilt=3, seed=3))


@pytest.mark.parametrize("change", ALL)
def test_spectrograms_of_a_window_move_together_and_nothing_else_does(change):
    data, before = altered(change), batch()
    np.testing.assert_array_equal(data["turned"], data["mel"].swapaxes(2, 3))
    assert (data["mel"] != before["mel"]).any()
    for key in ("llds", "photo", "gemaps", "long_length", "llds_length"):
        assert np.array_equal(data[key], before[key])


@pytest.mark.parametrize("change", ALL)
def test_random_numbers_depend_on_seed_epoch_and_step_alone(change):
    whole = altered(change)["mel"]
    np.testing.assert_array_equal(altered(change)["mel"], whole)
    for other in ({"epoch": 2}, {"step": 1}):
        assert (altered(change, **other)["mel"] != whole).any()
    assert (altered(dataclasses.replace(change, seed=4))["mel"] != whole).any()
    for rank in range(2):  # two processes share the windows of a step
        rows = np.arange(rank, ROWS, 2)
        np.testing.assert_array_equal(altered(change, rows=rows)["mel"], whole[rows])

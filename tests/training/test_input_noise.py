"""Noise on vectors, and hidden inputs: what changes, what never does, and that it repeats."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import TINY

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.training.input_dropout import InputDropout, input_dropout_of
from ser_toolkit.training.run import train
from ser_toolkit.training.settings import AugmentConfig
from ser_toolkit.training.vector_noise import VectorNoise, vector_noise_of

SPECS = {
    "mel": FeatureSpec(shape=(1, 4, 6), axes=("channel", "mel", "frame"), unit="dB"),
    "gemaps": FeatureSpec(shape=(3,), axes=("feature",), unit="mixed"),
}
MEANS = {"mel": np.full((1, 4, 1), -7.0, np.float32), "gemaps": np.array([1, 2, 3], np.float32)}
SCALES = {"mel": np.ones((1, 4, 1), np.float32), "gemaps": np.array([0.5, 100.0, 0.0], np.float32)}


def batch(n: int) -> dict[str, np.ndarray]:
    return {"mel": np.ones((n, 1, 4, 6), np.float32), "gemaps": np.ones((n, 3), np.float32)}


def where(n: int, *, epoch: int = 1, step: int = 0, rows: np.ndarray | None = None) -> dict:
    return {"epoch": epoch, "step": step, "rows": np.arange(n) if rows is None else rows, "n_rows": n}


def test_noise_has_the_deviation_of_each_value_and_leaves_images_and_constants():
    given = batch(4000)
    VectorNoise(deviation=0.7, seed=0)(given, SPECS, SCALES, **where(4000))
    assert (given["mel"] == 1).all()
    deviation = given["gemaps"].std(axis=0)
    assert deviation[:2] == pytest.approx([1.4, 0.007], rel=0.05)
    assert deviation[2] == 0
    assert given["gemaps"].mean(axis=0) == pytest.approx([1, 1, 1], abs=0.1)


@pytest.mark.parametrize("alteration", [VectorNoise(deviation=1, seed=3), InputDropout(share=0.3, seed=3)])
def test_random_numbers_depend_on_seed_epoch_and_step_alone(alteration):
    statistics = SCALES if isinstance(alteration, VectorNoise) else MEANS

    def altered(**place):
        given = batch(50)
        alteration(given, SPECS, statistics, **where(50, **place))
        return np.concatenate([v.reshape(50, -1) for v in given.values()], axis=1)

    np.testing.assert_array_equal(altered(), altered())
    assert (altered() != altered(epoch=2)).any()
    assert (altered() != altered(step=1)).any()
    halves = []
    for rank in range(2):  # two processes share the windows of a step
        given = batch(25)
        alteration(given, SPECS, statistics, **where(50, rows=np.arange(rank, 50, 2)))
        halves.append(np.concatenate([v.reshape(25, -1) for v in given.values()], axis=1))
    np.testing.assert_array_equal(np.stack(halves, axis=1).reshape(50, -1), altered())


def test_at_most_one_input_of_a_window_is_hidden_and_gets_the_mean():
    given = batch(3000)
    InputDropout(share=0.25, seed=0)(given, SPECS, MEANS, **where(3000))
    mel, gemaps = (given["mel"] == -7).all(axis=(1, 2, 3)), (given["gemaps"] == [1, 2, 3]).all(axis=1)
    assert not (mel & gemaps).any()
    assert [mel.mean(), gemaps.mean()] == pytest.approx([0.25, 0.25], abs=0.03)
    assert (given["mel"][~mel] == 1).all()


def test_a_single_input_is_never_hidden():
    given = {"gemaps": np.ones((100, 3), np.float32)}
    InputDropout(share=0.4, seed=0)(given, {"gemaps": SPECS["gemaps"]}, MEANS, **where(100))
    assert (given["gemaps"] == 1).all()


def test_nothing_is_altered_unless_asked_for():
    assert vector_noise_of(AugmentConfig(), seed=0) is None
    assert input_dropout_of(AugmentConfig(), seed=0) is None


def test_training_uses_them(tiny_corpus, tiny_run, tmp_path):
    noisy = train(
        tiny_corpus,
        config={**TINY, "augment": {"vector_noise": 0.7, "input_dropout": 0.25}},
        out=tmp_path / "noisy",
        device="cpu",
    )
    assert [e.train_loss for e in noisy.epochs] != [e.train_loss for e in tiny_run.epochs]

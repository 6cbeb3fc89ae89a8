"""Where the order of frames carries the label, systems that read in time learn it, and functionals cannot."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import nn

from ser_toolkit.interfaces import TargetSpec
from ser_toolkit_baselines.classical import Svm
from ser_toolkit_baselines.li_2021 import Li2021
from ser_toolkit_baselines.log_spectrogram import LogSpectrogram
from ser_toolkit_baselines.logmel_sequence import LogMelSequence
from ser_toolkit_baselines.mel_functionals import MelFunctionals
from ser_toolkit_baselines.neumann_vu_2017 import NeumannVu2017
from ser_toolkit_baselines.satt_2017 import Satt2017
from ser_toolkit_baselines.yenigalla_2018 import Yenigalla2018

SR, N_SAMPLES = 8000, 4801  # frames every 80 samples, from the first to the last
TARGET = TargetSpec(name="direction", kind="class", labels=("down", "up"))

BANDS, BINS = LogMelSequence(n_mels=20), LogSpectrogram(window_s=0.01, resolution_hz=100)
SYSTEMS = {
    "neumann-vu-2017": (NeumannVu2017(filters=16, width=8, pool=8, dropout=0.0), BANDS),
    "satt-2017": (Satt2017(filters=(4, 4, 4), lstm=8, dense=8, dropout=0.0), BINS),
    "li-2021": (Li2021(lstm=12, dense=8, dropout=0.0), BANDS),
    "yenigalla-2018": (Yenigalla2018(maps=4, dense=(16, 8), dropout=0.0), BINS),
}


def sounds(task: str, n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Chirps and the same backwards: the label is the direction ("order"), or the pitch ("mean")."""
    rng, waves, labels = np.random.default_rng(seed), [], []
    t = np.arange(N_SAMPLES) / SR
    for i in range(n // 2):
        low = rng.uniform(300, 500) if task == "order" or i % 2 else rng.uniform(1700, 1900)
        high = low + (rng.uniform(1500, 2500) if task == "order" else rng.uniform(600, 1000))
        wave = np.sin(2 * np.pi * (low * t + (high - low) / (2 * t[-1]) * t**2 + rng.uniform()))
        wave = (rng.uniform(0.1, 0.5) * wave + 0.01 * rng.standard_normal(N_SAMPLES)).astype(np.float32)
        waves += [wave, wave[::-1].copy()]
        labels += [1, 0] if task == "order" else [i % 2, i % 2]
    return waves, np.array(labels)


@functools.cache
def data(task: str, extractor) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Standardized features and labels to learn from and to be asked, (n, ...) and (n,) each."""
    (train, truth), (test, wanted) = sounds(task, 40, 0), sounds(task, 40, 1)
    x, asked = (np.stack([extractor(y, SR) for y in part]) for part in (train, test))
    axes = tuple(i for i, axis in enumerate(("item", *extractor.spec(N_SAMPLES, SR).axes)) if axis in ("item", "frame"))
    mean, scale = x.mean(axis=axes, keepdims=True), x.std(axis=axes, keepdims=True) + 1e-6
    return (x - mean) / scale, truth, (asked - mean) / scale, wanted


@pytest.mark.parametrize("task", ["order", "mean"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_that_read_in_time_solve_both(task, system):
    model, extractor = SYSTEMS[system]
    x, truth, asked, wanted = (torch.from_numpy(a) for a in data(task, extractor))
    torch.manual_seed(0)
    network = model.build({"sound": extractor.spec(N_SAMPLES, SR)}, (TARGET,))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(120):
        loss = nn.functional.cross_entropy(network(sound=x)["direction"], truth)
        if loss < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (network.eval()(sound=asked)["direction"].argmax(dim=1) == wanted).float().mean()
    assert accuracy >= 0.9


@pytest.mark.parametrize(("task", "least", "most"), [("order", 0.4, 0.6), ("mean", 0.9, 1.0)])
def test_functionals_know_the_mean_and_not_the_order(task, least, most):
    extractor = MelFunctionals(n_mels=20, n_fft=256, hop_length=80)
    x, truth, asked, wanted = data(task, extractor)
    estimator = Svm().estimator({"sound": extractor.spec(N_SAMPLES, SR)}, TARGET, seed=0).fit(x, truth)
    assert least <= (estimator.predict(asked) == wanted).mean() <= most


def test_functionals_of_a_sound_and_of_the_same_backwards_are_equal():
    waves, _ = sounds("order", 2, 3)
    one, other = (MelFunctionals(n_mels=20, n_fft=256, hop_length=80)(y, SR) for y in waves)
    np.testing.assert_allclose(one, other, atol=0.01)

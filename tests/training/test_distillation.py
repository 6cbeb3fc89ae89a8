"""Learning from teachers: the loss, what mixing does to it, and that a network learns what it is taught."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_training import LABELS, classes_of, configure, make_store, plan_of, speak
from torch.nn import functional

from ser_toolkit.training.alterations import Alterations, alterations_of
from ser_toolkit.training.batches import Labelled
from ser_toolkit.training.config import check_config
from ser_toolkit.training.distillation import Distillation
from ser_toolkit.training.fitting import make_accelerator
from ser_toolkit.training.lessons import Lessons
from ser_toolkit.training.loop import fit
from ser_toolkit.training.network import StandardizedNetwork
from ser_toolkit.training.settings import DistillConfig
from ser_toolkit.training.standardize import fit_standardization

CONFIG = DistillConfig(teachers=["teacher"], weight=0.3, temperature=4.0)


@pytest.fixture
def said():
    torch.manual_seed(0)
    return torch.randn(10, 3).log_softmax(1).numpy()


def test_loss_is_the_formula(said):
    distillation = Distillation.of(said, CONFIG)
    logits = torch.randn(10, 3)
    p, log_q = functional.softmax(torch.from_numpy(said) / 4, dim=1), functional.log_softmax(logits / 4, dim=1)
    expected = 0.7 * 2.5 + 0.3 * 16 * (p * (p.log() - log_q)).sum(1).mean()
    torch.testing.assert_close(distillation.mixed(torch.tensor(2.5), logits, distillation.probabilities), expected)


def test_nothing_is_left_to_learn_where_both_agree(said):
    distillation = Distillation.of(said, CONFIG)
    logits = (torch.from_numpy(said) + 5).requires_grad_()
    value = distillation.mixed(torch.tensor(0.0), logits, distillation.probabilities)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad.abs().max() < 1e-6


def test_certain_teachers_give_finite_losses():
    said = np.log(np.maximum(np.eye(3), np.finfo(np.float32).tiny)).astype(np.float32)
    distillation = Distillation.of(said, DistillConfig(teachers=["t"], temperature=0.1))
    assert np.isfinite(float(distillation.mixed(torch.tensor(0.0), torch.randn(3, 3), distillation.probabilities)))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hums")
    utterances, parts = speak(folder)
    store = make_store(folder / "work", utterances, configure())
    return store, {
        part: Labelled(
            store=store, windows=store.windows_of(parts.indices(part)), classes=classes_of(utterances), labels=LABELS
        )
        for part in ("train", "dev")
    }


def network_of(store, train):
    plan = plan_of(configure())
    specs = plan.features.specs()
    torch.manual_seed(0)
    made = plan.model.build(specs, [plan.target])
    return StandardizedNetwork(made, specs, fit_standardization(store, train.windows, specs))


def test_labels_and_lessons_are_mixed_alike(material):
    store, data = material
    train = data["train"]
    network = network_of(store, train)
    taught = Distillation.of(np.log(np.eye(2)[train.truth] * 0.98 + 0.01).astype(np.float32), CONFIG)
    rows = np.arange(16)
    where = {"epoch": 1, "step": 0, "rows": rows, "n_rows": 16, "share": 0}
    altered = alterations_of(network, check_config({"augment": {"mixup": 0.8}}).augment, seed=0)
    for changes, distillation in ((altered, taught), (altered, None), (Alterations(), taught)):
        lessons = Lessons.of(train, changes, distillation)
        batch, labels, lesson, _ = lessons.batch(rows, network.specs, torch.device("cpu"), **where)
        assert set(batch) == set(network.specs)
        if changes is altered:
            assert labels.shape == (16, 2)
            assert ((labels > 0.05) & (labels < 0.95)).any()
        else:
            assert torch.equal(labels, torch.from_numpy(train.truth[rows]))
        if distillation is None:
            assert lesson is None
        elif changes is altered:
            low, high = taught.probabilities.min(), taught.probabilities.max()
            torch.testing.assert_close(lesson, low + (high - low) * labels)
        else:
            assert torch.equal(lesson, taught.probabilities[rows])


def test_a_stopped_run_goes_on_to_the_same_weights(material, tmp_path):
    store, data = material
    accelerator = make_accelerator(configure(), "cpu")
    said = np.log(np.random.default_rng(0).dirichlet([1, 1], len(data["train"].windows))).astype(np.float32)
    states = []
    for name, epochs in (("whole", [3]), ("cut", [1, 3])):
        for last in epochs:
            config = check_config({"training": {"epochs": last, "lr": 0.01, "average": "ema", "select": "last"}})
            fitted = fit(
                network_of(store, data["train"]),
                torch.nn.CrossEntropyLoss(),
                data["train"],
                data["dev"],
                config.training,
                accelerator,
                augment=check_config({"augment": {"mixup": 0.4}}).augment,
                distillation=Distillation.of(said, CONFIG),
                checkpoint=tmp_path / f"{name}.pt",
                on_step=lambda *_: None,
                on_epoch=lambda _: None,
            )
        states.append(fitted.state)
    assert all(torch.equal(states[0][k], v) for k, v in states[1].items())


def test_a_network_learns_what_it_is_taught_and_labels_by_weight(material, tmp_path):
    """A teacher that says the opposite of the labels."""
    store, data = material
    config = configure(training={"epochs": 10, "select": "last"}).training
    accelerator = make_accelerator(configure(), "cpu")
    opposite = np.log(np.where(np.eye(2)[data["train"].truth] == 1, 0.05, 0.95)).astype(np.float32)
    right = {}
    for weight in (0.1, 1.0):
        distill = DistillConfig(teachers=["t"], weight=weight, temperature=1.0)
        fitted = fit(
            network_of(store, data["train"]),
            torch.nn.CrossEntropyLoss(),
            data["train"],
            data["dev"],
            config,
            accelerator,
            distillation=Distillation.of(opposite, distill),
            checkpoint=tmp_path / f"{weight}.pt",
            on_step=lambda *_: None,
            on_epoch=lambda _: None,
        )
        right[weight] = fitted.epochs[-1].dev_window_wa
    assert right[0.1] > 0.9
    assert right[1.0] < 0.1

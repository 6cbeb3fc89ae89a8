"""Cross entropy with weights, smoothing and soft labels."""

from __future__ import annotations

import pytest
import torch

from ser_toolkit.components import create
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.testing.losses import assert_loss
from ser_toolkit_paper.cross_entropy import CrossEntropy

TARGET = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
COUNTS = (10, 20, 30, 40)
Z = 3 * torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(12) % 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_is_the_cross_entropy_of_torch(smoothing):
    loss = CrossEntropy(label_smoothing=smoothing).build(TARGET, COUNTS)
    wanted = torch.nn.functional.cross_entropy(Z, Y, label_smoothing=smoothing)
    torch.testing.assert_close(loss(Z, Y), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weights_and_soft_labels_as_in_torch(smoothing):
    weight, soft = (0.5, 1.0, 2.0, 3.0), torch.softmax(Z.flip(1), dim=1)
    loss = CrossEntropy(class_weight=weight, label_smoothing=smoothing).build(TARGET, COUNTS)
    wanted = torch.nn.functional.cross_entropy(Z, soft, weight=torch.tensor(weight), label_smoothing=smoothing)
    torch.testing.assert_close(loss(Z, soft), wanted, rtol=1e-6, atol=1e-6)


def test_balanced_weights_average_to_one_over_the_training_segments():
    weight = CrossEntropy(class_weight="balanced").build(TARGET, COUNTS).weight
    assert weight.tolist() == pytest.approx([2.5, 1.25, 100 / 120, 0.625])
    assert (weight * torch.tensor(COUNTS)).sum().item() == pytest.approx(sum(COUNTS))


def test_value_at_the_start_of_training():
    assert CrossEntropy().build(TARGET, COUNTS)(torch.zeros(3, 4), Y[:3]).item() == pytest.approx(1.3862944)


def test_float64_stays_and_gradcheck_passes():
    loss = CrossEntropy(class_weight=(1.0, 2.0, 3.0, 4.0), label_smoothing=0.2).build(TARGET, COUNTS)
    assert torch.autograd.gradcheck(loss, (Z.double().requires_grad_(), Y))


@pytest.mark.parametrize(
    "loss",
    [
        CrossEntropy(),
        CrossEntropy(class_weight="balanced"),
        CrossEntropy(class_weight=(0.5, 1.0, 2.0, 3.0), label_smoothing=0.1),
    ],
)
def test_contract(loss):
    assert_loss(loss)


def test_weights_must_fit_the_labels():
    with pytest.raises(ConfigError, match="class_weight has 2 entries for 4 labels"):
        CrossEntropy(class_weight=(1.0, 2.0)).build(TARGET, COUNTS)


def test_balanced_needs_a_segment_of_each_class():
    with pytest.raises(ConfigError, match="cannot weigh happiness, sadness"):
        CrossEntropy(class_weight="balanced").build(TARGET, (3, 0, 2, 0))


def test_refuses_other_targets():
    with pytest.raises(ComponentError, match="'regression'"):
        CrossEntropy().build(TargetSpec(name="affect", kind="regression", labels=("arousal", "valence")), (1, 1))


@pytest.mark.parametrize(
    "config", [{"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"class_weight": "even"}, {"class_weight": [-1]}]
)
def test_bad_configuration(config):
    with pytest.raises(ConfigError, match="cross-entropy"):
        create(CrossEntropy, config)

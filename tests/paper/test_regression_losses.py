"""Losses of dimensions: their contract, values by hand, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.testing.losses import DIMENSIONS, assert_loss, check_loss
from ser_toolkit.training.agreement import agreement
from ser_toolkit_paper.ccc import Ccc
from ser_toolkit_paper.focal import Focal
from ser_toolkit_paper.mse import Mse

CLASSES = TargetSpec(name="emotion", kind="class", labels=("a", "b"))


@pytest.mark.parametrize("loss", [Ccc(), Mse()])
@pytest.mark.parametrize("n", [1, 3])
def test_contract(loss, n):
    assert_loss(loss, TargetSpec(name="d", kind="regression", labels=DIMENSIONS.labels[:n]))
    assert_loss(loss)  # finds its kind of target by itself


@pytest.mark.parametrize("loss", [Ccc(), Mse()])
def test_classes_are_refused(loss):
    with pytest.raises(ComponentError, match="regression target"):
        loss.build(CLASSES, [1, 1])
    with pytest.raises(ComponentError, match="class target"):
        Focal().build(DIMENSIONS, [1, 1, 1])


def test_values_by_hand():
    values = torch.tensor([[0.0, 1.0], [1.0, 5.0], [2.0, 0.0]])
    ratings = torch.tensor([[0.5, math.nan], [1.0, math.nan], [3.0, 1.0]])
    assert float(Mse().build(DIMENSIONS, [])(values, ratings)) == pytest.approx((0.25 + 0 + 1 + 1) / 4)
    first = agreement(ratings[:, 0].numpy(), values[:, 0].numpy()).ccc
    found = float(Ccc().build(DIMENSIONS, [])(values, ratings))
    assert found == pytest.approx((1 - first + 1) / 2, abs=1e-6)  # one rating alone: no concordance
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50, 3))
    y += x
    expected = np.mean([1 - agreement(y[:, d], x[:, d]).ccc for d in range(3)])
    module = Ccc().build(DIMENSIONS, [])
    assert float(module(torch.from_numpy(x), torch.from_numpy(y))) == pytest.approx(expected, abs=1e-6)


class Wrong(torch.nn.Module):
    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def forward(self, values, ratings):
        x = values if self.fault == "half" else values.float()
        rated = ~ratings.isnan()
        y = torch.where(rated, ratings, torch.zeros_like(ratings)).to(x.dtype)
        if self.fault == "NaN":
            return (x - ratings).square().mean()
        if self.fault == "zeros":
            return (x - y).square().mean()
        if self.fault == "no scalar":
            return ((x - y).square() * rated).mean(1)
        if self.fault == "worse":
            return -((x - y).square() * rated).sum() / rated.sum().clamp(min=1)
        return ((x - y).square() * rated).sum() / rated.sum().clamp(min=1)


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("none", set()),
        ("half", {"float32"}),
        ("NaN", {"missing ratings", "nothing rated"}),
        ("zeros", {"missing ratings", "nothing rated"}),
        ("no scalar", {"scalar"}),
        ("worse", {"prefers the rating"}),
    ],
)
def test_a_loss_that_breaks_a_promise_is_found(fault, broken, monkeypatch):
    monkeypatch.setattr(Mse, "build", lambda self, target, counts: Wrong(fault))
    failed = {r.name for r in check_loss(Mse(), DIMENSIONS) if not r.passed}
    assert broken <= failed
    if fault in ("none", "half", "worse"):
        assert failed == broken

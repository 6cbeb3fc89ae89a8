"""Averages of weights: the formulas, the buffers, and that a network gets its own weights back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ser_toolkit.training.averaging import average_of
from ser_toolkit.training.config import TrainingConfig


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).to(memory_format=torch.channels_last)


def move(network):
    """One training step of a kind: other weights, other statistics of batch normalization."""
    network.train()
    network(torch.randn(4, 1, 6, 6))
    with torch.no_grad():
        for p in network.parameters():
            p += torch.randn(p.shape)
    return {k: v.clone() for k, v in network.state_dict().items()}


def test_no_average_unless_asked_for(network):
    assert average_of(network, TrainingConfig(), steps=3) is None


def test_moving_average_follows_its_formula_buffers_too(network):
    average = average_of(network, TrainingConfig(average="ema", average_decay=0.3), steps=100)
    expected = {k: v.clone().double() for k, v in network.state_dict().items()}
    for n in range(6):
        now = move(network)
        average.update(n)
        keep = min(0.3, (1 + n) / (10 + n))
        expected = {k: keep * v + (1 - keep) * now[k].double() for k, v in expected.items()}
    for key in ("0.weight", "1.weight", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(average.weights[key].double(), expected[key], rtol=1e-5, atol=1e-6)
    assert average.weights["1.num_batches_tracked"] == 6


def test_last_is_the_even_mean_over_the_last_epochs(network):
    average = average_of(network, TrainingConfig(average="last", average_epochs=2, epochs=5), steps=3)
    seen = []
    for n in range(15):
        seen.append(move(network))
        average.update(n)
        if n == 8:
            assert torch.equal(average.weights["0.weight"], seen[-1]["0.weight"])
    for key in ("0.weight", "1.running_var"):
        torch.testing.assert_close(average.weights[key], torch.stack([s[key] for s in seen[9:]]).mean(0))


def test_constants_stay_the_same_to_the_last_bit(network):
    network.register_buffer("mean", torch.randn(50))
    average = average_of(network, TrainingConfig(average="ema"), steps=1)
    for n in range(20):
        move(network)
        average.update(n)
    assert torch.equal(average.weights["mean"], network.get_buffer("mean"))


def test_a_network_shows_the_average_and_gets_its_own_weights_back(network):
    average = average_of(network, TrainingConfig(average="ema"), steps=1)
    own = move(network)
    average.update(0)
    with pytest.raises(ZeroDivisionError), average.shown():
        assert torch.equal(network[0].weight, average.weights["0.weight"])
        assert not torch.equal(network[0].weight, own["0.weight"])
        raise ZeroDivisionError
    assert all(torch.equal(v, own[k]) for k, v in network.state_dict().items())


def test_a_stored_average_goes_on_where_it_was(network):
    config = TrainingConfig(average="ema")
    average = average_of(network, config, steps=1)
    move(network)
    average.update(0)
    stored = {k: v.clone() for k, v in average.weights.items()}
    again = average_of(network, config, steps=1)
    again.load(stored)
    move(network)
    for each in (average, again):
        each.update(1)
    assert all(torch.equal(v, again.weights[k]) for k, v in average.weights.items())

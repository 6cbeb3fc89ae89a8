"""Learning rates, and which epoch counts as best: functions of the configuration and the epochs so far."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from ser_toolkit.training.config import TrainingConfig
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.schedule import learning_rate
from ser_toolkit.training.selection import is_best, is_finished

STEPS = 5


def past_of(config, scores):
    """Epochs with these (UA, loss)."""
    epochs = []
    for ua, loss in scores:
        best = is_best(config, epochs, epoch=len(epochs) + 1, ua=ua, loss=loss)
        others = dict.fromkeys(("train_loss", "dev_wa", "dev_window_wa", "dev_window_ua", "lr", "seconds"), 0.0)
        epochs.append(Epoch(epoch=len(epochs) + 1, dev_ua=ua, dev_loss=loss, best=best, **others))
    return epochs


def rates(config, scores=()):
    scores = list(scores) or [(0.5, 1.0)] * config.epochs
    past = past_of(config, scores)
    return [learning_rate(config, past[:e], step=s, steps=STEPS) for e in range(config.epochs) for s in range(STEPS)]


def test_the_default_is_the_rate_itself():
    assert set(rates(TrainingConfig(epochs=3))) == {1e-4}


def test_warm_up_rises_from_nothing_in_even_steps():
    given = rates(TrainingConfig(epochs=4, lr=1.0, warmup_epochs=1.5))
    assert given[:8] == pytest.approx([(i + 1) / 7.5 for i in range(7)] + [1.0])
    assert set(given[7:]) == {1.0}


def test_cosine_falls_to_nothing_by_the_last_epoch():
    given = rates(TrainingConfig(epochs=6, lr=2.0, schedule="cosine"))
    assert given[0] == 2.0
    assert given[15] == pytest.approx(1.0)
    assert all(a > b > 0 for a, b in itertools.pairwise(given))
    assert given[-1] == pytest.approx(1 + math.cos(math.pi * 29 / 30))


def test_cosine_begins_after_warm_up():
    given = rates(TrainingConfig(epochs=4, lr=1.0, schedule="cosine", warmup_epochs=2))
    assert given[9] == pytest.approx(1.0)
    assert given[15] == pytest.approx(0.5)
    assert all(a < b for a, b in itertools.pairwise(given[:10]))


@pytest.mark.parametrize(("warmup_epochs", "share"), [(0, 0.3), (4, 0.4)])
def test_one_cycle_is_that_of_torch(warmup_epochs, share):
    config = TrainingConfig(epochs=10, lr=2.0, schedule="one-cycle", warmup_epochs=warmup_epochs)
    cycles = {}
    for anneal in ("linear", "cos"):
        optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 2.0, total_steps=10 * STEPS, pct_start=share, anneal_strategy=anneal
        )
        cycles[anneal] = []
        for _ in range(10 * STEPS):
            cycles[anneal].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            cycle.step() if len(cycles[anneal]) < 10 * STEPS else None
    top = round(share * 10 * STEPS)
    assert rates(config) == pytest.approx(cycles["linear"][:top] + cycles["cos"][top:])


def test_one_cycle_of_a_single_step_is_the_rate():
    config = TrainingConfig(epochs=1, lr=2.0, schedule="one-cycle")
    assert learning_rate(config, [], step=0, steps=1) == 2.0


def test_a_warm_up_that_never_ends_is_refused():
    with pytest.raises(ValueError, match="warmup_epochs = 4 is not less than epochs = 2"):
        TrainingConfig(epochs=2, lr=1.0, schedule="cosine", warmup_epochs=4)


@pytest.mark.parametrize(
    ("select", "scores"),
    [
        ("ua", [(0.5, 9), (0.6, 9), (0.6, 8), (0.6, 7), (0.7, 6), (0.1, 5), (0.1, 4), (0.1, 3)]),
        ("loss", [(0.5, 9), (0.5, 8), (0.6, 8), (0.7, math.nan), (0.7, 7), (0.8, 7), (0.9, 8), (0.9, 8)]),
        ("last", [(0.5, 9), (0.5, 8), (0.6, 8), (0.7, math.nan), (0.7, 7), (0.8, 7), (0.9, 8), (0.9, 8)]),
    ],
)
def test_plateau_halves_by_the_score_that_select_names(select, scores):
    config = TrainingConfig(epochs=9, lr=1.0, schedule="plateau", patience=6, select=select)
    given = rates(config, [*scores, (0.0, 99.0)])[::STEPS]
    assert given == [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_best_epoch_by_each_choice():
    scores = [(0.5, math.nan), (0.6, 3.0), (0.6, 2.0), (0.4, 1.0), (0.7, 1.0)]
    best = {}
    for select in ("ua", "loss", "last"):
        past = past_of(TrainingConfig(select=select, epochs=5), scores)
        best[select] = [e.epoch for e in past if e.best]
    assert best == {"ua": [1, 2, 5], "loss": [1, 2, 3, 4], "last": [5]}


def test_patience_and_none_with_last():
    scores = [(0.6, 1.0), (0.5, 0.9), (0.5, 0.8)]
    for select, finished in (("ua", True), ("loss", False), ("last", False)):
        config = TrainingConfig(select=select, patience=2, epochs=9)
        assert is_finished(config, past_of(config, scores)) == finished
        assert not is_finished(config, [])

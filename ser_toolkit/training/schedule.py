"""The learning rate of each step, from nothing but the configuration and the epochs so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ser_toolkit.training.selection import dev_score

if TYPE_CHECKING:
    from ser_toolkit.training.config import TrainingConfig
    from ser_toolkit.training.epochs import Epoch

__all__ = ["learning_rate"]

RISE, FIRST, LAST = 0.3, 1 / 25, 1 / 25e4
"""Of one cycle: the share of steps that the rate rises in, and its first and last value, as torch has them."""


def learning_rate(config: TrainingConfig, past: Sequence[Epoch], *, step: int, steps: int) -> float:
    """Learning rate of one step; a run that was stopped and continued gets the same.

    Parameters
    ----------
    config : TrainingConfig
        ``lr``, ``schedule``, ``warmup_epochs``, ``epochs``, ``patience`` and ``select``.
    past : sequence of Epoch
        The finished epochs.
    step : int
        Of the epoch that runs, from 0.
    steps : int
        Steps of each epoch.

    Returns
    -------
    float
        Above 0, at most ``lr``.

    Notes
    -----
    With ``n`` steps done of ``N`` in all and ``W`` of warm-up, the first ``W`` steps take ``(n + 1) / W`` of the rate
    that the schedule gives; ``"cosine"`` gives ``(1 + cos(pi (n - W) / (N - W))) / 2``, and 1 before ``W``.
    ``"plateau"`` halves whenever ``patience`` / 3 epochs (rounded down, at least one) brought no better development
    score: UA with ``select = "ua"``, else the loss. ``"one-cycle"`` rises evenly from 1 / 25 at the first step to 1 at
    step ``W``, and falls as half a cosine to 1 / 250,000 at the last; ``W`` is 0.3 ``N`` unless ``warmup_epochs`` says
    otherwise. The rates are those of ``torch.optim.lr_scheduler.OneCycleLR``, whose momentum is left as it is.

    References
    ----------
    Loshchilov and Hutter, "SGDR", ICLR 2017, equation (5), without restarts.
    Smith and Topin, "Super-convergence", arXiv 1708.07120, 2018.
    """
    done = len(past) * steps + step
    if config.schedule == "one-cycle":
        return config.lr * _one_cycle(done, total=config.epochs * steps, warm=config.warmup_epochs * steps)
    warm = config.warmup_epochs * steps
    factor = 1.0
    if config.schedule == "cosine":
        left = max(config.epochs * steps - warm, 1.0)
        factor = 0.5 * (1.0 + math.cos(math.pi * min(max(done - warm, 0.0) / left, 1.0)))
    elif config.schedule == "plateau":
        factor = 0.5 ** _plateaus(config, past)
    if done + 1 < warm:
        factor *= (done + 1) / warm
    return config.lr * factor


def _one_cycle(done: int, *, total: int, warm: float) -> float:
    top, last = max((warm or RISE * total) - 1.0, 0.0), total - 1.0
    if done < top:
        return FIRST + (1.0 - FIRST) * done / top
    share = (done - top) / (last - top) if last > top else 0.0
    return LAST + (1.0 - LAST) * 0.5 * (1.0 + math.cos(math.pi * share))


def _plateaus(config: TrainingConfig, past: Sequence[Epoch]) -> int:
    wait = max(1, config.patience // 3)
    best, since, count = -math.inf, 0, 0
    for epoch in past:
        score = dev_score(config, ua=epoch.dev_score, loss=epoch.dev_loss)
        if score > best:
            best, since = score, 0
        else:
            since += 1
            if since == wait:
                since, count = 0, count + 1
    return count

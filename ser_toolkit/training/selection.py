"""Which epoch's weights are kept, and when training stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_toolkit.training.config import TrainingConfig
    from ser_toolkit.training.epochs import Epoch

__all__ = ["dev_score", "is_best", "is_finished"]


def dev_score(config: TrainingConfig, *, ua: float, loss: float) -> float:
    """What ``training.select`` goes by; more is better.

    Parameters
    ----------
    config : TrainingConfig
        Holds ``select``.
    ua, loss : float
        UA per utterance (see `Epoch.dev_score`) and loss per window on the development speakers.

    Returns
    -------
    float
        UA for ``"ua"``, else the loss with its sign changed; a loss that is not a number is worse than any.
    """
    if config.select == "ua":
        return ua
    return -math.inf if math.isnan(loss) else -loss


def is_best(config: TrainingConfig, past: Sequence[Epoch], *, epoch: int, ua: float, loss: float) -> bool:
    """Whether the weights of an epoch are kept, in place of those kept so far.

    Parameters
    ----------
    config : TrainingConfig
        Holds ``select`` and ``epochs``.
    past : sequence of Epoch
        The epochs before.
    epoch : int
        From 1.
    ua, loss : float
        As for `dev_score`.

    Returns
    -------
    bool
        Better than all before; with ``"last"`` only in the last epoch.
    """
    if config.select == "last":
        return epoch == config.epochs
    score = dev_score(config, ua=ua, loss=loss)
    return not past or score > max(dev_score(config, ua=e.dev_score, loss=e.dev_loss) for e in past)


def is_finished(config: TrainingConfig, past: Sequence[Epoch]) -> bool:
    """Whether ``patience`` epochs brought nothing better; never with ``select = "last"``."""
    if config.select == "last" or not past:
        return False
    best = next((e.epoch for e in reversed(past) if e.best), 0)
    return past[-1].epoch - best >= config.patience

"""Averages of a network's weights over the steps of its training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ser_toolkit.training.config import TrainingConfig

__all__ = ["WeightAverage", "average_of"]


@dataclass(frozen=True, kw_only=True)
class WeightAverage:
    """An average beside a network that is being trained.

    Parameters
    ----------
    live : dict of Tensor
        State of the network, sharing its memory.
    weights : dict of Tensor
        The average: parameters and buffers such as the statistics of batch normalization. Whole numbers are not
        averaged: they are the network's.
    decay : float or None
        What is kept of the average at each step; None: all steps from `first` on count alike.
    first : int
        The first step, from 0, of an even average; what was before is forgotten.

    Notes
    -----
    After ``n`` earlier steps ``average += (1 - min(decay, (1 + n) / (10 + n))) (weights - average)``: the random
    weights that training begins with are soon forgotten.

    References
    ----------
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30(4), 1992.
    Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
    """

    live: dict[str, Tensor]
    weights: dict[str, Tensor]
    decay: float | None
    first: int

    def update(self, done: int) -> None:
        """Take in the weights after a step, before which `done` steps were taken since training began."""
        if self.decay is None:
            share = 1.0 / (1 + max(done - self.first, 0))
        else:
            share = 1.0 - min(self.decay, (1 + done) / (10 + done))
        averaged = [k for k, v in self.live.items() if v.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([self.weights[k] for k in averaged], [self.live[k] for k in averaged], share)
            _copy({k: v for k, v in self.live.items() if not v.is_floating_point()}, self.weights)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from an average that was stored."""
        with torch.no_grad():
            _copy(weights, self.weights)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Give the network the average while the body runs."""
        with torch.no_grad():
            own = {k: v.clone() for k, v in self.live.items()}
            _copy(self.weights, self.live)
            try:
                yield
            finally:
                _copy(own, self.live)


def average_of(network: nn.Module, config: TrainingConfig, *, steps: int) -> WeightAverage | None:
    """The average that a configuration asks for; None without.

    Parameters
    ----------
    network : torch.nn.Module
        On its device, where it stays.
    config : TrainingConfig
        ``average``, ``average_decay``, ``average_epochs`` and ``epochs``.
    steps : int
        Steps of each epoch.
    """
    if config.average == "none":
        return None
    live = network.state_dict()
    return WeightAverage(
        live=dict(live),
        weights={k: v.clone() for k, v in live.items()},
        decay=config.average_decay if config.average == "ema" else None,
        first=max(config.epochs - config.average_epochs, 0) * steps,
    )


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor)

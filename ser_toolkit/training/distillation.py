"""Learning from the probabilities of teachers: their part of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.training.settings import DistillConfig

__all__ = ["Distillation"]


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What teachers say of training windows, and how much it counts.

    Parameters
    ----------
    probabilities : Tensor
        (n_windows, n_classes), at `temperature`.
    weight : float
        Share of the teachers in the loss, above 0 and at most 1.
    temperature : float
        Above 0.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531, 2015, section 2.
    """

    probabilities: Tensor
    weight: float
    temperature: float

    @classmethod
    def of(cls, said: NDArray[np.float32], config: DistillConfig) -> Distillation:
        """From the teachers' log probabilities at temperature 1, (n_windows, n_classes)."""
        softened = (torch.from_numpy(said) / config.temperature).softmax(1)
        return cls(probabilities=softened, weight=config.weight, temperature=config.temperature)

    def mixed(self, loss: Tensor, logits: Tensor, taught: Tensor) -> Tensor:
        """The loss of a batch, ``(1 - l) loss + l T^2 KL(p || q)``.

        Parameters
        ----------
        loss : Tensor
            Of the labels, a scalar.
        logits : Tensor
            (B, K) of the network.
        taught : Tensor
            (B, K), the rows of `probabilities`.

        Returns
        -------
        Tensor
            A scalar, float32.
        """
        log_q = (logits.float() / self.temperature).log_softmax(1)
        divergence = torch.nn.functional.kl_div(log_q, taught, reduction="batchmean")
        return (1.0 - self.weight) * loss + self.weight * self.temperature**2 * divergence

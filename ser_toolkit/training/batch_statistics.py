"""Running statistics of batch normalization where a step has several batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["RunningStatistics"]


@dataclass(frozen=True, kw_only=True)
class RunningStatistics:
    """Means over the batches of a step: the same whatever process has which batch.

    Left to themselves, the layers would take in the batches of one process one after the other, and forget those of the
    others. The factor of forgetting applies once for each step.

    Parameters
    ----------
    live : tuple of Tensor
        Running means and variances of a network, and how many batches they are of, sharing its memory.
    """

    live: tuple[Tensor, ...]

    @classmethod
    def of(cls, network: nn.Module) -> RunningStatistics:
        """Those of a network; none if it has no batch normalization."""
        layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
        return cls(live=tuple(tensor for layer in layers for tensor in layer.buffers(recurse=False)))

    def copies(self) -> list[Tensor]:
        """As they are now."""
        return [tensor.clone() for tensor in self.live]

    def put(self, values: list[Tensor]) -> None:
        """Set them."""
        with torch.no_grad():
            for tensor, value in zip(self.live, values, strict=True):
                tensor.copy_(value)

    def put_mean(self, batches: list[list[Tensor]], accelerator: Accelerator) -> None:
        """Set them to their mean over all batches of a step, of which each process has as many.

        Parameters
        ----------
        batches : list of list of Tensor
            `copies` after each batch of this process, each begun from the same values.
        accelerator : accelerate.Accelerator
            The processes.
        """
        if not self.live:
            return
        sums = torch.cat([torch.stack(values).sum(dim=0).flatten() for values in zip(*batches, strict=True)])
        mean = accelerator.reduce(sums, reduction="sum") / (len(batches) * accelerator.num_processes)
        parts = torch.split(mean, [tensor.numel() for tensor in self.live])
        self.put([part.reshape(tensor.shape) for part, tensor in zip(parts, self.live, strict=True)])

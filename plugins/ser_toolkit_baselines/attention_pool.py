"""Attention over the steps of a sequence. Import this module only where a network is built."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ser_toolkit_baselines.layers import valid

__all__ = ["AttentionPool"]


class AttentionPool(nn.Module):
    """Weighted mean over steps, (B, T, C) -> (B, C); the weights are a softmax of one linear score per step.

    Parameters
    ----------
    n_channels : int
        Values per step.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_channels, 1, bias=False)  # softmax takes a constant away

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """Steps (B, T, C), of which the first `length` (B,) count, at least one each."""
        score = self.score(x)[:, :, 0]  # -> (B, T)
        score = score.masked_fill(~valid(length, x.shape[1]), torch.finfo(score.dtype).min)
        result: Tensor = (score.softmax(dim=1)[:, :, None] * x).sum(dim=1)
        return result

"""Dense layers on functionals: what two of the systems are made of.

Import this module only where a network is built.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ser_toolkit_baselines.layers import Heads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["DenseNet"]


class DenseNet(nn.Module):
    """All vectors joined, dense layers, each with batch normalization, ReLU and dropout, and a head per target.

    Parameters
    ----------
    inputs : mapping of str to FeatureSpec
        Vectors.
    targets : sequence of TargetSpec
        What to predict.
    widths : sequence of int
        Of the layers.
    dropout : float
        Share of values, 0 to below 1, dropped after each layer.
    """

    def __init__(
        self,
        inputs: Mapping[str, FeatureSpec],
        targets: Sequence[TargetSpec],
        *,
        widths: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.layers = nn.Sequential()
        for a, b in pairwise([sum(spec.shape[0] or 0 for spec in inputs.values()), *widths]):
            self.layers.extend([nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(dropout)])
        self.heads = Heads(widths[-1], targets)

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Vectors by name, (B, n) each, to logits or values by target."""
        joined = torch.cat([features[name] for name in self.inputs], dim=1)  # (B, 384)
        result: dict[str, Tensor] = self.heads(self.layers(joined))  # -> (B, 512) -> (B, 256) -> (B, 128)
        return result

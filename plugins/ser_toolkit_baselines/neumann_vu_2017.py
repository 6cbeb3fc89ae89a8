"""Neumann and Vu 2017: one convolution over time, max-pooling, attention over the pooled steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from ser_toolkit_baselines.network_inputs import main_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["NeumannVu2017"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class NeumannVu2017:
    """Attentive convolutional network on a sequence of frames, such as ``logmel-sequence``.

    Parameters
    ----------
    filters : int
        Filters of the convolution; each spans all bands.
    width : int
        Frames that a filter spans.
    pool, pool_hop : int
        Frames of a step of max-pooling, and from one step to the next.
    dropout : float
        Share of the attended values, 0 to below 1, dropped in training.

    Notes
    -----
    On 26 bands and four emotions the defaults have 53 204 parameters. Sequences of any length: attention sees the steps
    that lie wholly inside a segment, and at least one.

    References
    ----------
    Neumann and Vu, "Attentive convolutional neural network based speech emotion recognition: a study on the impact of
    input features, signal length, and acted speech", Interspeech 2017, section 2. See docs/systems/neumann-vu-2017.md
    for what is known of it.
    """

    name: ClassVar[str] = "neumann-vu-2017"
    version: ClassVar[int] = 1

    filters: Count = 200
    width: Count = 10
    pool: Count = 30
    pool_hop: Count = 3
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one sequence and any targets; refuses what `main_input` does."""
        key = main_input(self.name, inputs, targets, role="sequence")
        n_bands = inputs[key].shape[1] or 0
        import torch
        from torch import nn
        from torch.nn import functional as F

        from ser_toolkit_baselines.layers import Heads, length_of, valid

        config, fewest = self, self.width + self.pool - 1  # frames under one step

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv1d(n_bands, config.filters, config.width)
                self.score = nn.Conv1d(config.filters, 1, 1, bias=False)
                self.dropout = nn.Dropout(config.dropout)
                self.heads = Heads(config.filters, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=1)  # (B, 750, 26)
                x = (x * valid(length, x.shape[1])[:, :, None]).transpose(1, 2)
                x = F.pad(x, (0, fewest - 1 + config.pool_hop))  # two steps even for one frame
                x = self.conv(x).relu()  # -> (B, 200, 782)
                # the exporter takes the number of frames for a constant in max_pool1d
                x = F.max_pool2d(x[:, :, None], (1, config.pool), (1, config.pool_hop))[:, :, 0]  # -> (B, 200, 251)
                n_steps = (length - fewest).clamp(min=0) // config.pool_hop + 1
                score = self.score(x)  # -> (B, 1, 251)
                score = score.masked_fill(~valid(n_steps, x.shape[2])[:, None], torch.finfo(score.dtype).min)
                attended = (score.softmax(dim=2) * x).sum(dim=2)  # -> (B, 200)
                result: dict[str, Tensor] = self.heads(self.dropout(attended))
                return result

        return Net()

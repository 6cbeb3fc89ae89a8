"""Li et al. 2021: a bidirectional LSTM with self-attention on each direction by itself (BLSTM-DSA)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from ser_toolkit_baselines.network_inputs import main_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Li2021"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Li2021:
    """LSTM in both directions with directional self-attention, on a sequence such as ``logmel-sequence``.

    Parameters
    ----------
    lstm : int
        Units of the LSTM, per direction.
    dense : int
        Width of the dense layer.
    dropout : float
        Share of its values, 0 to below 1, dropped in training.

    Notes
    -----
    On 64 values a frame and four emotions the defaults have 264 836 parameters. Sequences of any length; memory grows
    with the square of it.

    In the direction from the start, a frame attends to itself and what came before; in the direction from the end, to
    itself and what comes after. The score of frame *s* for frame *t* is ``h_t W h_s / sqrt(lstm)``. A direction gives
    the mean over its frames of what they attended to.

    References
    ----------
    Li, Liu, Yang, Sun, Wang, "Speech emotion recognition using recurrent neural networks with directional
    self-attention", Expert Systems with Applications 173, 2021. See docs/systems/li-2021.md for what is known of it.
    """

    name: ClassVar[str] = "li-2021"
    version: ClassVar[int] = 1

    lstm: Count = 128
    dense: Count = 128
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one sequence and any targets; refuses what `main_input` does."""
        key = main_input(self.name, inputs, targets, role="sequence")
        n_values = inputs[key].shape[1] or 0
        import torch
        from torch import nn

        from ser_toolkit_baselines.layers import BiLstm, Heads, length_of, valid

        config = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.lstm = BiLstm(n_values, config.lstm)
                self.scores = nn.ModuleList(nn.Linear(config.lstm, config.lstm, bias=False) for _ in range(2))
                self.dense = nn.Linear(2 * config.lstm, config.dense)
                self.dropout = nn.Dropout(config.dropout)
                self.heads = Heads(config.dense, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=1)  # (B, 750, 64)
                inside, t = valid(length, x.shape[1]), torch.arange(x.shape[1], device=x.device)
                seen = (t[:, None] >= t, t[:, None] <= t)  # (750, 750) each: which frame may attend to which
                parts = []
                # bmm, as the exporter takes the number of frames for a constant in @
                for h, score, allowed in zip(self.lstm(x, length), self.scores, seen, strict=True):  # h (B, 750, 128)
                    weight = torch.bmm(score(h), h.transpose(1, 2)) / config.lstm**0.5  # -> (B, 750, 750)
                    weight = weight.masked_fill(~(allowed & inside[:, None, :]), torch.finfo(weight.dtype).min)
                    attended = torch.bmm(weight.softmax(dim=2), h) * inside[:, :, None]  # -> (B, 750, 128)
                    parts.append(attended.sum(dim=1) / length[:, None])
                x = self.dense(torch.cat(parts, dim=1)).relu()  # (B, 256) -> (B, 128)
                result: dict[str, Tensor] = self.heads(self.dropout(x))
                return result

        return Net()

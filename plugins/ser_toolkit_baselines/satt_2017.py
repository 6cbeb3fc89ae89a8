"""Satt, Rozenberg and Hoory 2017: convolutions on a spectrogram, then a bidirectional LSTM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from ser_toolkit.errors import ComponentError
from ser_toolkit_baselines.network_inputs import main_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Satt2017"]

Count = Annotated[int, Ge(1)]

KERNELS = ((12, 16), (8, 12), (5, 7))
"""Bands and frames of the filters of each convolution."""


@dataclass(frozen=True, kw_only=True)
class Satt2017:
    """Convolutional LSTM on one spectrogram (channel, band, frame), such as ``log-spectrogram``.

    Parameters
    ----------
    filters : tuple of int
        Filters of the three convolutions; max-pooling after each halves the bands.
    lstm : int
        Units of the LSTM, per direction.
    dense : int
        Width of the dense layer on the last state of either direction.
    dropout : float
        Share of its values, 0 to below 1, dropped in training.

    Notes
    -----
    On 200 bands and four emotions the defaults have 1 035 916 parameters. Spectrograms of any length and of 8 bands or
    more.

    References
    ----------
    Satt, Rozenberg, Hoory, "Efficient emotion recognition from speech using deep learning on spectrograms",
    Interspeech 2017. See docs/systems/satt-2017.md for what is known of it.
    """

    name: ClassVar[str] = "satt-2017"
    version: ClassVar[int] = 1

    filters: tuple[Count, Count, Count] = (16, 24, 32)
    lstm: Count = 128
    dense: Count = 64
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.2

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one image and any targets; refuses what `main_input` does, and fewer than 8 bands."""
        key = main_input(self.name, inputs, targets, role="image")
        n_channels, n_bands = inputs[key].shape[0] or 0, inputs[key].shape[1] or 0
        if n_bands < 2 ** len(KERNELS):
            raise ComponentError(f"{self.name} halves the bands three times; {key!r} has {n_bands}: use 8 or more")
        import torch
        from torch import nn
        from torch.nn import functional as F

        from ser_toolkit_baselines.layers import BiLstm, Heads, last_of, length_of, valid

        config = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                n, self.convs = n_channels, nn.ModuleList()
                for width, kernel in zip(config.filters, KERNELS, strict=True):
                    self.convs.append(nn.Conv2d(n, width, kernel))
                    n = width
                self.lstm = BiLstm(n * (n_bands // 2 ** len(KERNELS)), config.lstm)
                self.dense = nn.Linear(2 * config.lstm, config.dense)
                self.dropout = nn.Dropout(config.dropout)
                self.heads = Heads(config.dense, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=3)  # (B, 1, 200, 297)
                inside = valid(length, x.shape[3])[:, None, None, :]
                for conv, (height, width) in zip(self.convs, KERNELS, strict=True):
                    # -> (B, 16, 100, 297) -> (B, 24, 50, 297) -> (B, 32, 25, 297)
                    x = F.pad(x * inside, ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2))
                    x = F.max_pool2d(conv(x).relu(), (2, 1))
                x = x.flatten(1, 2).transpose(1, 2)  # -> (B, 297, 800)
                ahead, back = self.lstm(x, length)  # (B, 297, 128) each
                x = torch.cat([last_of(ahead, length), back[:, 0]], dim=1)  # -> (B, 256)
                result: dict[str, Tensor] = self.heads(self.dropout(self.dense(x).relu()))
                return result

        return Net()

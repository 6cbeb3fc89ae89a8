"""Yao et al. 2020: three networks on three views of an utterance, to be trained apart and fused.

``yao-2020-hsf`` sees functionals (high-level statistical functions), ``yao-2020-ms`` segments of a mel spectrogram,
``yao-2020-lld`` low-level descriptors frame by frame. Each is a model of its own; `ser_toolkit.evaluation.fusion` joins
what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt, MinLen

from ser_toolkit.errors import ComponentError
from ser_toolkit_baselines.network_inputs import main_input, only_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Yao2020Hsf", "Yao2020Lld", "Yao2020Ms"]

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0.0), Lt(1.0)]

HOP = 8
"""Frames between the starts of segments of the mel spectrogram; a segment has twice as many."""

FEWEST_BANDS = 4
"""Mel bands that outlast two poolings."""


@dataclass(frozen=True, kw_only=True)
class Yao2020Hsf:
    """HSF-DNN: dense layers on functionals such as ``is09``; several vectors are joined.

    Parameters
    ----------
    widths : tuple of int
        Of the dense layers, each with batch normalization and ReLU.
    dropout : float
        Share of values, 0 to below 1, dropped after each.

    Notes
    -----
    On the 384 functionals of IS09 and four emotions the defaults have 363 652 parameters. Batch normalization needs at
    least two segments in a training batch.

    References
    ----------
    Yao, Wang, Liu, Liu, Pan, "Speech emotion recognition using fusion of three multi-task learning-based classifiers:
    HSF-DNN, MS-CNN and LLD-RNN", Speech Communication 120, 2020. See docs/systems/yao-2020.md for what is known of it.
    """

    name: ClassVar[str] = "yao-2020-hsf"
    version: ClassVar[int] = 1

    widths: Annotated[tuple[Count, ...], MinLen(1)] = (512, 256, 128)
    dropout: Share = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for vectors and any targets; refuses what `only_vectors` does."""
        only_vectors(self.name, inputs, targets)
        from ser_toolkit_baselines.dense_net import DenseNet

        return DenseNet(inputs, targets, widths=self.widths, dropout=self.dropout)


@dataclass(frozen=True, kw_only=True)
class Yao2020Ms:
    """MS-CNN: convolutions on segments of 16 frames of a mel spectrogram, and attention over the segments.

    Parameters
    ----------
    filters : tuple of two int
        Filters of the convolutions, each 3x3 with batch normalization, ReLU and a 2x2 max-pooling.
    dense : int
        Width of the dense layer on each segment.
    dropout : float
        Share of values, 0 to below 1, dropped before the heads.

    Notes
    -----
    Takes one sequence (frame, band) such as ``logmel-sequence`` with 40 bands, of any length; the frames after the last
    whole segment are not looked at, and fewer than 16 are filled up with the mean of training. On 40 bands and four
    emotions the defaults have 347 460 parameters. Batch normalization needs at least two segments in a training batch.

    References
    ----------
    As of `Yao2020Hsf`.
    """

    name: ClassVar[str] = "yao-2020-ms"
    version: ClassVar[int] = 1

    filters: tuple[Count, Count] = (32, 64)
    dense: Count = 128
    dropout: Share = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one sequence and any targets; refuses what `main_input` does, and fewer than 4 bands."""
        key = main_input(self.name, inputs, targets, role="sequence")
        bands = inputs[key].shape[1] or 0
        if bands < FEWEST_BANDS:
            raise ComponentError(
                f"{self.name} cannot use input {key!r} of shape {inputs[key].shape}: it needs at least {FEWEST_BANDS} "
                "bands, to be halved twice"
            )
        import torch
        from torch import nn
        from torch.nn import functional as F

        from ser_toolkit_baselines.attention_pool import AttentionPool
        from ser_toolkit_baselines.layers import Heads, length_of, valid

        config = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.blocks = nn.Sequential()
                for a, b in zip((1, config.filters[0]), config.filters, strict=True):
                    conv = nn.Conv2d(a, b, kernel_size=3, padding=1)
                    self.blocks.extend([conv, nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)])
                self.dense = nn.Linear(config.filters[1] * (HOP // 2) * (bands // 4), config.dense)
                self.pool = AttentionPool(config.dense)
                self.dropout = nn.Dropout(config.dropout)
                self.heads = Heads(config.dense, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=1)  # (B, 300, 40)
                x = x * valid(length, x.shape[1])[:, :, None]
                x = F.pad(x, (0, 0, 0, 2 * HOP - 1))  # one frame is enough for a segment
                batch, n = x.shape[0], x.shape[1] // HOP
                x = x[:, : n * HOP].reshape(batch, n, HOP, bands)  # -> (B, 39, 8, 40)
                x = torch.cat([x[:, :-1], x[:, 1:]], dim=2)  # -> (B, 38, 16, 40)
                x = self.blocks(x.reshape(-1, 1, 2 * HOP, bands))  # -> (B * 38, 64, 4, 10)
                x = self.dense(x.flatten(1)).relu().reshape(batch, n - 1, config.dense)  # -> (B, 38, 128)
                whole = (length // HOP - 1).clamp(min=1)  # segments without padding
                result: dict[str, Tensor] = self.heads(self.dropout(self.pool(x, whole)))
                return result

        return Net()


@dataclass(frozen=True, kw_only=True)
class Yao2020Lld:
    """LLD-RNN: two bidirectional LSTMs over the frames of low-level descriptors, and attention over the frames.

    Parameters
    ----------
    lstm : int
        Units of either LSTM, per direction.
    dense : int
        Width of the dense layer on what attention gives.
    dropout : float
        Share of values, 0 to below 1, dropped before the heads.

    Notes
    -----
    Takes one sequence (frame, descriptor) such as ``smile-lld``, of any length. On 32 descriptors and four emotions the
    defaults have 594 820 parameters.

    References
    ----------
    As of `Yao2020Hsf`.
    """

    name: ClassVar[str] = "yao-2020-lld"
    version: ClassVar[int] = 1

    lstm: Count = 128
    dense: Count = 128
    dropout: Share = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one sequence and any targets; refuses what `main_input` does."""
        key = main_input(self.name, inputs, targets, role="sequence")
        n_values = inputs[key].shape[1] or 0
        import torch
        from torch import nn

        from ser_toolkit_baselines.attention_pool import AttentionPool
        from ser_toolkit_baselines.layers import BiLstm, Heads, length_of

        config = self

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.first = BiLstm(n_values, config.lstm)
                self.second = BiLstm(2 * config.lstm, config.lstm)
                self.pool = AttentionPool(2 * config.lstm)
                self.dense = nn.Linear(2 * config.lstm, config.dense)
                self.dropout = nn.Dropout(config.dropout)
                self.heads = Heads(config.dense, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=1)  # (B, 300, 32)
                for layer in (self.first, self.second):
                    x = torch.cat(layer(x, length), dim=2)  # -> (B, 300, 256)
                x = self.dense(self.pool(x, length)).relu()  # -> (B, 256) -> (B, 128)
                result: dict[str, Tensor] = self.heads(self.dropout(x))
                return result

        return Net()

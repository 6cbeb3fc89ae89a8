"""Yenigalla et al. 2018: four sizes of filters side by side on a spectrogram, and phonemes if there are any."""

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

__all__ = ["Yenigalla2018"]

Count = Annotated[int, Ge(1)]

KERNELS = ((12, 16), (18, 24), (24, 32), (30, 40))
"""Bands and frames of the filters of each convolution."""

PHONEME_WIDTHS = (3, 5, 7, 9)
"""Rows of the second input that its filters span."""


@dataclass(frozen=True, kw_only=True)
class Yenigalla2018:
    """Parallel convolutions on one spectrogram (channel, band, frame), joined with a second input where there is one.

    The second input is what was said: a sequence with one row per phoneme (one-hot, or an embedding), or a vector.

    Parameters
    ----------
    maps : int
        Filters of each size.
    stride : int
        Bands and frames from one place of a filter to the next; 1 costs sixteen times as much as 4.
    dense : tuple of int
        Widths of the two dense layers.
    embedding : int
        Values that a row of a second sequence is mapped to.
    dropout : float
        Share of values, 0 to below 1, dropped after either dense layer in training.

    Notes
    -----
    On a spectrogram and four emotions the defaults have 1 881 804 parameters, whatever its size: at least 30 bands,
    and 40 frames or any number. Each filter gives four values, its maxima over the lower and the upper half of the
    bands in the first and the second half of the frames.

    Batch normalization needs at least two segments in a training batch.

    References
    ----------
    Yenigalla, Kumar, Tripathi, Singh, Kar, Vepa, "Speech emotion recognition using spectrogram and phoneme embedding",
    Interspeech 2018. See docs/systems/yenigalla-2018.md for what is known of it.
    """

    name: ClassVar[str] = "yenigalla-2018"
    version: ClassVar[int] = 1

    maps: Count = 200
    stride: Count = 4
    dense: tuple[Count, Count] = (400, 200)
    embedding: Count = 128
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for one image, a sequence or vector if there is one, and any targets; refuses what is too small."""
        key = main_input(self.name, inputs, targets, role="image", beside=("sequence", "vector"))
        n_channels, n_bands, n_frames = inputs[key].shape
        fewest_bands, fewest_frames = KERNELS[-1]
        if (n_bands or 0) < fewest_bands or (n_frames is not None and n_frames < fewest_frames):
            raise ComponentError(
                f"{self.name} cannot use input {key!r} of shape {inputs[key].shape}: its filters need {fewest_bands} "
                f"bands and {fewest_frames} frames"
            )
        import torch
        from torch import nn
        from torch.nn import functional as F

        from ser_toolkit_baselines.layers import Heads, length_of, valid

        config, room = self, 0 if n_frames else fewest_frames - 1
        second = next((name for name in inputs if name != key), None)

        class Phonemes(nn.Module):
            """Convolutions of several widths over the rows of a sequence, and the maximum of each, -> (B, 800)."""

            def __init__(self, n_values: int) -> None:
                super().__init__()
                self.embedding = nn.Linear(n_values, config.embedding, bias=False)
                self.convs = nn.ModuleList(nn.Conv1d(config.embedding, config.maps, w) for w in PHONEME_WIDTHS)

            def forward(self, x: Tensor, length: Tensor) -> Tensor:
                x = self.embedding(x) * valid(length, x.shape[1])[:, :, None]  # (B, 60, 40) -> (B, 60, 128)
                x = F.pad(x.transpose(1, 2), (0, PHONEME_WIDTHS[-1] - 1))
                parts = []
                for conv, width in zip(self.convs, PHONEME_WIDTHS, strict=True):
                    found = conv(x).relu()  # -> (B, 200, 66)
                    n = (length - width + 1).clamp(min=1)
                    parts.append((found * valid(n, found.shape[2])[:, None]).amax(dim=2))
                return torch.cat(parts, dim=1)

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.convs = nn.ModuleList(
                    nn.Conv2d(n_channels or 0, config.maps, kernel, stride=config.stride) for kernel in KERNELS
                )
                n = 4 * len(KERNELS) * config.maps
                if second is not None:
                    size = inputs[second].shape[-1] or 0
                    vector = inputs[second].role == "vector"
                    self.second = nn.Linear(size, config.maps) if vector else Phonemes(size)
                    n += config.maps if vector else len(PHONEME_WIDTHS) * config.maps
                layers: list[nn.Module] = []
                for width in config.dense:
                    layers += [nn.Linear(n, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(config.dropout)]
                    n = width
                self.dense = nn.Sequential(*layers)
                self.heads = Heads(n, targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                x, length = features[key], length_of(features, key, axis=3)  # (B, 1, 128, 376)
                x = F.pad(x * valid(length, x.shape[3])[:, None, None, :], (0, room))
                parts = []
                for conv, (_, width) in zip(self.convs, KERNELS, strict=True):
                    n = (length - width).clamp(min=0) // config.stride + 1
                    parts.append(_quarters(conv(x).relu(), n))  # (B, 200, 30, 91) -> (B, 800)
                if second is not None and inputs[second].role == "vector":
                    parts.append(self.second(features[second]).relu())
                elif second is not None:
                    parts.append(self.second(features[second], length_of(features, second, axis=1)))
                result: dict[str, Tensor] = self.heads(self.dense(torch.cat(parts, dim=1)))  # (B, 3200) -> (B, 200)
                return result

        def _quarters(x: Tensor, n: Tensor) -> Tensor:
            """Maxima over half of the bands and of the `n` valid frames each, at least 0; (B, M, F, T) -> (B, 4 M)."""
            n_rows, n_columns = x.shape[2], x.shape[3]
            halves = (valid((n + 1) // 2, n_columns), valid(n, n_columns) & ~valid(n // 2, n_columns))
            rows = (x[:, :, : (n_rows + 1) // 2].amax(dim=2), x[:, :, n_rows // 2 :].amax(dim=2))  # (B, M, T)
            return torch.cat([(row * half[:, None]).amax(dim=2) for row in rows for half in halves], dim=1)

        return Net()

"""The network of `ser_toolkit_compact.compact.Compact` in torch.

Shape comments give the sizes of the defaults: a mel spectrogram of (1, 64, 188), a vector of (88,), four emotions.
Import this module only where a network is built.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_toolkit_compact.compact import TIME_POOLINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec
    from ser_toolkit_compact.compact import Compact

__all__ = ["AttentiveStatistics", "CompactNet", "SpectrogramBranch", "VectorBranch"]

CLEAR_BLOCKS = 2
"""Blocks without dropout: their few channels are edges and ridges that everything rests on."""


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over frames, (B, C, T) -> (B, 2 C).

    Parameters
    ----------
    n_channels : int
        Values per frame.
    n_hidden : int
        Hidden width of the attention.

    References
    ----------
    Okabe et al. 2018, equations 1 to 6.
    """

    def __init__(self, n_channels: int, n_hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(n_channels, n_hidden, 1)
        self.score = nn.Conv1d(n_hidden, 1, 1)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Frames (B, C, T) to statistics (B, 2 C); `valid` bool (B, T) says which are no padding."""
        score = self.score(torch.tanh(self.hidden(x)))  # (B, 512, 11) -> (B, 1, 11)
        if valid is not None:
            score = score.masked_fill(~valid[:, None, :], torch.finfo(score.dtype).min)
        weight = score.softmax(dim=2)
        mean = (weight * x).sum(dim=2)  # -> (B, 512)
        variance = (weight * (x - mean[:, :, None]) ** 2).sum(dim=2)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)  # -> (B, 1024)


class SpectrogramBranch(nn.Module):
    """Convolutions, attentive statistics and a dense layer, (B, 1, 64, 188) -> (B, 256).

    Parameters
    ----------
    config : Compact
        Its configuration.
    spec : FeatureSpec
        The image or sequence.
    """

    def __init__(self, config: Compact, spec: FeatureSpec) -> None:
        super().__init__()
        n, bands, _ = spec.shape if spec.role == "image" else (1, *spec.shape[::-1])
        self.turned = spec.role == "sequence"
        self.blocks, self.dropouts, self.poolings = nn.ModuleList(), nn.ModuleList(), []
        for i, width in enumerate(config.channels):
            conv = nn.Conv2d(cast("int", n), width, kernel_size=3, padding=1, bias=False)
            self.blocks.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU()))
            self.dropouts.append(nn.Dropout2d(config.conv_dropout if i >= CLEAR_BLOCKS else 0.0))
            self.poolings.append((2, 2 if i < TIME_POOLINGS else 1))
            n, bands = width, cast("int", bands) // 2
        n_frame = cast("int", n) * cast("int", bands)
        self.statistics = AttentiveStatistics(n_frame, config.attention)
        self.dense = nn.Sequential(
            nn.BatchNorm1d(2 * n_frame), nn.Dropout(config.dropout), *_dense(2 * n_frame, config.image_dense, config)
        )
        self.room = config.fewest_frames - 1 if spec.varies else 0

    def forward(self, x: Tensor, length: Tensor | None = None) -> Tensor:
        """Spectrogram to features; `length` int64 (B,) of the frames, where their number varies."""
        if self.turned:
            x = x.transpose(1, 2)[:, None]  # (B, frame, band) -> (B, 1, band, frame)
        if length is not None:
            x = F.pad(x, (0, self.room))  # enough for all poolings
        for block, dropout, pooling in zip(self.blocks, self.dropouts, self.poolings, strict=True):
            # (B, 1, 64, 188) -> (B, 32, 32, 94) -> (B, 64, 16, 47) -> (B, 128, 8, 23) -> (B, 256, 4, 11)
            x = F.max_pool2d(block(_masked(x, length)), pooling)  # -> (B, 256, 2, 11)
            x = dropout(x)
            length = None if length is None else (length // pooling[1]).clamp(min=1)
        x = x.flatten(1, 2)  # -> (B, 512, 11)
        return cast("Tensor", self.dense(self.statistics(x, _valid(x, length))))  # -> (B, 1024) -> (B, 256)


class VectorBranch(nn.Sequential):
    """Dense layers on a vector, (B, 88) -> (B, 128).

    Parameters
    ----------
    config : Compact
        Its configuration.
    spec : FeatureSpec
        The vector.
    """

    def __init__(self, config: Compact, spec: FeatureSpec) -> None:
        super().__init__()
        for a, b in pairwise([cast("int", spec.shape[0]), *config.vector_dense]):
            self.extend(_dense(a, b, config))


class CompactNet(nn.Module):
    """A branch per input, and their logits added, or their features joined.

    Parameters
    ----------
    config : Compact
        Its configuration.
    inputs : mapping of str to FeatureSpec
        The inputs to use.
    targets : sequence of TargetSpec
        What to predict.
    """

    def __init__(self, config: Compact, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> None:
        super().__init__()
        self.inputs, self.joined = tuple(inputs), config.fusion == "concat"
        self.branches, widths = nn.ModuleDict(), []
        for name, spec in inputs.items():
            vector = spec.role == "vector"
            self.branches[_key(name)] = VectorBranch(config, spec) if vector else SpectrogramBranch(config, spec)
            widths.append(cast("int", (spec.shape[0], *config.vector_dense)[-1]) if vector else config.image_dense)
        if self.joined:
            widths = [sum(widths)]
        self.heads = nn.ModuleDict(
            {_key(t.name): nn.ModuleList(nn.Linear(width, len(t.labels)) for width in widths) for t in targets}
        )
        self.targets = tuple(target.name for target in targets)

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Features by name, (B, *shape) each, to logits by target, (B, classes) each."""
        parts = []
        for name in self.inputs:
            branch, length = self.branches[_key(name)], features.get(f"{name}_length")
            parts.append(branch(features[name]) if length is None else branch(features[name], length))
        if self.joined:
            parts = [torch.cat(parts, dim=1)]  # (B, 256), (B, 128) -> (B, 384)
        logits = {}
        for name in self.targets:
            heads = cast("nn.ModuleList", self.heads[_key(name)])
            opinions = [head(part) for head, part in zip(heads, parts, strict=True)]  # each (B, 4)
            logits[name] = torch.stack(opinions).sum(dim=0)
        return logits


def _dense(n_in: int, n_out: int, config: Compact) -> list[nn.Module]:
    return [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU(), nn.Dropout(config.dropout)]


def _valid(x: Tensor, length: Tensor | None) -> Tensor | None:
    """Which places of the last axis are no padding, bool (B, T)."""
    return None if length is None else torch.arange(x.shape[-1], device=x.device) < length.view(-1, 1)


def _masked(x: Tensor, length: Tensor | None) -> Tensor:
    """Zeros from `length` on, so that no convolution carries padding into valid places."""
    valid = _valid(x, length)
    return x if valid is None else x * valid[:, None, None, :]


def _key(name: str) -> str:
    """Name as a key of a ModuleDict, which takes neither dots nor the names of its own methods."""
    return "of_" + name.replace("%", "%25").replace(".", "%2E")

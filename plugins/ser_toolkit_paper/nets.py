"""The network of `ser_toolkit_paper.cnn_dnn.CnnDnn` in torch: MFEP, GFEP and ERP.

The parts carry the names of the paper. Shape comments give the sizes of the defaults: a mel spectrogram of
(1, 128, 376), a GeMAPS vector of (88,), four emotions. Import this module only where a network is built.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec
    from ser_toolkit_paper.cnn_dnn import CnnDnn

__all__ = ["CnnDnnNet", "Erp", "Gfep", "Mfep"]


class Mfep(nn.Module):
    """Mel spectrogram feature extraction part: CNN I, three times CNN II, CNN III, and dense layers.

    Parameters
    ----------
    config : CnnDnn
        Its configuration.
    spec : FeatureSpec
        The image.
    """

    def __init__(self, config: CnnDnn, spec: FeatureSpec) -> None:
        super().__init__()
        n, *sides = spec.shape
        padding = 1 if config.padding == "same" else 0
        self.blocks = nn.ModuleList()
        for width, n_convs in zip(config.filters, config.convs, strict=True):
            block = nn.Sequential()
            for _ in range(n_convs):
                conv = nn.Conv2d(cast("int", n), width, kernel_size=3, padding=padding)
                block.append(_unit(config, conv, nn.BatchNorm2d(width)))
                n = width
            self.blocks.append(block)
        self.flatten = config.pooling == "flatten"
        if self.flatten:
            n = width * prod(config.side_after(cast("int", side)) for side in sides)
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise([cast("int", n), *config.mfep_dense]))
        self.dropout = nn.Dropout(config.dropout)
        # an image that varies gets enough padding for five poolings, all of it masked
        self.axis = 1 + spec.shape.index(None) if spec.varies else 0
        self.lost, self.room = config.lost_per_conv, config.smallest_side - 1

    def forward(self, x: Tensor, length: Tensor | None = None) -> Tensor:
        """Image (B, channels, height, width) to (B, features); `length` int64 (B,) of an axis that varies."""
        if length is not None:
            x = F.pad(x, (0, self.room) if self.axis == 3 else (0, 0, 0, self.room))
        for block in self.blocks:  # (B, 1, 128, 376) -> (B, 64, 64, 188) -> (B, 64, 32, 94)
            for unit in cast("nn.Sequential", block):  # -> (B, 128, 16, 47) -> (B, 256, 8, 23)
                x = unit(self._masked(x, length))  # -> (B, 512, 4, 11)
                length = None if length is None else length - self.lost
            x = F.max_pool2d(x, 2)
            length = None if length is None else (length // 2).clamp(min=1)
        x = x.flatten(1) if self.flatten else self._mean(x, length)  # (B, 22528), or the mean: (B, 512)
        x = self.dropout(F.relu(self.dense[0](x)))  # -> (B, 512)
        for layer in self.dense[1:]:
            x = F.relu(layer(x))  # -> (B, 512)
        return x

    def _mean(self, x: Tensor, length: Tensor | None) -> Tensor:
        """Average over height and width, of the valid places only: (B, C, H, W) -> (B, C)."""
        if length is None:
            return x.mean((2, 3))
        return self._masked(x, length).sum((2, 3)) / (length.view(-1, 1) * x.shape[5 - self.axis])

    def _masked(self, x: Tensor, length: Tensor | None) -> Tensor:
        """Zeros from `length` on, so that no convolution carries padding into valid places."""
        if length is None:
            return x
        place = torch.arange(x.shape[self.axis], device=x.device)
        valid = place < length.view(-1, 1)  # (B, size of the axis)
        return x * (valid[:, None, None, :] if self.axis == 3 else valid[:, None, :, None])


class Gfep(nn.Sequential):
    """GeMAPS feature extraction part: dense layers 88, 128, 256, 512, 512, (B, 88) -> (B, 512).

    Parameters
    ----------
    config : CnnDnn
        Its configuration.
    spec : FeatureSpec
        The vector.
    """

    def __init__(self, config: CnnDnn, spec: FeatureSpec) -> None:
        n = cast("int", spec.shape[0])
        widths = [n] * (1 + config.gfep_first_layer) + list(config.gfep_dense)
        super().__init__(*(_unit(config, nn.Linear(a, b), nn.BatchNorm1d(b)) for a, b in pairwise(widths)))


class Erp(nn.Sequential):
    """Emotion recognition part, (B, 1024) -> (B, 512) -> logits (B, 4); the softmax is added at export.

    Parameters
    ----------
    config : CnnDnn
        Its configuration.
    n_in, n_out : int
        Values of the joined branches; classes.
    """

    def __init__(self, config: CnnDnn, n_in: int, n_out: int) -> None:
        super().__init__(nn.Dropout(config.dropout))
        for a, b in pairwise([n_in, *config.erp]):
            self.extend([nn.Linear(a, b), nn.ReLU()])
        self.append(nn.Linear([n_in, *config.erp][-1], n_out))


class CnnDnnNet(nn.Module):
    """A branch per input, joined, and an ERP per target.

    Parameters
    ----------
    config : CnnDnn
        Its configuration.
    inputs : mapping of str to FeatureSpec
        The images and vectors to use.
    targets : sequence of TargetSpec
        What to predict.
    """

    def __init__(self, config: CnnDnn, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> None:
        super().__init__()
        self.inputs, self.targets = tuple(inputs), tuple(target.name for target in targets)
        self.branches, n_joined = nn.ModuleDict(), 0
        for name, spec in inputs.items():
            part, widths = (Mfep, config.mfep_dense) if spec.role == "image" else (Gfep, config.gfep_dense)
            self.branches[_key(name)] = part(config, spec)
            n_joined += widths[-1]
        self.heads = nn.ModuleDict({_key(t.name): Erp(config, n_joined, len(t.labels)) for t in targets})
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(cast("Tensor", module.bias))

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Features by name, (B, *shape) each, to logits by target, (B, classes) each."""
        parts = []
        for name in self.inputs:
            branch, length = self.branches[_key(name)], features.get(f"{name}_length")
            parts.append(branch(features[name]) if length is None else branch(features[name], length))
        joined = torch.cat(parts, dim=1)  # (B, 512), (B, 512) -> (B, 1024)
        return {name: self.heads[_key(name)](joined) for name in self.targets}  # -> (B, 4)


def _unit(config: CnnDnn, layer: nn.Module, norm: nn.Module) -> nn.Sequential:
    """Layer, batch normalization and ReLU in the order of the configuration."""
    last = [norm, nn.ReLU()] if config.bn_position == "before-activation" else [nn.ReLU(), norm]
    return nn.Sequential(layer, *last)


def _key(name: str) -> str:
    """Name as a key of a ModuleDict, which takes neither dots nor the names of its own methods."""
    return "of_" + name.replace("%", "%25").replace(".", "%2E")

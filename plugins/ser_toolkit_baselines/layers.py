"""Parts of networks that know how long each segment of a batch is: nothing leaks from the padding.

Import this module only where a network is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from ser_toolkit.interfaces import TargetSpec

__all__ = ["BiLstm", "Heads", "last_of", "length_of", "valid"]


def length_of(features: Mapping[str, Tensor], name: str, *, axis: int) -> Tensor:
    """Valid frames of each segment, int64 (B,).

    Parameters
    ----------
    features : mapping of str to Tensor
        What a network is given.
    name : str
        An input.
    axis : int
        Its time axis, counting the batch.

    Returns
    -------
    Tensor
        ``<name>_length``, or the size of the axis where all segments are of one length.
    """
    given = features.get(f"{name}_length")
    if given is not None:
        return given
    x = features[name]
    return torch.full((x.shape[0],), x.shape[axis], dtype=torch.int64, device=x.device)


def valid(length: Tensor, n: int) -> Tensor:
    """Which of `n` frames are no padding, bool (B, n)."""
    return torch.arange(n, device=length.device) < length[:, None]


def last_of(x: Tensor, length: Tensor) -> Tensor:
    """Last valid frame of each segment, (B, T, C) -> (B, C)."""
    return x.gather(1, (length - 1)[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]


class BiLstm(nn.Module):
    """An LSTM from the first frame on and one from the last valid frame back.

    Parameters
    ----------
    n_in : int
        Values per frame.
    n_hidden : int
        Units per direction.

    Notes
    -----
    The same as a bidirectional ``nn.LSTM`` over a packed sequence: the second LSTM reads the valid frames reversed, and
    the padding after them. Unlike that one, it exports to ONNX with a free time axis.
    """

    def __init__(self, n_in: int, n_hidden: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(n_in, n_hidden, batch_first=True)
        self.back = nn.LSTM(n_in, n_hidden, batch_first=True)

    def forward(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, n_in) and lengths (B,) to the outputs of either direction, (B, T, n_hidden) each, in order."""
        if torch.onnx.is_in_onnx_export():
            return self._as_onnx(x, length)
        return self.ahead(x)[0], _turned(self.back(_turned(x, length))[0], length)

    def _as_onnx(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """The same as one LSTM of ONNX; torch exports its own with a free time axis once per process, if at all."""
        n, layers = self.ahead.hidden_size, (self.ahead, self.back)

        def gates(name: str) -> Tensor:  # ONNX has them in another order: input, output, forget, cell
            parts = [getattr(layer, name).chunk(4) for layer in layers]
            return torch.stack([torch.cat([i, o, f, c]) for i, f, c, o in parts])

        bias = torch.cat([gates("bias_ih_l0"), gates("bias_hh_l0")], dim=1)
        outputs = torch.onnx.ops.symbolic(
            "LSTM",
            (x.transpose(0, 1), gates("weight_ih_l0"), gates("weight_hh_l0"), bias, length.to(torch.int32)),
            {"hidden_size": n, "direction": "bidirectional"},
            dtype=x.dtype,
            shape=(x.shape[1], 2, x.shape[0], n),
        )  # (T, 2, B, n)
        return outputs[:, 0].transpose(0, 1), outputs[:, 1].transpose(0, 1)


class Heads(nn.Module):
    """A dense layer per target.

    Parameters
    ----------
    n_in : int
        Values per segment.
    targets : sequence of TargetSpec
        What to predict.
    """

    def __init__(self, n_in: int, targets: Sequence[TargetSpec]) -> None:
        super().__init__()
        self.names = tuple(target.name for target in targets)
        self.layers = nn.ModuleList(nn.Linear(n_in, len(target.labels)) for target in targets)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Segments (B, n_in) to logits or values by target, (B, n_labels) each."""
        return {name: layer(x) for name, layer in zip(self.names, self.layers, strict=True)}


def _turned(x: Tensor, length: Tensor) -> Tensor:
    """Valid frames in reversed order, padding where it is; (B, T, C) to the same."""
    t = torch.arange(x.shape[1], device=x.device)
    source = torch.where(valid(length, x.shape[1]), length[:, None] - 1 - t, t)
    return x.gather(1, source[:, :, None].expand(-1, -1, x.shape[2]))

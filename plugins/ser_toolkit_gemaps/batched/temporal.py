"""Voiced and unvoiced segments; see `ser_toolkit_gemaps.temporal`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.frames import HOP_S
from ser_toolkit_gemaps.temporal import SHORTEST_SEGMENT

__all__ = ["segment_statistics"]


def segment_statistics(members: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Number of the runs of frames that belong to a segment, and mean and standard deviation of their lengths.

    Parameters
    ----------
    members : Tensor of bool, shape (n_windows, n_frames)
        Which frames belong.

    Returns
    -------
    count, mean_s, deviation_s : Tensor of float64, shape (n_windows,)
        In seconds, from the first to the last frame of a run. A gap of one frame does not end a run; runs of fewer
        than three frames do not count. Zeros where there is no run.
    """
    filled = members.clone()
    filled[:, 1:-1] |= members[:, :-2] & members[:, 2:]
    frame = torch.arange(filled.shape[1], device=filled.device)
    gap = torch.where(filled, -1, frame).cummax(-1).values  # last frame that does not belong
    ends = filled & ~torch.nn.functional.pad(filled[:, 1:], (0, 1))
    length = frame - gap
    counts = ends & (length >= SHORTEST_SEGMENT)
    count = counts.sum(-1).double()
    divisor = count.clamp(min=1)
    seconds = (length - 1).double() * HOP_S * counts
    mean = seconds.sum(-1) / divisor
    off = (seconds - mean[:, None]) * counts
    return count, mean, (off.square().sum(-1) / divisor).sqrt()

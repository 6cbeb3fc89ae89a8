"""Functionals of batches and of the windows of recordings."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.descriptors import describe, summarise
from ser_toolkit_gemaps.frames import LONG_S, SHORT_S, count, hop
from ser_toolkit_gemaps.names import NAMES

__all__ = ["functionals", "sliding"]

SECONDS_AT_ONCE = {"cpu": 200.0}
"""Audio that is worked on together, by type of device; bounds the memory, about 2.5 MB a second."""

SECONDS_ELSEWHERE = 2000.0
"""The same for devices not listed: many segments, so that the steps of the scans are worth their start."""


@torch.no_grad()
def functionals(y: torch.Tensor, sr: int, *, n_least: int) -> torch.Tensor:
    """Functionals of segments of one length, each by itself.

    Parameters
    ----------
    y : Tensor of float, shape (batch, n_samples)
        Mono audio within [-1, 1]; clipped to it.
    sr : int
        Sample rate in Hz.
    n_least : int
        Samples; shorter segments are repeated to this length.

    Returns
    -------
    Tensor of float32, shape (batch, 88)
        On the device of `y`.
    """
    if y.shape[1] < n_least:
        y = y.repeat(1, -(-n_least // y.shape[1]))[:, :n_least]
    seconds = SECONDS_AT_ONCE.get(y.device.type, SECONDS_ELSEWHERE)
    size = max(1, int(seconds * sr / y.shape[1]))
    if not len(y):
        return y.new_empty(0, len(NAMES), dtype=torch.float32)
    with torch.autocast(y.device.type, enabled=False):
        return torch.cat([summarise(describe(part.float(), sr)) for part in torch.split(y, size)])


@torch.no_grad()
def sliding(y: torch.Tensor, sr: int, *, n_window: int, n_hop: int) -> torch.Tensor:
    """Functionals of all windows of a recording from one set of descriptors.

    Parameters
    ----------
    y : Tensor of float, shape (n_samples,)
        Mono audio within [-1, 1]; clipped to it.
    sr : int
        Sample rate in Hz, a multiple of 100.
    n_window, n_hop : int
        Window and hop in samples; the hop a multiple of 10 ms.

    Returns
    -------
    Tensor of float32, shape (n_windows, 88)
        On the device of `y`.
    """
    with torch.autocast(y.device.type, enabled=False):
        described = describe(y.float()[None], sr)
        starts = torch.arange(0, len(y) - n_window + 1, n_hop, device=y.device) // hop(sr)
        n_short, n_long = count(n_window, sr, SHORT_S), count(n_window, sr, LONG_S)
        return summarise(described.windows(starts, n_short=n_short, n_long=n_long))

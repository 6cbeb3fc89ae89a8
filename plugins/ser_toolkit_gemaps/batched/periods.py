"""Jitter and shimmer; see `ser_toolkit_gemaps.periods` for the definition.

Where a period begins is where the one before it ends, so that the periods of a voiced stretch can only be found one
after the other: a scan over periods. All voiced stretches of all segments go at once.
"""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.period_marks import Sound, Stretches, follow
from ser_toolkit_gemaps.frames import hop
from ser_toolkit_gemaps.period_marks import MARGIN, SEARCH
from ser_toolkit_gemaps.pitch import LOWEST_HZ

__all__ = ["jitter_shimmer"]

BLOCK = 16
"""Samples that one product sums up, see `_running_sums`."""


def jitter_shimmer(wave: torch.Tensor, f0_hz: torch.Tensor, sr: int) -> torch.Tensor:
    """Local jitter and local shimmer of each frame.

    Parameters
    ----------
    wave : Tensor of float32, shape (batch, n_samples)
        Samples, see `ser_toolkit_gemaps.batched.frames.wave`.
    f0_hz : Tensor of float32, shape (batch, n_frames)
        Fundamental frequency of each frame, 0 where unvoiced.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Tensor of float32, shape (batch, n_frames, 2)
        0 where unvoiced.
    """
    voiced = f0_hz > 0
    edges = torch.nn.functional.pad(voiced.to(torch.int8), (1, 1)).diff(dim=-1)
    row, begin = (edges == 1).nonzero(as_tuple=True)
    end = (edges == -1).nonzero(as_tuple=True)[1]
    values = wave.new_zeros(voiced.numel() + 1, 2, dtype=torch.float64)
    marked = torch.zeros(len(values), dtype=torch.bool, device=wave.device)
    sound = _sound(wave.double(), torch.where(voiced, f0_hz.double(), torch.inf), sr)
    follow(sound, Stretches.beginning(sound, row, begin, end), values, marked)
    return _held(values[:-1].view(*voiced.shape, 2), marked[:-1].view(voiced.shape), voiced).float()


def _sound(samples: torch.Tensor, f0_hz: torch.Tensor, sr: int) -> Sound:
    expected = sr / f0_hz
    longest = (expected * (1 + SEARCH)).long()
    beyond = 3 * int(sr / LOWEST_HZ * (1 + SEARCH))
    sums = _running_sums(torch.stack([samples, samples.square()])).flatten(1)
    return Sound(
        samples=samples,
        sums=torch.nn.functional.pad(sums, (0, beyond)),
        flat=torch.nn.functional.pad(samples.flatten(), (0, beyond)),
        periods=torch.stack([(expected + 0.5).long(), (expected * (1 - SEARCH)).long(), longest, 2 * longest + MARGIN]),
        hop=hop(sr),
    )


def _held(values: torch.Tensor, marked: torch.Tensor, voiced: torch.Tensor) -> torch.Tensor:
    """Values of frames without a new period from the last frame of their stretch that has one; 0 before that."""
    frame = torch.arange(voiced.shape[1], device=voiced.device).expand_as(voiced)
    since = torch.where(voiced, -1, frame).cummax(-1).values  # last unvoiced frame
    source = torch.where(marked, frame, -1).cummax(-1).values
    held = values.gather(1, source.clamp(min=0)[..., None].expand_as(values))
    return torch.where((voiced & (source > since))[..., None], held, 0)


def _running_sums(x: torch.Tensor) -> torch.Tensor:
    """Sum of all values before each one and of all, shape (..., n + 1).

    By products in blocks, then the same for the sums of the blocks: `torch.cumsum` may add up in an order that changes
    from call to call on a GPU.
    """
    n = x.shape[-1]
    blocks = torch.nn.functional.pad(x, (0, -n % BLOCK)).reshape(*x.shape[:-1], -1, BLOCK)
    within = blocks @ x.new_ones(BLOCK, BLOCK).triu()
    if blocks.shape[-2] > 1:
        within += _running_sums(within[..., -1])[..., :-1, None]
    return torch.nn.functional.pad(within.flatten(-2)[..., :n], (1, 0))

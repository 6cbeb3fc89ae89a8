"""The smoothest credible path through the pitch candidates; see `ser_toolkit_gemaps.viterbi`.

A scan over the frames: each step is a min-plus product of the costs so far with the 7 x 7 transitions to the next
frame, of all segments at once. These products are associative, so that blocks of frames could be worked on side by
side, with seven times the arithmetic. It would not pay: this scan takes three operations a frame, that over the
periods (`ser_toolkit_gemaps.batched.period_marks`), which cannot be cut into blocks, a hundred a period.
"""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.viterbi import (
    CHANGE,
    CURVE,
    FIRST_STEP,
    JUMP,
    LAG,
    LOCAL,
    RANGE,
    STAY_UNVOICED,
    THRESHOLD,
    VOICING_CUTOFF,
)

__all__ = ["best_path"]


def best_path(frequency: torch.Tensor, voicing: torch.Tensor, count: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Candidate of each frame on the path of least cost.

    Parameters
    ----------
    frequency, voicing : Tensor of float64, shape (batch, n_frames, n_candidates)
        Hz and probability of voicing, the best candidate first.
    count : Tensor of int64, shape (batch, n_frames)
        Number of candidates in each frame.

    Returns
    -------
    path : Tensor of int64, shape (batch, n_frames)
        Index of the candidate, or n_candidates where the frame is unvoiced.
    settled : Tensor of int64, shape (batch, n_frames)
        Number of frames, from the first one on, in which all paths that end in this frame are one.
    """
    local = _local(frequency, voicing, count).transpose(0, 1)
    steps = _transitions(frequency.clamp(min=1e-9).log().transpose(0, 1))
    unvoiced = local.shape[-1] - 1
    total, origin = [local[0]], [torch.full_like(local[0], unvoiced, dtype=torch.int64)]
    for own, step in zip(local[1:].unbind(), steps.unbind(), strict=True):
        least, best = (total[-1][:, None] + step).min(-1)
        total.append(least + own)
        origin.append(best)
    totals, origins = torch.stack(total), torch.stack(origin)
    origins = torch.where(totals == torch.inf, unvoiced, origins)
    return _trace(totals, origins).transpose(0, 1), _settled(origins).transpose(0, 1)


def _local(frequency: torch.Tensor, voicing: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Costs of the candidates and, last, of being unvoiced; infinite beyond the last candidate, shape (B, T, 7)."""
    n = frequency.shape[-1]
    weak = voicing < VOICING_CUTOFF
    cost = -LOCAL * voicing.clamp(min=1e-20).log() + RANGE * _out_of_range(frequency) + LOCAL * THRESHOLD * weak
    cost = torch.where(torch.arange(n, device=count.device) < count[..., None], cost, torch.inf)
    unvoiced = LOCAL * THRESHOLD * ((count > 0) & ~weak[..., 0])
    return torch.cat([cost, unvoiced[..., None]], dim=-1)


def _transitions(pitch: torch.Tensor) -> torch.Tensor:
    """Costs from every frame to the next one.

    Parameters
    ----------
    pitch : Tensor of float64, shape (n_frames, batch, 6)
        Logarithms of the candidates.

    Returns
    -------
    Tensor of float64, shape (n_frames - 1, batch, 7, 7)
        To each state (rows) from each state (columns).
    """
    n_frames, batch, n = pitch.shape
    step = pitch[1:, :, :, None] - pitch[:-1, :, None]
    # how much a step differs from that of the next better candidate, which does not depend on where they lead
    curve = torch.cat([step[..., :1], pitch[:-1].diff(dim=-1)[:, :, None].expand(-1, -1, n, -1)], dim=-1)
    curve[:1, :, 0, 0] -= FIRST_STEP
    cost = pitch.new_full((n_frames - 1, batch, n + 1, n + 1), CHANGE)
    cost[..., :n, :n] = JUMP * step.abs() + CURVE * curve.abs()
    cost[..., n, n] = STAY_UNVOICED
    return cost


def _trace(total: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
    """State of each frame on the best path that ends `LAG` frames later, or with the last frame; shape (T, B)."""
    n_frames, batch, _ = origin.shape
    frame = torch.arange(n_frames, device=origin.device)
    last = (frame + LAG).clamp(max=n_frames - 1)
    column = torch.arange(batch, device=origin.device)
    state = total.argmin(-1)[last]  # (T, B)
    for back in range(min(LAG, n_frames - 1)):
        at = (last - back)[:, None]
        state = torch.where(at > frame[:, None], origin[at, column, state], state)
    return state


def _settled(origin: torch.Tensor) -> torch.Tensor:
    """Frames up to the last one that all states of a frame have come through alike, at least those decided by then.

    Sets of states are numbers of 7 bits, and a table says for each frame and set which states it came from.
    """
    n_frames, batch, n_states = origin.shape
    bits = torch.ones_like(origin, dtype=torch.uint8) << origin.byte()
    before = bits.new_zeros(n_frames, batch, 1)
    for bit in bits.unbind(-1):
        before = torch.cat([before, before | bit[..., None]], dim=-1)
    settled = torch.arange(1, n_frames + 1, device=origin.device)[:, None].repeat(1, batch)
    states = torch.full_like(settled, 2**n_states - 1)[..., None]
    for back in range(min(LAG, n_frames - 1)):
        states = states[1:]  # of the frames that have this many before them
        settled[back + 1 :] -= (states & (states - 1) > 0)[..., 0].long()
        states = before[1 : n_frames - back].gather(-1, states).long()
    return settled


def _out_of_range(frequency: torch.Tensor) -> torch.Tensor:
    """0 from 100 to 350 Hz, rising linearly to 0.45 at 55 Hz and 1 at 600 Hz, 1.2 above; measured."""
    inside = ((frequency - 350) / 250).clamp(min=0)
    return torch.where(frequency < 100, (100 - frequency) / 100, torch.where(frequency > 600, 1.2, inside))

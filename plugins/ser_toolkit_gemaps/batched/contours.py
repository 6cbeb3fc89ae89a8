"""Peaks and valleys of contours, and the slopes between them; see `ser_toolkit_gemaps.contours`.

Whether an extremum counts depends on those that counted before it: a scan over the local extrema of the contours, all
contours side by side.
"""

from __future__ import annotations

import torch

__all__ = ["find_extrema", "slope_statistics"]


def find_extrema(
    x: torch.Tensor, n: torch.Tensor, threshold: float, replacing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Peaks and valleys that matter, see `ser_toolkit_gemaps.functionals.extrema`.

    Parameters
    ----------
    x : Tensor of float64, shape (n_contours, n_frames)
        Contours.
    n : Tensor of int64, shape (n_contours,)
        Their lengths; what follows is anything.
    threshold, replacing : float
        Least height relative to the range, and how much higher a peak must be that replaces one.

    Returns
    -------
    frame : Tensor of int64, shape (n_contours, n_most)
        Frames of the extrema, in order; 0 beyond the last one.
    kind : Tensor of int64, shape (n_contours, n_most)
        1 for a peak, -1 for a valley, 0 beyond the last one.
    """
    frames, kinds = _local_extrema(x, n)
    there = torch.arange(x.shape[1], device=x.device) < n[:, None]
    spread = torch.where(there, x, -torch.inf).amax(-1) - torch.where(there, x, torch.inf).amin(-1)
    least = threshold * spread
    start = x[:, 0]
    count = torch.zeros_like(n)
    kind = torch.zeros_like(n)  # of the last one taken
    last = valley = peak = highest = start  # as in the compiled loop
    fell = torch.zeros_like(n, dtype=torch.bool)
    out = torch.zeros((2, len(x), frames.shape[1] + 1), dtype=torch.int64, device=x.device)
    for frame, sign in zip(frames.unbind(-1), kinds.unbind(-1), strict=True):
        v = x.gather(1, frame[:, None])[:, 0]
        up, down = sign > 0, sign < 0
        base = torch.where(fell | (kind != 1), valley, peak)
        takes_up = up & (((kind == 1) & (v > replacing * highest)) | ((v - base).abs() > least))
        takes_down = down & (peak - v > least)
        more = takes_up & (kind == 1)
        appends = (takes_up & (kind != 1)) | (takes_down & (kind != -1))
        replaces = (more & (v > last)) | (takes_down & (kind == -1) & (v < last))
        shallow = down & ~takes_down & ((kind == 1) | ((kind == 0) & ((v < valley) | (v - valley >= least))))
        changes = appends | replaces
        highest = torch.where(
            takes_up, torch.where(more | (count == 0), torch.maximum(torch.where(more, highest, start), v), v), highest
        )
        peak = torch.where(takes_up, v, peak)
        valley = torch.where((down & changes) | shallow, v, valley)
        last = torch.where(changes, v, last)
        fell = (fell & ~takes_up) | down
        kind = torch.where(appends, sign, kind)
        count = count + appends
        slot = torch.where(changes, count, 0)[None, :, None]  # what is written to slot 0 is nothing
        out.scatter_(2, slot.expand(2, -1, 1), torch.stack([frame, sign])[..., None])
    taken = torch.arange(1, out.shape[2], device=x.device) <= count[:, None]
    frame, kind = out[..., 1:] * taken
    return frame, kind


def _local_extrema(x: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Strict local extrema, two frames or more from either end, packed to the front; as `find_extrema` returns them."""
    middle, before, after = x[:, 2:-2], x[:, 1:-3], x[:, 3:-1]
    kind = ((middle > before) & (middle > after)).long() - ((middle < before) & (middle < after)).long()
    frame = torch.arange(2, x.shape[1] - 2, device=x.device)
    kind = torch.where(frame < (n - 2)[:, None], kind, 0)
    most = int((kind != 0).sum(-1).max()) if kind.numel() else 0
    order = (kind == 0).to(torch.uint8).sort(dim=-1, stable=True).indices[:, :most]
    kind = kind.gather(-1, order)
    return torch.where(kind != 0, frame[order], 0), kind


def slope_statistics(
    x: torch.Tensor, n: torch.Tensor, frame: torch.Tensor, kind: torch.Tensor, period_s: float
) -> torch.Tensor:
    """Mean and standard deviation of the rising slopes, then of the falling ones, per second.

    Parameters
    ----------
    x : Tensor of float64, shape (n_contours, n_frames)
        Contours.
    n : Tensor of int64, shape (n_contours,)
        Their lengths, 1 or more.
    frame, kind : Tensor of int64, shape (n_contours, n_most)
        From `find_extrema`.
    period_s : float
        Seconds from frame to frame.

    Returns
    -------
    Tensor of float64, shape (n_contours, 4)
        See `ser_toolkit_gemaps.contours.slope_statistics` for the last slope.
    """
    begin = torch.nn.functional.pad(frame, (1, 0))
    value = x.gather(1, begin)
    slopes = value.diff(dim=1) / (begin.diff(dim=1).clamp(min=1).double() * period_s)
    slopes = slopes * kind  # falls count as positive between extrema
    count = (kind != 0).sum(-1)
    end = x.gather(1, (n - 1)[:, None])[:, 0]
    last_frame, last_value = (t.gather(1, count[:, None])[:, 0] for t in (begin, value))
    last_kind = torch.nn.functional.pad(kind, (1, 0)).gather(1, count[:, None])[:, 0]
    some = count > 0
    last = torch.where(
        some, (end - last_value) / ((n - 1 - last_frame).clamp(min=1).double() * period_s), (end - x[:, 0]) / n
    )
    last_falls = torch.where(some, last_kind == 1, end <= x[:, 0])
    statistics = []
    for falling in (False, True):
        inner = kind == (-1 if falling else 1)
        own = last_falls == falling
        total = inner.sum(-1) + own
        divisor = total.clamp(min=1)
        mean = ((slopes * inner).sum(-1) + last * own) / divisor
        off = (slopes - mean[:, None]) * inner
        statistics += [mean, (off.square().sum(-1) / divisor).sqrt()]
    return torch.stack(statistics, dim=-1)

"""Periods of voiced stretches laid end to end, all stretches side by side; see `ser_toolkit_gemaps.period_marks`."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch

from ser_toolkit_gemaps.period_marks import LEAST_CORRELATION, MOST

__all__ = ["Sound", "Stretches", "follow"]

STEPS_AT_ONCE = 16
"""Steps after which stretches that came to their end are left out: to see which did makes a GPU wait."""

STRETCHES_AT_ONCE = 32
"""Stretches of similar pitch whose products are formed together on a CPU; on a GPU all are."""

LEAST_POWER = 1e-24
"""Product of the energies of two periods below which they have no correlation."""


@dataclass(frozen=True, kw_only=True)
class Sound:
    """Samples of all segments, and what the pitch of their frames says about periods, in samples.

    Attributes
    ----------
    samples : Tensor of float64, shape (batch, n_samples)
    sums : Tensor of float64, shape (2, batch * (n_samples + 1) + n)
        Sums of the samples of a segment, and of their squares, before each sample and after the last; then zeros.
    flat : Tensor of float64, shape (batch * n_samples + n,)
        All samples, then zeros: as many as the longest cut that is made.
    periods : Tensor of int64, shape (4, batch, n_frames)
        Expected, shortest and longest period of each frame, and how much must lie before its end.
    hop : int
        From one frame to the next.
    """

    samples: torch.Tensor
    sums: torch.Tensor
    flat: torch.Tensor
    periods: torch.Tensor
    hop: int

    def of(self, row: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
        """Expected, shortest and longest period and reach of frames of segments; beyond the last frame those of it."""
        return self.periods[:, row, frame.clamp(max=self.periods.shape[2] - 1)]


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Voiced stretches and how far each has been followed; all of shape (n_stretches,) but `sums`.

    Attributes
    ----------
    row, end : Tensor of int64
        Segment, and the frame after the last one.
    frame, mark, limit : Tensor of int64
        Frame, sample at which the next period begins, sample before which it must end.
    last : Tensor of int64
        Where the last period began, -1 if there is none yet.
    previous : Tensor of float64
        Length of the period before, 0 if there is none yet.
    sums : Tensor of float64, shape (6, n_stretches)
        Over the periods of the frame: lengths, their changes, amplitudes, their changes, numbers of lengths and of
        changes of the length.
    jitter, shimmer : Tensor of float64
        Latest values.
    """

    row: torch.Tensor
    end: torch.Tensor
    frame: torch.Tensor
    mark: torch.Tensor
    limit: torch.Tensor
    last: torch.Tensor
    previous: torch.Tensor
    sums: torch.Tensor
    jitter: torch.Tensor
    shimmer: torch.Tensor

    @classmethod
    def beginning(cls, sound: Sound, row: torch.Tensor, begin: torch.Tensor, end: torch.Tensor) -> Stretches:
        """Stretches from the beginning of their first frames on, given as int64 of shape (n_stretches,)."""
        mark, zero = begin * sound.hop, torch.zeros(len(row), dtype=torch.float64, device=row.device)
        limit = (mark + sound.of(row, begin)[3].clamp(min=sound.hop)).clamp(max=sound.samples.shape[1])
        return cls(
            row=row,
            end=end,
            frame=begin,
            mark=mark,
            limit=limit,
            last=torch.full_like(mark, -1),
            previous=zero,
            sums=zero.repeat(6, 1),
            jitter=zero,
            shimmer=zero,
        )

    def only(self, which: torch.Tensor) -> Stretches:
        """Some of the stretches, by a bool or int64 Tensor."""
        return Stretches(**{field.name: getattr(self, field.name)[..., which] for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Stretches whose products are formed together, the most samples in a period, and the lengths that are tried."""

    members: slice
    longest: int
    width: int


def follow(sound: Sound, stretches: Stretches, values: torch.Tensor, marked: torch.Tensor) -> None:
    """Jitter and shimmer of the frames of voiced stretches that take a period.

    Parameters
    ----------
    sound : Sound
        The segments.
    stretches : Stretches
        From their beginning on.
    values : Tensor of float64, shape (batch * n_frames + 1, 2)
        Is given the jitter and the shimmer; the last row is anything.
    marked : Tensor of bool, shape (batch * n_frames + 1,)
        Is set where a frame took a period; likewise.
    """
    n_frames = sound.periods.shape[2]
    while len(stretches.row):
        stretches, parts = _sorted(stretches, sound)
        done = torch.zeros_like(stretches.row, dtype=torch.bool)
        for _ in range(STEPS_AT_ONCE):
            stretches, takes, again, done = _advance(stretches, sound)
            stretches = _lay(stretches, sound, takes, again, parts)
            at = torch.where(takes, stretches.row * n_frames + stretches.frame, len(values) - 1)
            values[at] = torch.stack([stretches.jitter, stretches.shimmer], dim=-1)
            marked[at] = True
        stretches = stretches.only(~done)


def _sorted(stretches: Stretches, sound: Sound) -> tuple[Stretches, list[_Part]]:
    """Stretches in order of the longest period of their next steps, and how to divide them."""
    ahead = stretches.frame[:, None] + torch.arange(STEPS_AT_ONCE + 1, device=stretches.row.device)
    _, shortest, longest, _ = sound.of(stretches.row[:, None], ahead) * (ahead < stretches.end[:, None])
    longest, width = longest.amax(-1), (longest - shortest).amax(-1)
    longest, order = longest.sort(stable=True)
    size = STRETCHES_AT_ONCE if longest.device.type == "cpu" else len(order)
    cuts = [slice(i, i + size) for i in range(0, len(order), size)]
    most = torch.stack([torch.stack([longest[cut].max(), width[order[cut]].max()]) for cut in cuts]).tolist()
    # three lengths are the least that can have a maximum in between
    parts = [_Part(members=cut, longest=a, width=max(b + 1, 3)) for cut, (a, b) in zip(cuts, most, strict=True)]
    return stretches.only(order), parts


def _advance(stretches: Stretches, sound: Sound) -> tuple[Stretches, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stay in a frame while it takes periods, else go on to the next one.

    Returns
    -------
    stretches : Stretches
    takes, again, done : Tensor of bool, shape (n_stretches,)
        Whether the frame takes a period, whether that is the last one once more, and whether the stretch is over.
    """
    mark, frame = stretches.mark, stretches.frame + 1
    here, there = sound.of(stretches.row, torch.stack([stretches.frame, frame]))[3]
    stays = (mark + here <= stretches.limit) & (stretches.frame < stretches.end)
    begin = frame * sound.hop
    limit = torch.maximum(begin + sound.hop, torch.where(mark < begin - 1, mark + there, 0))
    again = ~stays & (mark + there > limit) & (stretches.last >= 0)
    moved = torch.where(again, stretches.last, mark)
    limit = torch.where(again, moved + there, limit).clamp(max=sound.samples.shape[1])
    done = ~stays & (frame >= stretches.end)
    new = replace(
        stretches,
        frame=torch.where(stays, stretches.frame, frame),
        mark=moved,
        limit=torch.where(stays, stretches.limit, limit),
        sums=stretches.sums * stays,
    )
    return new, stays | (~done & (moved + there <= limit)), again, done


def _lay(stretches: Stretches, sound: Sound, takes: torch.Tensor, again: torch.Tensor, parts: list[_Part]) -> Stretches:
    """Lay the next period of the stretches that take one, and count it where it resembles its successor."""
    period, shift, correlation = _period(stretches, sound, parts)
    length = period + shift
    counts = takes & (correlation >= LEAST_CORRELATION)
    compared = counts & (stretches.previous > 0)
    height, following = _heights(stretches, sound, period, longest=max(part.longest for part in parts))
    one = torch.ones_like(length)
    new = [
        length,
        (length - stretches.previous).abs(),
        0.5 * (height + following),
        (height - following).abs(),
        one,
        one,
    ]
    which = torch.stack([counts, compared, counts, counts, counts, compared])
    sums = stretches.sums + torch.where(which, torch.stack(new), 0)
    lengths, changes, heights, differences, n_lengths, n_changes = sums
    jitter = ((changes / n_changes) / (lengths / n_lengths)).clamp(max=MOST)
    shimmer = 20 * (1 + (differences / heights).clamp(max=MOST)).log10()
    mark = torch.where(takes, stretches.mark + period, stretches.mark)
    return replace(
        stretches,
        mark=mark,
        limit=torch.where(takes & again, mark, stretches.limit),
        last=torch.where(takes, stretches.mark, stretches.last),
        previous=torch.where(counts, length, stretches.previous),
        sums=sums,
        jitter=torch.where(n_changes > 0, jitter, stretches.jitter),
        shimmer=torch.where(heights > 0, shimmer, stretches.shimmer),
    )


def _period(stretches: Stretches, sound: Sound, parts: list[_Part]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Whole samples of the period at the mark, fraction beyond them, and correlation with its successor.

    Where the correlation has no maximum, the period that is expected, and -infinity.
    """
    expected, shortest, longest, _ = sound.of(stretches.row, stretches.frame)
    correlation = _correlations(stretches, sound, shortest, parts)
    before, at, after = correlation[:, :-2], correlation[:, 1:-1], correlation[:, 2:]
    beyond = torch.arange(1, at.shape[1] + 1, device=at.device)
    peak = (at > before) & (at >= after) & (beyond < (longest - shortest)[:, None])
    found = peak.any(-1)
    best = torch.where(peak, at, -torch.inf).argmax(-1, keepdim=True)
    left, middle, right = correlation.gather(1, best + torch.arange(3, device=at.device)).unbind(1)
    shift = 0.5 * (left - right) / torch.where(found, left - 2 * middle + right, 1)
    highest = torch.where(found, middle - 0.25 * (left - right) * shift, -torch.inf)
    return torch.where(found, shortest + 1 + best[:, 0], expected), shift, highest


def _products(
    samples: torch.Tensor, start: torch.Tensor, shortest: torch.Tensor, *, longest: int, width: int
) -> torch.Tensor:
    """Sums of the products of each sample of a period with that of its successor, by length from `shortest` on."""
    head = _cut(samples, start, longest)
    head = head * (torch.arange(longest, device=start.device) < shortest[:, None])
    body = _cut(samples, start + shortest, longest + width - 1)
    far = _cut(samples, start + 2 * shortest, 2 * width - 1)
    # the products of `shortest` samples, and those of the samples that longer periods have beyond
    product = (body.unfold(-1, longest, 1) * head[:, None]).sum(-1)
    beyond = torch.ones(width, width, dtype=samples.dtype, device=start.device).tril(-1)
    return product + (far.unfold(-1, width, 1) * beyond * body[:, None, :width]).sum(-1)


def _correlations(stretches: Stretches, sound: Sound, shortest: torch.Tensor, parts: list[_Part]) -> torch.Tensor:
    """Normalised correlations, without means, of a period at the mark with its successor.

    Returns
    -------
    Tensor of float64, shape (n_stretches, n_lengths)
        For lengths from `shortest` on; beyond the longest period of a frame anything.
    """
    width = max(part.width for part in parts)
    product = sound.samples.new_zeros(len(shortest), width)
    start = stretches.row * sound.samples.shape[1] + stretches.mark
    for part in parts:
        at = part.members
        product[at, : part.width] = _products(
            sound.flat, start[at], shortest[at], longest=part.longest, width=part.width
        )
    lag = shortest[:, None] + torch.arange(width, device=shortest.device)
    start = start + stretches.row  # sums have one value more
    once = _cut(sound.sums, start + shortest, width)
    twice = _cut(sound.sums, start + 2 * shortest, 2 * width - 1)[..., ::2]
    first = once - sound.sums[:, start.clamp(max=sound.sums.shape[1] - 1), None]
    second = twice - once  # (2, n_stretches, width)
    power = (first[1] - first[0] * first[0] / lag) * (second[1] - second[0] * second[0] / lag)
    defined = power > LEAST_POWER
    return torch.where(defined, (product - first[0] * second[0] / lag) / torch.where(defined, power, 1).sqrt(), 0)


def _heights(
    stretches: Stretches, sound: Sound, period: torch.Tensor, *, longest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest minus smallest sample inside the period at the mark and its successor, each of shape (n_stretches,)."""
    start = stretches.row * sound.samples.shape[1] + stretches.mark
    samples = _cut(sound.flat, torch.stack([start, start + period]), longest)  # (2, n_stretches, longest)
    place = torch.arange(longest, device=start.device)
    inside = (place > 0) & (place < period[:, None] - 1)
    low = torch.where(inside, samples, torch.inf).amin(-1)
    height, following = torch.where(inside, samples, -torch.inf).amax(-1) - low
    return height, following


def _cut(values: torch.Tensor, start: torch.Tensor, n: int) -> torch.Tensor:
    """`n` values from each place on, along the last axis; from the last place where there are `n` if it is later."""
    cuts = values.unfold(-1, n, 1)
    return cuts[..., start.clamp(max=cuts.shape[-2] - 1), :]

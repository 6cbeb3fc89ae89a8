"""Pitch candidates of all frames and the path through them; see `ser_toolkit_gemaps.pitch`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ser_toolkit_gemaps.batched.octave_spectrum import octave_spectra, subharmonic_sums
from ser_toolkit_gemaps.batched.viterbi import best_path
from ser_toolkit_gemaps.octave_spectrum import octave_axis
from ser_toolkit_gemaps.pitch import HIGHEST_HZ, LOWEST_HZ, N_CANDIDATES, SILENCE_RMS

__all__ = ["Candidates", "candidates", "track"]


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Pitch candidates of frames, the best first; fields as in `ser_toolkit_gemaps.pitch.Candidates`.

    Attributes
    ----------
    frequency_hz, voicing : Tensor of float64, shape (..., 6)
        0 where a frame has fewer candidates.
    count : Tensor of int64, shape (...,)
        Number of candidates.
    """

    frequency_hz: torch.Tensor
    voicing: torch.Tensor
    count: torch.Tensor


def candidates(magnitude: torch.Tensor, sr: int) -> Candidates:
    """Pitch candidates of each frame by subharmonic summation.

    Parameters
    ----------
    magnitude : Tensor of float32, shape (..., n_bins)
        Magnitude spectra of 60 ms frames.
    sr : int
        Sample rate in Hz.
    """
    sums = subharmonic_sums(octave_spectra(magnitude, sr), sr)
    axis = octave_axis(sums.shape[-1], sr)
    octaves_per_point = math.log2(axis[-1] / axis[0]) / (len(axis) - 1)
    inner = sums[..., 1:-1]
    peaks = torch.where((inner > sums[..., :-2]) & (inner > sums[..., 2:]), inner, -1)
    height, at = peaks.topk(N_CANDIDATES, dim=-1)
    place = at + 1
    left, middle, right = (sums.gather(-1, place + k).double() for k in (-1, 0, 1))
    curve = torch.where(height > 0, left - 2 * middle + right, -1)
    shift = 0.5 * (left - right) / curve
    hz = axis[0] * torch.exp2(octaves_per_point * (place + shift))
    score = middle - 0.25 * (left - right) * shift
    voicing = torch.where(score > 0, 1 - sums.mean(-1, keepdim=True, dtype=torch.float64) / score, 0).clamp(min=0)
    valid = (height > 0) & (hz >= LOWEST_HZ) & (hz <= HIGHEST_HZ)
    count = valid.sum(-1)
    order = _best_first(valid, score)
    there = torch.arange(N_CANDIDATES, device=sums.device) < count[..., None]
    frequency, voicing = (torch.where(there, values.gather(-1, order), 0) for values in (hz, voicing))
    return Candidates(frequency_hz=frequency, voicing=voicing, count=count)


def _best_first(valid: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
    """Order with the valid candidates first, as they come, but the first one changed for that of the highest score."""
    order = (~valid).to(torch.uint8).sort(dim=-1, stable=True).indices
    score = torch.where(valid, score, -1).gather(-1, order)
    best = score.argmax(-1, keepdim=True)
    swapped = order.scatter(-1, best, order[..., :1])
    swapped[..., :1] = order.gather(-1, best)
    return swapped


def track(found: Candidates, rms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fundamental frequency of each frame.

    Parameters
    ----------
    found : Candidates
        Of shapes (batch, n_frames, 6) and (batch, n_frames).
    rms : Tensor of float32, shape (batch, n_frames)
        Level of the windowed frames, 0 to 1.

    Returns
    -------
    f0_hz : Tensor of float32, shape (batch, n_frames)
        55 to 1000 Hz, 0 where unvoiced.
    settled : Tensor of int64, shape (batch, n_frames)
        How many frames are decided when this one is the last, see `ser_toolkit_gemaps.pitch.Track`.
    """
    path, settled = best_path(found.frequency_hz, found.voicing, found.count)
    voiced = (path < N_CANDIDATES) & (rms >= SILENCE_RMS)
    taken = found.frequency_hz.gather(-1, path.clamp(max=N_CANDIDATES - 1)[..., None])[..., 0]
    return torch.where(voiced, taken, 0).float(), settled

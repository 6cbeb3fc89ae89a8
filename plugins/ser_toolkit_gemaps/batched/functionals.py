"""Smoothing of descriptors and statistics over them; see `ser_toolkit_gemaps.functionals`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.contours import find_extrema, slope_statistics
from ser_toolkit_gemaps.frames import HOP_S
from ser_toolkit_gemaps.functionals import PEAK_THRESHOLD, REPLACING_PEAK

__all__ = ["contour_statistics", "moments", "nonzero_first", "percentiles", "smooth", "smooth_nonzero"]


def smooth(values: torch.Tensor) -> torch.Tensor:
    """Mean of each frame and its two neighbours (openSMILE's ``sma3``), shape (batch, n_frames, n) as `values`."""
    return _three(values) * (1 / 3)


def smooth_nonzero(values: torch.Tensor) -> torch.Tensor:
    """Mean of each frame and those of its two neighbours that are not zero (``sma3nz``); zeros stay zeros."""
    there = (values != 0).float()
    return _three(values) / _three(there).clamp(min=1) * there


def moments(values: torch.Tensor, *, nonzero: bool) -> torch.Tensor:
    """Arithmetic mean and normalised standard deviation of each column.

    Parameters
    ----------
    values : Tensor of float32, shape (n_windows, n_frames, n_columns)
        Descriptors.
    nonzero : bool
        Leave out zeros.

    Returns
    -------
    Tensor of float64, shape (n_windows, n_columns, 2)
        Zeros where there is nothing to average; the latter is 0 as well where the mean is.
    """
    x = values.double()
    weight = (x != 0).double() if nonzero else torch.ones_like(x)
    counts = weight.sum(1).clamp(min=1)
    mean = x.sum(1) / counts  # zeros add nothing
    deviation = (((x - mean[:, None]) * weight).square().sum(1) / counts).sqrt()
    return torch.stack([mean, torch.where(mean != 0, deviation / mean, 0)], dim=-1)


def nonzero_first(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows with their zeros moved to the end, same shape, and the number of the others, shape (n_rows,)."""
    order = (values == 0).to(torch.uint8).sort(dim=-1, stable=True).indices
    return values.gather(-1, order), (values != 0).sum(-1)


def percentiles(values: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    """20th, 50th and 80th percentile and the range from the 20th to the 80th.

    Parameters
    ----------
    values : Tensor of float64, shape (n_rows, n_frames)
    n : Tensor of int64, shape (n_rows,)
        Values of each row that count, 1 or more.

    Returns
    -------
    Tensor of float64, shape (n_rows, 4)
        Interpolated linearly between the order statistics.
    """
    counting = torch.arange(values.shape[1], device=values.device) < n[:, None]
    ordered = torch.where(counting, values, torch.inf).sort(dim=-1).values
    at = values.new_tensor([0.2, 0.5, 0.8]) * (n - 1)[:, None]
    below = at.long()
    low, high = ordered.gather(1, below), ordered.gather(1, torch.minimum(below + 1, (n - 1)[:, None]))
    three = low + (at - below) * (high - low)
    return torch.cat([three, three[:, 2:] - three[:, :1]], dim=-1)


def contour_statistics(values: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The ten functionals of pitch and of loudness.

    Parameters
    ----------
    values : Tensor of float32, shape (n_contours, n_frames)
        Contours.
    n : Tensor of int64, shape (n_contours,)
        Their lengths; zeros follow.

    Returns
    -------
    statistics : Tensor of float64, shape (n_contours, 10)
        Mean, normalised standard deviation, three percentiles and their range, then mean and standard deviation of
        the rising and of the falling slopes, per second. Zeros for an empty contour.
    n_peaks : Tensor of int64, shape (n_contours,)
        Peaks that count.
    """
    x, some = values.double(), n.clamp(min=1)
    counting = torch.arange(x.shape[1], device=x.device) < n[:, None]
    mean = x.sum(1) / some
    deviation = (((x - mean[:, None]) * counting).square().sum(1) / some).sqrt()
    normalised = torch.where(mean != 0, deviation / mean, 0)
    frame, kind = find_extrema(x, n, PEAK_THRESHOLD, REPLACING_PEAK)
    slopes = slope_statistics(x, some, frame, kind, HOP_S)
    statistics = torch.cat([mean[:, None], normalised[:, None], percentiles(x, some), slopes], dim=-1)
    return torch.where(n[:, None] > 0, statistics, 0), (kind == 1).sum(-1)


def _three(values: torch.Tensor) -> torch.Tensor:
    """Sum of each frame and its two neighbours; the first and the last frame count as their own."""
    padded = torch.cat([values[:, :1], values, values[:, -1:]], dim=1)
    return padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]

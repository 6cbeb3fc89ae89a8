"""Linear prediction and the roots of its polynomials; see `ser_toolkit_gemaps.linear_prediction`.

The roots come from Aberth's iteration, for all roots of all frames at once; the compiled code finds them one after the
other. `torch.linalg.eigvals` of companion matrices would give them too, but takes the frames one after the other, on a
GPU as well.

References
----------
Aberth, "Iteration methods for finding all zeros of a polynomial simultaneously", Math. Comp. 27, 1973.
"""

from __future__ import annotations

import math

import torch

from ser_toolkit_gemaps.linear_prediction import ITERATIONS, LAST_STEP, TOLERANCE

__all__ = ["poles", "predictors"]

TINY = 1e-300


def predictors(frames: torch.Tensor, order: int) -> torch.Tensor:
    """Coefficients of the prediction error filter 1 + sum a_k z^-k (autocorrelation method, Levinson's recursion).

    Parameters
    ----------
    frames : Tensor of float32, shape (n_frames, n_samples)
    order : int

    Returns
    -------
    Tensor of float64, shape (n_frames, order)
        The a_k; all 0 for a silent frame.
    """
    x = frames.double()
    n = x.shape[-1]
    lags = torch.stack(
        [torch.linalg.vecdot(x[:, : n - k], x[:, k:]) for k in range(order + 1)]
    )  # (order + 1, n_frames)
    a = torch.zeros_like(lags[1:])
    error = lags[0].clone()
    for i in range(order):
        going = error > 0
        upturned = lags[1 : i + 1].flip(0)
        reflection = -(lags[i + 1] + (a[:i] * upturned).sum(0)) / torch.where(going, error, 1)
        reflection = torch.where(going, reflection, 0)
        a[:i] += reflection * a[:i].flip(0)
        a[i] = reflection
        error *= 1 - reflection * reflection
    return a.T


def poles(
    coefficients: torch.Tensor, rate_hz: float, lowest_hz: float, highest_hz: float, n_poles: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequencies and bandwidths of the complex roots of ``1 + sum c_k z^-k``, in order of frequency.

    Parameters
    ----------
    coefficients : Tensor of float64, shape (n_frames, order)
        The c_k.
    rate_hz, lowest_hz, highest_hz : float
        Sample rate, and the range outside of which roots are left out.
    n_poles : int
        Roots to return.

    Returns
    -------
    frequency_hz, bandwidth_hz : Tensor of float32, shape (n_frames, n_poles)
        0 where there are fewer roots.
    """
    real, imaginary = _roots(coefficients.T.contiguous())
    hz = torch.atan2(imaginary, real) * (rate_hz / (2 * math.pi))
    valid = (imaginary > TOLERANCE) & (hz >= lowest_hz) & (hz <= highest_hz) & coefficients.any(-1)
    hz, order = torch.where(valid, hz, torch.inf).sort(dim=0)
    width = 0.5 * (real.square() + imaginary.square()).clamp(min=TINY).log().abs() * (rate_hz / math.pi)
    hz, width = hz[:n_poles], width.gather(0, order[:n_poles])
    there = hz < torch.inf
    return torch.where(there, hz, 0).T.float(), torch.where(there, width, 0).T.float()


def _roots(c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Real and imaginary parts of the roots, shape (order, n_frames) as `c`; frames drop out once theirs are found."""
    order, n_frames = c.shape
    angle = 2 * math.pi * torch.arange(order, device=c.device, dtype=c.dtype) / order + 0.4
    x, y = ((0.9 * part(angle))[:, None].repeat(1, n_frames) for part in (torch.cos, torch.sin))
    found_x, found_y = torch.empty_like(x), torch.empty_like(y)
    left = torch.arange(n_frames, device=c.device)
    for _ in range(ITERATIONS):
        step_x, step_y = _step(c, x, y)
        x, y = x - step_x, y - step_y
        going = (step_x.abs() + step_y.abs()).amax(0) >= LAST_STEP
        found_x[:, left], found_y[:, left] = x, y
        left = left[going]
        if not len(left):
            break
        c, x, y = c[:, going], x[:, going], y[:, going]
    return found_x, found_y


def _step(c: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One step of Aberth's iteration for all roots x + iy of all frames, in real numbers: faster than complex ones."""
    px, py = torch.ones_like(x), torch.zeros_like(x)  # value and slope by Horner's rule
    sx, sy = torch.zeros_like(x), torch.zeros_like(x)
    for coefficient in c:
        sx, sy = sx * x - sy * y + px, sx * y + sy * x + py
        px, py = px * x - py * y + coefficient, px * y + py * x
    gap_x, gap_y = x[:, None] - x, y[:, None] - y  # (order, order, n_frames)
    inverse = 1 / (gap_x.square() + gap_y.square() + TINY)
    rx, ry = (gap_x * inverse).sum(1), -(gap_y * inverse).sum(1)
    bx, by = sx - (px * rx - py * ry), sy - (px * ry + py * rx)
    scale = 1 / (bx.square() + by.square() + TINY)
    return (px * bx + py * by) * scale, (py * bx - px * by) * scale

"""Linear prediction and the roots of its polynomials, compiled.

References
----------
Markel and Gray, "Linear Prediction of Speech", 1976, eq. 2.19 and section 3.3.
Aberth, "Iteration methods for finding all zeros of a polynomial simultaneously", Math. Comp. 27, 1973.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["poles", "predictors"]

ITERATIONS = 60
"""At most; a polynomial of a speech frame takes about ten."""

TOLERANCE = 1e-9
"""Step, relative to the unit circle, below which a root is found."""


@njit(cache=True, nogil=True)
def predictors(frames: NDArray[np.float32], order: int) -> NDArray[np.float64]:
    """Coefficients of the prediction error filter 1 + sum a_k z^-k (autocorrelation method, Levinson's recursion).

    Parameters
    ----------
    frames : ndarray of float32, shape (n_frames, n_samples)
    order : int

    Returns
    -------
    ndarray of float64, shape (n_frames, order)
        The a_k; all 0 for a silent frame.
    """
    n_frames, n_samples = frames.shape
    filters = np.zeros((n_frames, order))
    lags = np.empty(order + 1)
    x = np.empty(n_samples)
    a = np.empty(order)
    before = np.empty(order)
    for t in range(n_frames):
        x[:] = frames[t]
        for lag in range(order + 1):
            lags[lag] = np.dot(x[: n_samples - lag], x[lag:])
        error = lags[0]
        if not error > 0.0:
            continue
        a[:] = 0.0
        for i in range(order):
            reflection = lags[i + 1]
            for j in range(i):
                reflection += a[j] * lags[i - j]
            reflection /= -error
            before[:i] = a[:i]
            for j in range(i):
                a[j] = before[j] + reflection * before[i - 1 - j]
            a[i] = reflection
            error *= 1.0 - reflection * reflection
            if not error > 0.0:
                break
        filters[t] = a
    return filters


@njit(cache=True, nogil=True, error_model="numpy")
def poles(
    coefficients: NDArray[np.float64], rate_hz: float, lowest_hz: float, highest_hz: float, n_poles: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frequencies and bandwidths of the complex roots of ``1 + sum c_k z^-k``, in order of frequency.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (n_frames, order)
        The c_k.
    rate_hz, lowest_hz, highest_hz : float
        Sample rate, and the range outside of which roots are left out.
    n_poles : int
        Roots to return.

    Returns
    -------
    frequency_hz, bandwidth_hz : ndarray of float32, shape (n_frames, n_poles)
        0 where there are fewer roots.
    """
    n_frames, order = coefficients.shape
    frequency = np.zeros((n_frames, n_poles), dtype=np.float32)
    bandwidth = np.zeros((n_frames, n_poles), dtype=np.float32)
    start = 0.9 * np.exp(1j * (2 * np.pi * np.arange(order) / order + 0.4))
    roots = np.empty(order, dtype=np.complex128)
    for t in range(n_frames):
        if not np.any(coefficients[t]):
            continue
        roots[:] = start
        _aberth(coefficients[t], roots)
        done = 0.0
        for k in range(n_poles):
            nearest, width = np.inf, 0.0
            for root in roots:
                if root.imag > 1e-9:
                    hz = np.arctan2(root.imag, root.real) * rate_hz / (2 * np.pi)
                    if done < hz < nearest and lowest_hz <= hz <= highest_hz:
                        nearest, width = hz, abs(np.log(abs(root))) * rate_hz / np.pi
            if nearest == np.inf:
                break
            frequency[t, k], bandwidth[t, k] = nearest, width
            done = nearest
    return frequency, bandwidth


@njit(cache=True, nogil=True, error_model="numpy")
def _aberth(c: NDArray[np.float64], roots: NDArray[np.complex128]) -> None:
    order = len(c)
    for _ in range(ITERATIONS):
        largest = 0.0
        for i in range(order):
            z = roots[i]
            value = 1.0 + 0.0j
            slope = 0.0 + 0.0j
            for k in range(order):
                slope = slope * z + value
                value = value * z + c[k]
            repulsion = 0.0 + 0.0j
            for j in range(order):
                if j != i:
                    gap = z - roots[j]
                    repulsion += gap.conjugate() / (gap.real * gap.real + gap.imag * gap.imag + 1e-300)
            below = slope - value * repulsion
            step = value * below.conjugate() / (below.real * below.real + below.imag * below.imag + 1e-300)
            roots[i] = z - step
            largest = max(largest, abs(step.real) + abs(step.imag))
        if largest < TOLERANCE:
            break

"""Linear prediction and the roots of its polynomials, compiled.

References
----------
Markel and Gray, "Linear Prediction of Speech", 1976, eq. 2.19 and section 3.3.
Press et al., "Numerical Recipes", third edition, 2007, section 9.5 (Laguerre's method, deflation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from ser_toolkit_gemaps.products import inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["poles", "predictors"]

ITERATIONS = 60
"""At most; a root of a speech frame takes about three."""

TOLERANCE = 1e-9
"""Accuracy of a root, relative to the unit circle; imaginary parts below this are none."""

LAST_STEP = 1e-5
"""Step after which a root is that accurate: convergence is cubic."""

STARTS = np.exp(1j * np.pi * np.array([0.12, 0.3, 0.5, 0.7, 0.9]))
"""Directions in which the search for each root begins, in turn: near the resonances of a voice."""


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
            lags[lag] = inner(x[: n_samples - lag], x[lag:])
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
    ascending = np.ones(order + 1)
    roots = np.empty(order, dtype=np.complex128)
    hz = np.empty(order)
    for t in range(n_frames):
        if not np.any(coefficients[t]):
            continue
        ascending[:order] = coefficients[t, ::-1]
        ascending[order] = 1.0
        n_roots = _upper_roots(ascending, roots)
        for i in range(n_roots):
            hz[i] = np.arctan2(roots[i].imag, roots[i].real) * rate_hz / (2 * np.pi)
        done = 0.0
        for k in range(n_poles):
            nearest = -1
            for i in range(n_roots):
                inside = done < hz[i] and lowest_hz <= hz[i] <= highest_hz
                if inside and (nearest < 0 or hz[i] < hz[nearest]):
                    nearest = i
            if nearest < 0:
                break
            frequency[t, k] = hz[nearest]
            bandwidth[t, k] = abs(np.log(abs(roots[nearest]))) * rate_hz / np.pi
            done = hz[nearest]
    return frequency, bandwidth


@njit(cache=True, nogil=True, error_model="numpy")
def _upper_roots(c: NDArray[np.float64], roots: NDArray[np.complex128]) -> int:
    """Roots of sum c_k z^k above the real axis, one after the other; each is divided out of `c`, in place."""
    degree, found, start = len(c) - 1, 0, 0
    radius = abs(c[0]) ** (1.0 / degree) if c[0] != 0.0 else 1.0  # geometric mean of the roots' magnitudes
    while degree > 1:
        z = _laguerre(c, degree, radius * STARTS[start % len(STARTS)])
        start += 1
        if abs(z.imag) > TOLERANCE:
            roots[found] = complex(z.real, abs(z.imag))
            found += 1
            r, s = 2.0 * z.real, -(z.real * z.real + z.imag * z.imag)
            lost = 2
        else:
            r, s = z.real, 0.0
            lost = 1
        now = before = 0.0
        for k in range(degree, lost - 1, -1):
            now, before = c[k] + r * now + s * before, now
            c[k] = now
        for k in range(degree - lost + 1):
            c[k] = c[k + lost]
        degree -= lost
    return found


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _laguerre(c: NDArray[np.float64], degree: int, z: complex) -> complex:
    """One root of the real polynomial sum c_k z^k, beginning at `z`.

    p and its derivatives come from dividing the polynomial by (z - z0) (z - conj z0) = z^2 - r z - s three times, which
    takes real numbers only: with the remainder b1 (z - r) + b0 and the quotient q, p(z0) = b0 - b1 conj z0 and
    p'(z0) = b1 + 2i Im(z0) q(z0).
    """
    n = float(degree)
    for _ in range(ITERATIONS):
        twice = complex(0.0, 2.0 * z.imag)
        r, s = 2.0 * z.real, -(z.real * z.real + z.imag * z.imag)
        b0 = b1 = q0 = q1 = u0 = u1 = 0.0
        for k in range(degree, 3, -1):
            b0, b1 = c[k] + r * b0 + s * b1, b0
            q0, q1 = b0 + r * q0 + s * q1, q0
            u0, u1 = q0 + r * u0 + s * u1, u0
        for k in range(min(degree, 3), 1, -1):
            b0, b1 = c[k] + r * b0 + s * b1, b0
            q0, q1 = b0 + r * q0 + s * q1, q0
        for k in range(1, -1, -1):
            b0, b1 = c[k] + r * b0 + s * b1, b0
        conj = z.conjugate()
        p, q = b0 - b1 * conj, q0 - q1 * conj
        first = b1 + twice * q
        second = 2.0 * q + 2.0 * twice * (q1 + twice * (u0 - u1 * conj))
        root = _square_root((n - 1.0) * ((n - 1.0) * first * first - n * p * second))
        if first.real * root.real + first.imag * root.imag < 0.0:
            root = -root
        below = first + root
        step = n * p * below.conjugate() / (below.real * below.real + below.imag * below.imag + 1e-300)
        z -= step
        if abs(step.real) + abs(step.imag) < LAST_STEP:
            break
    return z


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _square_root(z: complex) -> complex:
    """Without the care for infinite parts that makes NumPy's slower."""
    size = np.sqrt(0.5 * (np.sqrt(z.real * z.real + z.imag * z.imag) + abs(z.real)))
    other = 0.5 * z.imag / (size + 1e-300)
    return complex(size, other) if z.real >= 0.0 else complex(abs(other), np.copysign(size, z.imag))

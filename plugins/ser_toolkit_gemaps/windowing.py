"""Frames under a window, and squares and magnitudes of their spectra, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["magnitudes", "squares", "windowed"]


@njit(cache=True, nogil=True)
def windowed(
    wave: NDArray[np.float32], taper: NDArray[np.float32], begin: int, hop: int, frames: NDArray[np.float32]
) -> None:
    """Cut frames and multiply them with a window.

    Parameters
    ----------
    wave : ndarray of float32, shape (n_samples,)
    taper : ndarray of float32, shape (size,)
        The window.
    begin, hop : int
        First sample of the first frame, and samples from one frame to the next.
    frames : ndarray of float32, shape (n_frames, n_fft)
        Overwritten up to `size`.
    """
    size = len(taper)
    for t in range(len(frames)):
        x, y = wave[begin + t * hop : begin + t * hop + size], frames[t]
        for i in range(size):
            y[i] = x[i] * taper[i]


@njit(cache=True, nogil=True)
def squares(spectra: NDArray[np.complex64], power: NDArray[np.float32]) -> None:
    """Squared magnitude of `spectra` into `power`, both of shape (n_frames, n_bins)."""
    for t in range(len(spectra)):
        x, y = spectra[t], power[t]
        for k in range(len(y)):
            y[k] = x[k].real * x[k].real + x[k].imag * x[k].imag


@njit(cache=True, nogil=True)
def magnitudes(spectra: NDArray[np.complex64], magnitude: NDArray[np.float32]) -> None:
    """Magnitude of `spectra` into `magnitude`, both of shape (n_frames, n_bins)."""
    for t in range(len(spectra)):
        x, y = spectra[t], magnitude[t]
        for k in range(len(y)):
            y[k] = np.sqrt(x[k].real * x[k].real + x[k].imag * x[k].imag)

"""Short-time spectra of all frames of a recording.

openSMILE's names for these levels are ``fftcH25`` and ``fftmagG60``; the frames of the former have 20 ms.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import LONG_S, SHORT_S, count, hop, size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bin_width", "fft_size", "gauss60", "hamming20", "power"]

FRAMES_AT_ONCE = 64
"""Frames in one FFT call: few enough for the cache, many enough to hide the cost of the call."""

GAUSS_SIGMA = 0.4
"""Standard deviation of the Gaussian window, in halves of its length."""


def fft_size(sr: int, size_s: float) -> int:
    """Points of the FFT of a frame: the power of two that holds it (512 for 20 ms at 16 kHz, 1024 for 60 ms)."""
    return 1 << (size(sr, size_s) - 1).bit_length()


def bin_width(sr: int, size_s: float) -> float:
    """Hz from one bin of the spectrum to the next: 31.25 for 20 ms at 16 kHz."""
    return sr / fft_size(sr, size_s)


def hamming20(wave: NDArray[np.float32], sr: int) -> NDArray[np.complex64]:
    """Spectra of the 20 ms frames under a symmetric Hamming window.

    Parameters
    ----------
    wave : ndarray of float32, shape (n_samples,)
        Samples, see `ser_toolkit_gemaps.frames.wave`.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of complex64, shape (n_frames, n_bins)
        As `numpy.fft.rfft` defines it; frames are followed by zeros. (n, 257) at 16 kHz.
    """
    n_fft = fft_size(sr, SHORT_S)
    spectra = np.empty((count(len(wave), sr, SHORT_S), n_fft // 2 + 1), dtype=np.complex64)
    for part, _, of_part in _parts(wave, _hamming(size(sr, SHORT_S)), len(spectra), n_fft, hop(sr)):
        spectra[part] = of_part
    return spectra


def gauss60(wave: NDArray[np.float32], sr: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Magnitude spectra of the 60 ms frames under a Gaussian window, and their level.

    Parameters
    ----------
    wave : ndarray of float32, shape (n_samples,)
        Samples, see `ser_toolkit_gemaps.frames.wave`.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Frames are followed by zeros. (n, 513) at 16 kHz.
    rms : ndarray of float32, shape (n_frames,)
        Root of the mean square of the windowed frame.
    """
    from ser_toolkit_gemaps.windowing import magnitudes

    taper, n_fft = _gauss(size(sr, LONG_S)), fft_size(sr, LONG_S)
    magnitude = np.empty((count(len(wave), sr, LONG_S), n_fft // 2 + 1), dtype=np.float32)
    rms = np.empty(len(magnitude), dtype=np.float32)
    for part, frames, of_part in _parts(wave, taper, len(magnitude), n_fft, hop(sr)):
        rms[part] = np.sqrt(np.einsum("ij,ij->i", frames, frames) / len(taper))
        magnitudes(of_part, magnitude[part])
    return magnitude, rms


def power(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Squared magnitude, same shape."""
    from ser_toolkit_gemaps.windowing import squares

    squared = np.empty(spectra.shape, dtype=np.float32)
    squares(spectra, squared)
    return squared


def _parts(
    wave: NDArray[np.float32], taper: NDArray[np.float32], n_frames: int, n_fft: int, step: int
) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.complex64]]]:
    """A few frames at a time: which ones, their windowed samples (valid until the next), their spectra."""
    from scipy.fft import rfft

    from ser_toolkit_gemaps.windowing import windowed

    frames = np.zeros((FRAMES_AT_ONCE, n_fft), dtype=np.float32)
    for first in range(0, n_frames, FRAMES_AT_ONCE):
        cut = frames[: n_frames - first]
        windowed(wave, taper, first * step, step, cut)
        yield slice(first, first + len(cut)), cut, rfft(cut)


@functools.lru_cache(maxsize=16)
def _hamming(n: int) -> NDArray[np.float32]:
    taper = np.hamming(n).astype(np.float32)
    taper.setflags(write=False)
    return taper


@functools.lru_cache(maxsize=16)
def _gauss(n: int) -> NDArray[np.float32]:
    half = (n - 1) / 2
    taper: NDArray[np.float32] = np.exp(-0.5 * ((np.arange(n) - half) / (GAUSS_SIGMA * half)) ** 2).astype(np.float32)
    taper.setflags(write=False)
    return taper

"""Formants: linear prediction, roots of the polynomial, their frequencies and bandwidths.

References
----------
Markel and Gray, "Linear Prediction of Speech", 1976, sections 2.4 (autocorrelation method), 3.3 (Levinson) and 7.2
(roots).
Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE TAC 7(2), 2016, section 3.1.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import SHORT_S, size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["formants", "resampled"]

TARGET_HZ = 11000
"""Sample rate of the linear prediction."""

ORDER = 11

N_FORMANTS = 3

LOWEST_HZ, HIGHEST_HZ = 50.0, 5450.0
"""Roots outside this range are no formants."""


def formants(spectra: NDArray[np.complex64], sr: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frequency and bandwidth of the first three formants of each frame.

    Parameters
    ----------
    spectra : ndarray of complex64, shape (n_frames, n_bins)
        Spectra of 20 ms frames under a Hamming window, see `ser_toolkit_gemaps.spectrum.hamming20`.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    frequency_hz, bandwidth_hz : ndarray of float32, shape (n_frames, 3)
        In order of frequency, 50 to 5450 Hz; 0 where a frame has fewer. A frame depends on itself only.

    Notes
    -----
    Autocorrelation method of order 11 on the frame at 11 kHz (`resampled`). With the prediction error filter
    A(z) = 1 + sum a_k z^-k, openSMILE takes the roots z = r exp(i phi) of 1 - sum a_k z^-k, and so do we: frequency
    phi / (2 pi) and bandwidth |ln r| / pi times the sample rate. Of the filter's own roots, F1 would lie close by and
    be far narrower.
    """
    from ser_toolkit_gemaps.linear_prediction import poles, predictors

    n_frames = len(spectra)
    if n_frames == 0:
        return np.zeros((0, N_FORMANTS), dtype=np.float32), np.zeros((0, N_FORMANTS), dtype=np.float32)
    error_filters = predictors(resampled(spectra, sr), ORDER)
    return poles(-error_filters, float(TARGET_HZ), LOWEST_HZ, HIGHEST_HZ, N_FORMANTS)


def resampled(spectra: NDArray[np.complex64], sr: int) -> NDArray[np.float32]:
    """Frames at 11 kHz, by summing the cosines of their spectra.

    Returns
    -------
    ndarray of float32, shape (n_frames, 220)
        As openSMILE has them: only the lowest 110 bins (0 to 3.4 kHz at 16 kHz), 0 Hz twice, and the frame in the
        middle of 32 ms of which the first 20 ms are kept: 6 ms of silence, then 14 ms of the frame.
    """
    n_used = round(size(sr, SHORT_S) * TARGET_HZ / sr) // 2
    interleaved = np.ascontiguousarray(spectra[:, :n_used]).view(np.float32)
    frames: NDArray[np.float32] = interleaved @ _cosines(n_used, spectra.shape[1], sr)
    return frames


@functools.lru_cache(maxsize=8)
def _cosines(n_used: int, n_bins: int, sr: int) -> NDArray[np.float32]:
    """Real and imaginary parts to samples, shape ``(2 * n_used, 2 * n_used)``."""
    n_fft = 2 * (n_bins - 1)
    times = np.arange(2 * n_used) * sr / TARGET_HZ - (n_fft - size(sr, SHORT_S)) / 2
    angles = 2 * np.pi / n_fft * np.outer(np.arange(n_used), times)
    return np.stack([np.cos(angles), -np.sin(angles)], axis=1).reshape(2 * n_used, -1).astype(np.float32) * (2 / n_fft)

"""Harmonics-to-noise ratio, harmonic differences and the level of the formants.

References
----------
Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", IFA Proceedings 17, 1993, eq. 4.
Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE TAC 7(2), 2016, section 3.1.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNVOICED_DB", "harmonics"]

UNVOICED_DB = -201.0
"""Level of the formants where there is no F0."""

MAX_HARMONICS = 100

FORMANT_REACH = 0.2
"""Harmonics within this part of a formant's frequency, on either side, belong to it."""


def harmonics(
    f0_hz: NDArray[np.float32],
    frequency: NDArray[np.float32],
    bandwidth: NDArray[np.float32],
    magnitude: NDArray[np.float32],
    sr: int,
) -> NDArray[np.float32]:
    """Six descriptors of each frame, in dB.

    Parameters
    ----------
    f0_hz : ndarray of float32, shape (n_frames,)
        Fundamental frequency, 0 where unvoiced.
    frequency, bandwidth : ndarray of float32, shape (n_frames, 3)
        Formants in Hz. The bandwidth has no influence: a formant reaches 20 % to either side.
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Magnitude spectra of the 60 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames, 6)
        HNR; H1-H2; H1-A3; levels of the first, second and third formant relative to F0. The first three are 0, the
        others -201 where unvoiced. A frame depends on itself only.

    Notes
    -----
    HNR is 10 lg(r / (r(0) - r)), r the magnitude of the autocorrelation (inverse transform of the power spectrum) at
    its local maximum nearest to the period. The level of a harmonic is that of the parabola through the local maximum
    of the magnitude spectrum nearest to its frequency. A formant has the level of the highest harmonic within 20 % of
    its frequency, 0 dB if there is none; it is given relative to the highest bin, not the parabola, of F0.

    As openSMILE counts, "H1" is the harmonic at twice F0 and "H2" that at three times F0 in both differences.
    """
    from ser_toolkit_gemaps.peaks import harmonic_levels, harmonics_to_noise

    values = np.zeros((len(f0_hz), 6), dtype=np.float32)
    values[:, 3:] = UNVOICED_DB
    voiced = np.flatnonzero(f0_hz > 0)
    if len(voiced) == 0:
        return values
    spectra, pitch = magnitude[voiced], f0_hz[voiced].astype(np.float64)
    bin_hz = sr / 2 / (magnitude.shape[1] - 1)
    values[voiced, 0] = harmonics_to_noise(spectra, sr / pitch, _cosines(magnitude.shape[1]))
    values[voiced, 1:] = harmonic_levels(
        spectra, pitch / bin_hz, frequency[voiced] / np.float32(bin_hz), FORMANT_REACH, MAX_HARMONICS
    )
    return values


@functools.lru_cache(maxsize=4)
def _cosines(n_bins: int) -> NDArray[np.float32]:
    """Power spectrum to autocorrelation, lags by bins, shape (n_bins, n_bins)."""
    n_fft = 2 * (n_bins - 1)
    k = np.arange(n_bins)
    table: NDArray[np.float32] = np.cos(2 * np.pi / n_fft * np.arange(n_fft)).astype(np.float32)[np.outer(k, k) % n_fft]
    table.setflags(write=False)
    return table

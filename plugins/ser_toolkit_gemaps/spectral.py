"""Shape and change of the spectrum of 20 ms frames (Eyben et al. 2016, sections 3.1 and 3.2)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import SHORT_S, frames
from ser_toolkit_gemaps.loudness import BANDS, mel_bands
from ser_toolkit_gemaps.spectrum import bin_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["alpha_ratio", "energy", "flux", "hammarberg_index", "mfcc", "slope", "sound_level"]

ALPHA_SPLIT_HZ, HAMMARBERG_SPLIT_HZ, TOP_HZ = 1000.0, 2000.0, 5000.0
"""Where the ratios divide the spectrum, and where they end."""

LEAST_DB = -140.0
"""Level in dB that empty bins are raised to."""

LEAST_LEVEL_DB = -120.0
"""Lowest equivalent sound level in dB."""

CEPSTRA, LIFTER = 4, 22
"""Cepstral coefficients, from the first on, and the length of their lifter."""

SAMPLE_MAX = 32767.0
"""Scale of the samples before the logarithm of the cepstra, as in HTK."""


def alpha_ratio(power: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Energy of 1-5 kHz relative to that below 1 kHz.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        In dB, positive where the high band is stronger; 0 for silence.

    References
    ----------
    Patel et al., "Mapping emotions into acoustic space", Biological Psychology 87, 2011. The paper has the low band
    begin at 50 Hz and the ratio the other way up; openSMILE, and this, begin at 0.
    """
    split, top = _bin(ALPHA_SPLIT_HZ, sr), _bin(TOP_HZ, sr)
    return _ratio_db(power[:, split : top + 1].sum(axis=1), power[:, :split].sum(axis=1))


def hammarberg_index(power: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Strongest peak below 2 kHz relative to that of 2-5 kHz.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        In dB; 0 for silence.

    References
    ----------
    Hammarberg et al., "Perceptual and acoustic correlates of abnormal voice qualities", Acta Oto-Laryngologica 90,
    1980.
    """
    split, top = _bin(HAMMARBERG_SPLIT_HZ, sr), _bin(TOP_HZ, sr)
    return _ratio_db(power[:, :split].max(axis=1), power[:, split : top + 1].max(axis=1))


def slope(power: NDArray[np.float32], sr: int, *, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Slope of the level over frequency within a band.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.
    low_hz, high_hz : float
        The band: 0-500 and 500-1500 in GeMAPS.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        In dB/Hz, of the linear regression of the level in dB on the frequency. As in openSMILE the number of points
        is that of the steps between the bins, one less than there are bins (16 for 0-500 Hz at 16 kHz), so that the
        slope also depends a little on the level: 0.112 for silence in the lower band. Where an edge of the band is
        no bin, the nearest bin outside (below `low_hz`, or the last one below `high_hz`) counts in part.

    References
    ----------
    Tamarit et al., "Measuring perceived loudness and spectral slope of emotional speech", 2008; Le et al.,
    "Investigation of spectral centroid features for cognitive load classification", Speech Communication 53, 2011.
    """
    first, weights = _slope_weights(sr, low_hz, high_hz)
    band = power[:, first : first + len(weights)]
    with np.errstate(divide="ignore"):
        level = np.maximum(10 * np.log10(band), np.float32(LEAST_DB))
    slopes: NDArray[np.float32] = level @ weights
    return slopes


def flux(power: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Change of the magnitude spectrum below 5 kHz from the frame before.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        Root of the mean square difference over the bins; 0 for the first frame.
    """
    magnitude = np.sqrt(power[:, : _bin(TOP_HZ, sr)])
    change = np.diff(magnitude, axis=0)
    values = np.zeros(len(power), dtype=np.float32)
    values[1:] = np.sqrt(np.einsum("ij,ij->i", change, change) / magnitude.shape[1])
    return values


def mfcc(power: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients 1 to 4.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames, 4)
        Cosine transform of the logarithm of 26 mel bands of samples scaled to 16 bit, liftered.

    References
    ----------
    Young et al., "The HTK Book", version 3.4, section 5.6 (equations 5.14 and 5.15).
    """
    bands = (power @ mel_bands(sr)) * np.float32(SAMPLE_MAX**2)
    cepstra: NDArray[np.float32] = np.log(np.maximum(bands, np.float32(1))) @ _cosines()
    return cepstra


def energy(wave: NDArray[np.float32], sr: int) -> NDArray[np.float64]:
    """Mean square of the samples of each 20 ms frame, shape (n_frames,)."""
    cut = frames(wave, sr, SHORT_S)
    squares: NDArray[np.float32] = np.einsum("ij,ij->i", cut, cut) / np.float32(cut.shape[1])
    return squares.astype(np.float64)


def sound_level(energies: NDArray[np.float64]) -> float:
    """Equivalent sound level of frames: their mean energy in dB relative to full scale, -120 for silence."""
    return float(max(10 * np.log10(max(float(energies.mean()), 1e-30)), LEAST_LEVEL_DB))


def _bin(hz: float, sr: int) -> int:
    """First bin at `hz` or above, at most the last one."""
    width = bin_width(sr, SHORT_S)
    return int(min(np.ceil(hz / width), np.floor(sr / 2 / width)))


def _ratio_db(above: NDArray[np.float32], below: NDArray[np.float32]) -> NDArray[np.float32]:
    """10 log10 of a ratio; 0 where either is 0."""
    defined = (above > 0) & (below > 0)
    ratio = np.where(defined, above, 1) / np.where(defined, below, 1)
    decibels: NDArray[np.float32] = (10 * np.log10(ratio)).astype(np.float32)
    return decibels


@functools.lru_cache(maxsize=32)
def _slope_weights(sr: int, low_hz: float, high_hz: float) -> tuple[int, NDArray[np.float32]]:
    """First bin of a band, and what to multiply its levels with."""
    width = bin_width(sr, SHORT_S)
    low, high = low_hz / width, min(high_hz, sr / 2) / width
    k = np.arange(int(low), int(high) + 1)
    part = np.ones(len(k))
    if low % 1:
        part[0] = 1 - low % 1
    if high % 1:
        part[-1] = high % 1
    n, x = len(k) - 1, part * k
    weights = (n * x - x.sum() * part) / (n * (x**2).sum() - x.sum() ** 2) / width
    table: NDArray[np.float32] = weights.astype(np.float32)
    table.setflags(write=False)
    return int(k[0]), table


@functools.lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float32]:
    """Cosine transform with orthonormal rows and lifter, shape (26, 4)."""
    i = np.arange(1, CEPSTRA + 1)
    phase = np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, i)
    table: NDArray[np.float32] = (
        np.sqrt(2 / BANDS) * np.cos(phase) * (1 + LIFTER / 2 * np.sin(np.pi * i / LIFTER))
    ).astype(np.float32)
    table.setflags(write=False)
    return table

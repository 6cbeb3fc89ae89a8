"""Descriptors of the spectrum of 25 ms frames: bands, cepstrum, shape and change."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAMES", "spectral_descriptors"]

FRAME_S, HOP_S = 0.025, 0.010
"""Length of a frame, and seconds from one to the next."""

BANDS = 26
"""Mel bands from 20 Hz to half the sample rate, at most 8 kHz."""

CEPSTRA = 14

LOWEST_HZ, HIGHEST_HZ = 20.0, 8000.0

FIRST_FORMANT_HZ, UPPER_FORMANTS_HZ = (250.0, 650.0), (1000.0, 4000.0)
"""Bands whose level is compared with that of the frame: where the first formant is, and the others."""

LOUDNESS_EXPONENT = 0.33
"""From the energy of a band to its loudness."""

SPECTRUM_FLOOR, BAND_FLOOR, ENERGY_FLOOR = 1e-7, 1e-5, 1e-10
"""Least power of a bin, of a band, and least mean square of a frame: far below
speech whose loud part has a root mean square of 0.05."""

ROLL_OFF = (0.25, 0.5, 0.75, 0.9)
"""Shares of the power that lie below the roll-off frequencies."""

SHAPE = (
    "centroid", "spread", "skewness", "kurtosis", *(f"roll-off {share:g}" for share in ROLL_OFF), "entropy", "level",
    "zero crossings", "level 250-650 Hz", "level 1-4 kHz", "flux", "slope", "sharpness",
)  # fmt: skip

NAMES = (
    *(f"band loudness {i}" for i in range(1, BANDS + 1)),
    *(f"band level {i}" for i in range(1, BANDS + 1)),
    *(f"mfcc {i}" for i in range(1, CEPSTRA + 1)),
    *SHAPE,
)
"""Names of the columns of `spectral_descriptors`."""


def spectral_descriptors(y: NDArray[np.float32], sr: int) -> NDArray[np.float64]:
    """Descriptors of all whole frames.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio at a known level, 25 ms or more.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float64, shape (n_frames, 82)
        In the order of `NAMES`. Band loudness is relative to the mean of the segment, band level in dB relative to its
        mean power; frequencies are in Hz, levels in dB, entropy in bits, the slope in nepers per kHz, sharpness in
        Bark.

    References
    ----------
    Schuller et al., "The Interspeech 2013 computational paralinguistics challenge", Interspeech 2013, table 2: which
    descriptors of the spectrum are worth having.
    Fastl and Zwicker, "Psychoacoustics", Springer 2007, section 9.1: sharpness.
    """
    size, hop = round(FRAME_S * sr), round(HOP_S * sr)
    frames = np.lib.stride_tricks.sliding_window_view(y.astype(np.float64), size)[::hop]
    n_fft = 1 << (size - 1).bit_length()
    power: NDArray[np.float64] = np.abs(np.fft.rfft(frames * np.hamming(size), n_fft)) ** 2 + SPECTRUM_FLOOR
    bands = power @ _mel_weights(sr, n_fft) + BAND_FLOOR
    log_bands = np.log(bands)
    loudness = bands**LOUDNESS_EXPONENT
    return np.concatenate(
        [
            loudness / loudness.mean(),
            10 / np.log(10) * (log_bands - np.log(bands.mean())),
            log_bands @ _cosines(),
            _shape(frames, power, sr),
        ],
        axis=1,
    )


def _shape(frames: NDArray[np.float64], power: NDArray[np.float64], sr: int) -> NDArray[np.float64]:
    """The columns of `SHAPE`."""
    hz = np.linspace(0, sr / 2, power.shape[1])
    share = power / power.sum(axis=1, keepdims=True)
    centroid = share @ hz
    off = hz - centroid[:, None]
    off_2 = off * off
    spread = np.sqrt((share * off_2).sum(axis=1))
    below = share.cumsum(axis=1)
    level = _decibels((frames**2).mean(axis=1))
    in_bands = [
        _decibels(power[:, (hz > low) & (hz < high)].sum(axis=1)) for low, high in (FIRST_FORMANT_HZ, UPPER_FORMANTS_HZ)
    ]
    change = np.zeros(len(power))
    magnitude = np.sqrt(power)
    change[1:] = np.sqrt(((magnitude[1:] - magnitude[:-1]) ** 2).sum(axis=1) / power.mean())
    logs = np.log(power)
    centred = hz - hz.mean()
    slope = 1000 * (logs - logs.mean(axis=1, keepdims=True)) @ centred / (centred**2).sum()
    bark = 13 * np.arctan(0.00076 * hz) + 3.5 * np.arctan((hz / 7500) ** 2)
    heard = share**0.23
    sharpness = heard @ (bark * np.where(bark < 15, 1.0, 0.066 * np.exp(0.171 * bark))) / heard.sum(axis=1)
    return np.stack(
        [
            centroid,
            spread,
            (share * off_2 * off).sum(axis=1) / spread**3,
            (share * off_2 * off_2).sum(axis=1) / spread**4,
            *(hz[(below >= part).argmax(axis=1)] for part in ROLL_OFF),
            -(share * np.log2(share)).sum(axis=1),
            level,
            (np.diff(np.signbit(frames), axis=1)).mean(axis=1),
            *(band - level for band in in_bands),
            change,
            slope,
            sharpness,
        ],
        axis=1,
    )


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = 10 * np.log10(power + ENERGY_FLOOR)
    return levels


@functools.lru_cache(maxsize=8)
def _mel_weights(sr: int, n_fft: int) -> NDArray[np.float64]:
    """Triangles of unit height, (n_bins, 26), on HTK's mel scale."""
    top = min(HIGHEST_HZ, sr / 2)
    lowest, highest = 2595 * np.log10(1 + np.array([LOWEST_HZ, top]) / 700)
    edges_mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    hz = np.fft.rfftfreq(n_fft, 1 / sr)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    weights: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    weights.flags.writeable = False
    return weights


@functools.lru_cache(maxsize=1)
def _cosines() -> NDArray[np.float64]:
    """Orthonormal cosine transform, coefficients 1 to 14, (26, 14)."""
    band, order = np.arange(BANDS)[:, None] + 0.5, np.arange(1, CEPSTRA + 1)
    matrix: NDArray[np.float64] = np.sqrt(2 / BANDS) * np.cos(np.pi / BANDS * band * order)
    matrix.flags.writeable = False
    return matrix

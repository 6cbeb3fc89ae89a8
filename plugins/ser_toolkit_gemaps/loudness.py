"""Loudness: the sum of a simplified auditory spectrum (Eyben et al. 2016, section 3.1; Hermansky 1990)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import SHORT_S
from ser_toolkit_gemaps.spectrum import bin_width, fft_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BANDS", "loudness", "mel_bands", "mel_centres"]

BANDS = 26
"""Mel bands."""

LOW_HZ, HIGH_HZ = 20.0, 8000.0
"""Edges of the lowest and the highest band."""

COMPRESSION = 0.33
"""Exponent of the intensity-to-loudness law (Hermansky 1990, equation 9: the cubic root)."""

LEAST_BAND_POWER = 32768.0**-2
"""Power that silent bands are raised to: one step of 16 bit, squared."""


def loudness(power: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Perceived loudness of each frame.

    Parameters
    ----------
    power : ndarray of float32, shape (n_frames, n_bins)
        Power spectra of the 20 ms frames.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames,)
        Mean over the mel bands of the power weighted by the equal-loudness curve, to the power of 0.33. No unit;
        0.001 for silence, about 1 for speech near full scale.

    References
    ----------
    Hermansky, "Perceptual linear predictive (PLP) analysis of speech", JASA 87(4), 1990, section II.
    """
    bands = np.maximum(power @ mel_bands(sr), np.float32(LEAST_BAND_POWER))
    heard: NDArray[np.float32] = np.exp(np.float32(COMPRESSION) * np.log(bands)) @ _weights(sr)
    return heard


@functools.lru_cache(maxsize=16)
def mel_bands(sr: int) -> NDArray[np.float32]:
    """Triangular filters with a peak of 1, evenly spaced on the mel scale.

    Parameters
    ----------
    sr : int
        Sample rate in Hz; the highest band ends at 8 kHz or at half of this.

    Returns
    -------
    ndarray of float32, shape (n_bins, 26)
        Straight lines on the mel axis. A bin that lies less than half a bin above the lower edge, 20 Hz, is left out.

    References
    ----------
    Young et al., "The HTK Book", version 3.4, section 5.4 (filter bank, equation 5.13).
    """
    width = bin_width(sr, SHORT_S)
    hz = np.arange(fft_size(sr, SHORT_S) // 2 + 1) * width
    edges, mel = _edges(sr), _mel(hz)[:, None]
    rising = (mel - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - mel) / np.diff(edges)[1:]
    bands = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    bands[hz < (round(LOW_HZ / width) + 1) * width] = 0
    bands.setflags(write=False)
    return bands


def mel_centres(sr: int) -> NDArray[np.float64]:
    """Centre frequencies of the 26 bands in Hz."""
    centres: NDArray[np.float64] = 700 * (np.exp(_edges(sr)[1:-1] / 1127) - 1)
    return centres


def _edges(sr: int) -> NDArray[np.float64]:
    """Lower edges, centres and upper edges of the bands in mel, shape (28,)."""
    return np.linspace(_mel(LOW_HZ), _mel(min(HIGH_HZ, sr / 2)), BANDS + 2)


def _mel(hz: float | NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log1p(np.asarray(hz) / 700))


@functools.lru_cache(maxsize=16)
def _weights(sr: int) -> NDArray[np.float32]:
    """Equal-loudness weights after compression, divided by the number of bands, shape (26,).

    The curve is equation 7 of Hermansky 1990 with a further fall above 5 kHz; its order and constant were found by
    comparison with openSMILE's auditory spectrum, which they give to seven digits.
    """
    w2 = (2 * np.pi * mel_centres(sr)) ** 2
    curve = (w2 + 56.8e6) * w2**2 / ((w2 + 6.3e6) ** 2 * (w2 + 0.38e9))
    curve *= 1e32 / (1.7e31 + w2**3.5)
    weights = (curve**COMPRESSION / BANDS).astype(np.float32)
    weights.setflags(write=False)
    return weights

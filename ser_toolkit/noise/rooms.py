"""Rooms: made-up impulse responses with a direct path and a tail that dies away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.noise.levels import active_level_db, with_level, within_full_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DISTANCE_M", "VOLUME_M3", "impulse_response", "reverberate"]

DISTANCE_M = 1.0
"""From mouth to microphone."""

VOLUME_M3 = 60.0
"""Of the room: 5 m by 4.8 m by 2.5 m."""

_GAP_S = 0.003
"""Before the tail: the first wall is half a metre farther than the direct way."""


def impulse_response(sr: int, *, rt60_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """What a room of 60 m³ makes of a click, one metre away.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    rt60_s : float
        Seconds in which the tail falls by 60 dB.
    rng : numpy.random.Generator
        Decides the tail.

    Returns
    -------
    ndarray of float64, shape (n,)
        1 for the direct path, then Gaussian noise under an exponential decay, down to -60 dB. Energy of the direct
        path over that of the tail: ``20 log10(0.057 sqrt(volume / rt60) / distance)``, from the critical distance of
        a diffuse field: -1.9, -4.9 and -7.1 dB for 0.3, 0.6 and 1 s.

    References
    ----------
    Polack, "La transmission de l'énergie sonore dans les salles", 1988: the stochastic model of a tail.
    Kuttruff, "Room acoustics", chapter 5: the critical distance.
    """
    gap = max(1, round(_GAP_S * sr))
    t = np.arange(max(1, round(rt60_s * sr))) / sr
    tail = rng.standard_normal(len(t)) * np.exp(-3 * math.log(10) * t / rt60_s)
    ratio = 0.057 * math.sqrt(VOLUME_M3 / rt60_s) / DISTANCE_M
    tail /= ratio * math.sqrt(float(np.square(tail).sum()))
    return np.concatenate([[1.0], np.zeros(gap - 1), tail])


def reverberate(
    y: NDArray[np.floating[Any]], sr: int, *, rt60_s: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A recording as it would sound in such a room.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.
    rt60_s : float
        Reverberation time in seconds.
    rng : numpy.random.Generator
        See `impulse_response`.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        As long as the recording, not shifted, and of the same active level unless that exceeds full scale.
    """
    from scipy.signal import fftconvolve

    wet = fftconvolve(np.asarray(y, dtype=np.float64), impulse_response(sr, rt60_s=rt60_s, rng=rng))[: len(y)]
    return within_full_scale(with_level(wet, sr, db=active_level_db(y, sr)))

"""How loud the speech in a recording is, pauses aside; and keeping what is added to it below full scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.audio import CLIPPED_LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["active_level_db", "gain", "level_db", "with_level", "within_full_scale"]

_TIME_CONSTANT_S = 0.03
_HANGOVER_S = 0.2
_MARGIN_DB = 15.9
_GRID_S = 0.001
"""Between the values of the envelope that are looked at."""

_STEPS = 15
"""Thresholds, each half of the one above."""


def level_db(y: NDArray[np.floating[Any]]) -> float:
    """Root mean square of all samples.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.

    Returns
    -------
    float
        Decibels relative to a square wave of full scale; ``-inf`` for silence and for no samples.
    """
    power = float(np.mean(np.square(y, dtype=np.float64))) if len(y) else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


def active_level_db(y: NDArray[np.floating[Any]], sr: int) -> float:
    """Level of the speech in a recording, which pauses do not lower.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    float
        Decibels as of `level_db`; ``-inf`` for silence and for no samples. Twice the samples' values give 6.02 dB more.

    Notes
    -----
    Method B of P.56: the envelope is smoothed twice with a time constant of 0.03 s; above a threshold, and for 0.2 s
    after, a sample is active; the level is that of the energy over the active samples, for the threshold that lies
    15.9 dB below it. Thresholds are halves of the peak, not of full scale, so that quiet recordings are measured alike.

    References
    ----------
    ITU-T Recommendation P.56, "Objective measurement of active speech level", 2011.
    """
    from scipy.signal import lfilter

    peak = float(np.abs(y).max()) if len(y) else 0.0
    if not peak > 0:
        return -math.inf
    scaled = np.asarray(y, dtype=np.float64) / peak
    g = math.exp(-1 / (sr * _TIME_CONSTANT_S))
    step = max(1, round(_GRID_S * sr))
    envelope = lfilter([(1 - g) ** 2], [1, -2 * g, g * g], np.abs(scaled))[::step]
    energy = float(np.square(scaled).sum()) / step
    hangover = round(_HANGOVER_S * sr / step)
    place = np.arange(len(envelope))
    before: tuple[float, float] | None = None
    for halves in range(_STEPS, -1, -1):
        threshold = 2.0**-halves
        last = np.maximum.accumulate(np.where(envelope >= threshold, place, -hangover - 1))
        active = int(np.count_nonzero(place - last <= hangover))
        if not active:
            break
        level = 10 * math.log10(energy / active)
        above = level - 20 * math.log10(threshold)
        if above <= _MARGIN_DB:
            if before is not None:  # between two thresholds
                share = (before[1] - _MARGIN_DB) / (before[1] - above)
                level = before[0] + share * (level - before[0])
            return level + 20 * math.log10(peak)
        before = level, above
    found = before[0] if before is not None else 10 * math.log10(energy / len(envelope))
    return found + 20 * math.log10(peak)


def gain(db: float) -> float:
    """Factor for samples that changes their level by so many decibels."""
    return float(10 ** (db / 20))


def with_level(y: NDArray[np.floating[Any]], sr: int, *, db: float) -> NDArray[np.float64]:
    """The same sound at another `active_level_db`; silence stays silence.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.
    db : float
        Active level; ``-inf`` leaves the sound as it is.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        May exceed full scale.
    """
    now = active_level_db(y, sr)
    if math.isinf(now) or math.isinf(db):
        return np.asarray(y, dtype=np.float64)
    return np.asarray(y, dtype=np.float64) * gain(db - now)


def within_full_scale(y: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Scaled down as a whole where a sample would exceed full scale, as whoever records would turn down the gain.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        Within ±32767/32768; ratios of levels in it, such as that of speech to noise, are kept.
    """
    peak = float(np.abs(y).max()) if len(y) else 0.0
    factor = CLIPPED_LEVEL / peak if peak > CLIPPED_LEVEL else 1.0
    return np.asarray(np.clip(np.asarray(y) * factor, -CLIPPED_LEVEL, CLIPPED_LEVEL), dtype=np.float32)

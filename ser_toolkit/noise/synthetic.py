"""Noise to train with, other than that of the tests: of random colour, of tones and beats, of a crowd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.noise.levels import with_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Noise = NDArray[np.float64]

__all__ = ["coloured", "crowd", "tones"]

_LOWEST_HZ = 20.0
_MOST_TALKERS = 8


def coloured(n_samples: int, sr: int, *, rng: np.random.Generator) -> Noise:
    """Gaussian noise of random colour that swells and sinks a little.

    Parameters
    ----------
    n_samples : int
        Length, 1 or more.
    sr : int
        Sample rate in Hz.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Between rising with 3 and falling with 9 dB an octave, with bumps of some 5 dB; of any level.
    """
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / sr)
    heard = np.log(np.maximum(hz, _LOWEST_HZ))
    knots = np.linspace(np.log(_LOWEST_HZ), np.log(sr / 2), 9)
    bumps_db = np.interp(heard, knots, rng.normal(0, 5, len(knots)))
    gain = np.where(hz >= _LOWEST_HZ, np.exp(-rng.uniform(-0.5, 1.5) * heard) * 10 ** (bumps_db / 20), 0.0)
    swell = _wander(n_samples / sr, np.arange(n_samples) / sr, step_s=0.25, rng=rng)
    noise: Noise = np.fft.irfft(spectrum * gain, n_samples) * (1 + rng.uniform(0, 0.6) * swell)
    return noise


def crowd(n_samples: int, sr: int, *, rng: np.random.Generator, voices: Sequence[NDArray[np.floating]]) -> Noise:
    """One to eight recordings of speech at once, each slower or faster, and so lower or higher, by up to a third.

    Parameters
    ----------
    n_samples, sr, rng
        As of `coloured`.
    voices : sequence of ndarray, shape (n,)
        Recordings at `sr`; silent ones are not used.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Talkers differ in level by some 3 dB around 0 dB; zeros if nobody is to be heard.
    """
    total = np.zeros(n_samples)
    heard = [voice for voice in voices if len(voice) > 1 and np.any(voice)]
    n_talkers = min(int(rng.integers(1, _MOST_TALKERS + 1)), len(heard))
    for i in rng.permutation(len(heard))[:n_talkers].tolist():
        at = np.arange(0, len(heard[i]) - 1, np.exp(rng.uniform(-0.3, 0.3)))
        voice = with_level(np.interp(at, np.arange(len(heard[i])), heard[i]), sr, db=rng.normal(0, 3))
        total += np.resize(np.roll(voice, -int(rng.integers(len(voice)))), n_samples)
    return total


def tones(n_samples: int, sr: int, *, rng: np.random.Generator) -> Noise:
    """One to four parts of notes with overtones, most with beats of a drum: machines, alarms, music.

    Parameters
    ----------
    n_samples, sr, rng
        As of `coloured`.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Of any level.
    """
    y = np.zeros(n_samples)
    for _ in range(int(rng.integers(1, 5))):
        _part(y, sr, rng)
    if rng.random() < 0.6:
        _drum(y, sr, rng)
    return y


def _wander(seconds: float, at_s: Noise, *, step_s: float, rng: np.random.Generator) -> Noise:
    """A random line between -1 and 1 that turns every `step_s` seconds."""
    corners = np.arange(0, seconds + 2 * step_s, step_s)
    line: Noise = np.interp(at_s, corners, rng.uniform(-1, 1, len(corners)))
    return line


def _part(y: Noise, sr: int, rng: np.random.Generator) -> None:
    """Add notes of one instrument."""
    n_overtones, lowest_hz = int(rng.integers(1, 14)), np.exp(rng.uniform(np.log(60), np.log(700)))
    decay_s, darkness = rng.uniform(0.15, 1.5), rng.uniform(0.5, 2.5)
    beat_s, vibrato, vibrato_hz = rng.uniform(0.15, 0.9), rng.uniform(0, 0.01), rng.uniform(4, 7)
    start_s = -rng.uniform(0, beat_s)
    while start_s < len(y) / sr:
        hz = lowest_hz * 2 ** (rng.integers(0, 18) / 12)
        end_s = start_s + rng.uniform(0.8, 1.5) * beat_s
        heard = slice(max(round(start_s * sr), 0), max(round(end_s * sr), 0))
        at_s = np.arange(len(y))[heard] / sr
        since = at_s - start_s
        swell = np.exp(-since / decay_s) * np.clip(since / 0.01, 0, 1) * np.clip((end_s - at_s) / 0.02, 0, 1)
        turns = hz * (since + vibrato / vibrato_hz * np.sin(2 * np.pi * vibrato_hz * since))
        for k in range(1, n_overtones + 1):
            if hz * k < sr / 2:
                y[heard] += swell * k**-darkness * np.sin(2 * np.pi * (k * turns + rng.uniform()))
        start_s += beat_s * rng.choice([0.5, 1, 1, 2])


def _drum(y: Noise, sr: int, rng: np.random.Generator) -> None:
    """Add bursts of noise on most beats, some of them dull."""
    beat_s = 30 / rng.uniform(70, 170)
    start_s = rng.uniform(0, beat_s)
    while start_s < len(y) / sr:
        if rng.random() < 0.7:
            first = int(start_s * sr)
            length = min(len(y) - first, int(0.4 * sr))
            burst = rng.standard_normal(length) * np.exp(-np.arange(length) / sr / rng.uniform(0.01, 0.08))
            if rng.random() < 0.5:
                burst = 0.1 * np.cumsum(burst)
            y[first : first + length] += burst * 10 ** (rng.normal(0, 4) / 20)
        start_s += beat_s

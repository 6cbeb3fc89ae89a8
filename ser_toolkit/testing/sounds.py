"""Synthetic sounds for tests and contract checks: made on the spot, the same everywhere."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["hard_sounds", "sine", "speech"]

VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""First three formants of five vowels (Peterson and Barney 1952, men)."""


def sine(freq_hz: float, *, peak: float, duration_s: float, sr: int) -> NDArray[np.float32]:
    """Sine of constant level.

    Parameters
    ----------
    freq_hz : float
        Frequency in Hz.
    peak : float
        Amplitude; 1.0 is full scale.
    duration_s : float
        Length in seconds.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (round(duration_s * sr),)
        Starts at 0.
    """
    t = np.arange(round(duration_s * sr)) / sr
    return (peak * np.sin(2 * np.pi * freq_hz * t)).astype(np.float32)


def hard_sounds(sr: int, *, duration_s: float = 3.0) -> dict[str, NDArray[np.float32]]:
    """Sounds on which a division or a logarithm goes wrong.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    duration_s : float, optional
        Length in seconds of all but the short ones.

    Returns
    -------
    dict of str to ndarray of float32
        Name of the sound to mono audio within [-1, 1].
    """
    n = round(duration_s * sr)
    noise = np.random.default_rng(7).standard_normal(n).clip(-4, 4) / 8
    click = np.zeros(n)
    click[n // 2] = 1.0
    sounds = {
        "silence": np.zeros(n),
        "direct current": np.full(n, 0.5),
        "full-scale direct current": np.ones(n),
        "clipped sine": np.clip(5 * sine(150, peak=1, duration_s=duration_s, sr=sr), -1, 1),
        "click": click,
        "noise": noise,
        "barely audible noise": noise * 1e-6,
        "0.1 s of noise": noise[: sr // 10],
        "0.1 s of silence": np.zeros(sr // 10),
    }
    return {name: np.asarray(y, dtype=np.float32) for name, y in sounds.items()}


def speech(duration_s: float, sr: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Speech-like sound: phrases of syllables with voiced and voiceless parts, changing pitch, vowel and level.

    Parameters
    ----------
    duration_s : float
        Length in seconds.
    sr : int
        Sample rate in Hz.
    seed : int, optional
        Another seed, another utterance.

    Returns
    -------
    ndarray of float32, shape (round(duration_s * sr),)
        Peak 0.5, with noise 60 dB below; voiced stretches last 0.1 to 0.25 s, pauses 0.2 to 0.5 s.
    """
    return _speech(round(duration_s * sr), sr, seed).copy()


@functools.lru_cache(maxsize=8)
def _speech(n: int, sr: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    voiced, voiceless, pitch_hz = np.zeros(n), np.zeros(n), np.full(n, 120.0)
    formants_hz = np.full((3, n), 500.0)
    at = 0
    while at < n:
        pitch, level = rng.uniform(100, 230), rng.uniform(0.15, 1.0)
        for k in range(int(rng.integers(4, 9))):
            consonant, vowel = round(rng.uniform(0.04, 0.12) * sr), round(rng.uniform(0.1, 0.25) * sr)
            voiceless[at : at + consonant] = rng.uniform(0.05, 0.2) * level
            voiced[at + consonant : at + consonant + vowel] = rng.uniform(0.6, 1.0) * level
            pitch_hz[at : at + consonant + vowel] = pitch * (1 - 0.03 * k) * rng.uniform(0.92, 1.12)
            formants_hz[:, at : at + consonant + vowel] = np.array(VOWELS_HZ[rng.integers(5)])[:, None]
            at += consonant + vowel
        at += round(rng.uniform(0.2, 0.5) * sr)
    glide = np.hanning(max(3, round(0.03 * sr)))
    glide /= glide.sum()
    ends = len(glide)
    tracks = [voiced, voiceless, pitch_hz, *formants_hz]
    tracks = [np.convolve(np.pad(x, ends, mode="edge"), glide, mode="same")[ends:-ends] for x in tracks]
    voiced, voiceless, pitch_hz = tracks[:3]
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sr
    y = np.zeros(n)
    for k in range(1, 1 + int(min(0.45 * sr, 5500) / 260)):
        resonance = sum(1 / (1 + ((k * pitch_hz - formant) / 90) ** 2) for formant in tracks[3:])
        y += (0.02 + resonance) / k**0.5 * np.sin(k * phase)
    noise = rng.standard_normal(n + 1)
    y = voiced * y + voiceless * np.diff(noise)
    return np.asarray(0.5 * y / max(np.abs(y).max(), 1e-9) + 5e-4 * noise[1:] / 4, dtype=np.float32)

"""Something like music: chords, a bass and drums in a random key and tempo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["music"]

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 4, 4), (5, 3, 0, 4), (1, 4, 0, 5))
"""Degrees of the scale on which the four bars of a round begin."""

_BEATS = 4
_PARTIALS = 8


def music(n_samples: int, sr: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Chords, a bass and drums, 4/4, at 70 to 160 beats a minute.

    Parameters
    ----------
    n_samples : int
        Length.
    sr : int
        Sample rate in Hz.
    rng : numpy.random.Generator
        Decides key, tempo, progression, timbre, balance of the parts and where in the bar it begins.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Variance about 1.
    """
    beat_s = 60 / rng.uniform(70, 160)
    tonic = rng.uniform(48, 60)  # in semitones as MIDI counts them; any tuning
    degrees = _PROGRESSIONS[int(rng.integers(len(_PROGRESSIONS)))]
    fall = rng.uniform(0.8, 2.0)  # of the partials' amplitudes
    chords, bass, drums = rng.uniform(0.5, 1.0, size=3)
    first_s = rng.uniform(0, _BEATS * len(degrees)) * beat_s
    notes: dict[tuple[int, int], NDArray[np.float64]] = {}

    def note(semitones: int, beats: int) -> NDArray[np.float64]:
        if (semitones, beats) not in notes:
            notes[semitones, beats] = _note(tonic + semitones, beats * beat_s, sr, fall)
        return notes[semitones, beats]

    total = np.zeros(n_samples)
    begin = int(first_s / beat_s) // 2 * 2  # of the chord that sounds already
    for beat in range(begin, int((first_s + n_samples / sr) / beat_s) + 1):
        root = degrees[beat // _BEATS % len(degrees)]
        at = beat * beat_s - first_s
        if beat % 2 == 0:
            for third in (0, 2, 4):
                _add(total, at, note(_semitones(root + third), 2), sr, chords)
        _add(total, at, note(_semitones(root) - 12, 1), sr, 1.5 * bass)
        _add(total, at, _kick(sr) if beat % 2 == 0 else _snare(sr, rng), sr, 2 * drums)
        for half in (0.0, 0.5):
            _add(total, at + half * beat_s, _hat(sr, rng), sr, 0.5 * drums)
    deviation = total.std() if n_samples else 0.0
    return total / deviation if deviation > 0 else total


def _semitones(degree: int) -> int:
    return 12 * (degree // len(_MAJOR)) + _MAJOR[degree % len(_MAJOR)]


def _note(pitch: float, seconds: float, sr: int, fall: float) -> NDArray[np.float64]:
    """A plucked tone whose higher partials die sooner."""
    hz = 440 * 2 ** ((pitch - 69) / 12)
    t = np.arange(int(seconds * sr)) / sr
    before, partial = np.zeros(len(t)), np.sin(2 * np.pi * hz * t)
    twice_cosine, sooner = 2 * np.cos(2 * np.pi * hz * t), np.exp(-0.5 * t)
    envelope = np.exp(-1.5 * t) * np.minimum(1, t / 0.01)
    tone = np.zeros(len(t))
    for k in range(1, min(_PARTIALS, int(sr / 2 / hz)) + 1):
        envelope *= sooner
        tone += partial * envelope / k**fall
        before, partial = partial, twice_cosine * partial - before  # sin((k + 1) x) from sin(k x) and sin((k - 1) x)
    return tone


def _kick(sr: int) -> NDArray[np.float64]:
    t = np.arange(int(0.25 * sr)) / sr
    return np.asarray(np.sin(2 * np.pi * (50 * t - 8 * np.exp(-12 * t))) * np.exp(-14 * t))


def _snare(sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(int(0.2 * sr)) / sr
    return (0.4 * rng.standard_normal(len(t)) + 0.5 * np.sin(2 * np.pi * 190 * t)) * np.exp(-20 * t)


def _hat(sr: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(int(0.06 * sr)) / sr
    return np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-70 * t) * 0.5


def _add(total: NDArray[np.float64], start_s: float, sound: NDArray[np.float64], sr: int, loudness: float) -> None:
    first = round(start_s * sr)
    sound = sound[max(0, -first) :]
    first = max(0, first)
    end = min(first + len(sound), len(total))
    if first < end:
        total[first:end] += loudness * sound[: end - first]

"""Sounds that are not speech, made by formulas: what `benchmarks/out_of_domain.py` tries.

Each takes a random generator and a time axis in seconds, float64 (n,), and gives (n,) at any level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]
Maker = Callable[[np.random.Generator, Sound], Sound]

SR = 16_000


def _coloured(rng: np.random.Generator, t: Sound, gain: Callable[[Sound], Sound]) -> Sound:
    """Noise with a gain over frequency in Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(len(t)))
    f = np.maximum(np.fft.rfftfreq(len(t), 1 / SR), 20.0)
    return np.fft.irfft(spectrum * gain(f), len(t))


def _slow(rng: np.random.Generator, t: Sound, hz: float) -> Sound:
    """A random curve from 0 to 1 that changes about `hz` times a second."""
    knots = rng.random(max(4, int(t[-1] * hz) + 3))
    return np.interp(t * hz, np.arange(len(knots)), knots)


def _placed(t: Sound, at_s: float, event: Sound, y: Sound) -> None:
    first = int(at_s * SR)
    part = event[: max(0, len(t) - first)]
    y[first : first + len(part)] += part


def white_noise(rng: np.random.Generator, t: Sound) -> Sound:
    """The same power at all frequencies."""
    return rng.standard_normal(len(t))


def pink_noise(rng: np.random.Generator, t: Sound) -> Sound:
    """The same power in every octave."""
    return _coloured(rng, t, lambda f: f**-0.5)


def brown_noise(rng: np.random.Generator, t: Sound) -> Sound:
    """A rumble."""
    return _coloured(rng, t, lambda f: 1 / f)


def speech_shaped_noise(rng: np.random.Generator, t: Sound) -> Sound:
    """The spectrum of long-term speech: flat to 500 Hz, then down by 9 dB an octave; steady."""
    return _coloured(rng, t, lambda f: np.where(f < 100, 0.1, 1.0) * np.minimum(1.0, (500 / f) ** 1.5))


def noise_in_syllables(rng: np.random.Generator, t: Sound) -> Sound:
    """Speech-shaped noise whose level moves as that of speech does, 3 to 6 times a second."""
    return speech_shaped_noise(rng, t) * _slow(rng, t, rng.uniform(6, 12)) ** 2


def wind(rng: np.random.Generator, t: Sound) -> Sound:
    """Gusts of low noise."""
    gusts = 0.15 + _slow(rng, t, rng.uniform(0.5, 2.0)) ** 2
    low = _coloured(rng, t, lambda f: (200 / f) ** 1.5 / (1 + (f / 800) ** 2))
    return low * gusts


def rain(rng: np.random.Generator, t: Sound) -> Sound:
    """Hiss and drops."""
    y = 0.2 * _coloured(rng, t, lambda f: np.minimum(1.0, f / 2000))
    for at_s in rng.uniform(0, t[-1], int(60 * t[-1])):
        n = int(rng.uniform(0.002, 0.01) * SR)
        _placed(t, at_s, rng.standard_normal(n) * np.exp(-5 * np.arange(n) / n) * rng.random() * 2, y)
    return y


def applause(rng: np.random.Generator, t: Sound) -> Sound:
    """Many hands, each clap at a pitch of its own."""
    y = np.zeros(len(t))
    for at_s in rng.uniform(0, t[-1], int(rng.uniform(15, 120) * t[-1])):
        n = int(0.03 * SR)
        clap = rng.standard_normal(n) * np.exp(-8 * np.arange(n) / n)
        _placed(t, at_s, clap * np.sin(2 * np.pi * rng.uniform(600, 2500) * np.arange(n) / SR), y)
    return y


def clicks(rng: np.random.Generator, t: Sound) -> Sound:
    """A clock, or typing."""
    y = 0.002 * rng.standard_normal(len(t))
    at_s = 0.0
    while at_s < t[-1]:
        at_s += rng.uniform(0.05, 0.5)
        n = int(rng.uniform(0.001, 0.012) * SR) + 2
        _placed(t, at_s, rng.standard_normal(n) * np.exp(-6 * np.arange(n) / n) * rng.uniform(0.3, 1), y)
    return y


def percussion(rng: np.random.Generator, t: Sound) -> Sound:
    """A loop of kick, snare and hi-hat."""
    y, beat_s = np.zeros(len(t)), 60 / rng.uniform(80, 150) / 2
    n = int(0.2 * SR)
    k = np.arange(n) / SR
    kick = np.sin(2 * np.pi * (50 * k + 6 * (1 - np.exp(-k * 25)))) * np.exp(-12 * k)
    snare = (0.6 * rng.standard_normal(n) + np.sin(2 * np.pi * 190 * k)) * np.exp(-22 * k)
    hat = np.diff(rng.standard_normal(n + 1)) * np.exp(-70 * k) * 0.3
    for i in range(int(t[-1] / beat_s) + 1):
        _placed(t, i * beat_s, hat, y)
        if i % 4 in (0, 3 if rng.random() < 0.3 else 0):
            _placed(t, i * beat_s, kick, y)
        if i % 4 == 2:
            _placed(t, i * beat_s, snare, y)
    return y


def hum(rng: np.random.Generator, t: Sound) -> Sound:
    """Mains and its harmonics."""
    f = rng.choice([50.0, 60.0])
    y = sum(rng.uniform(0.1, 1) / k * np.sin(2 * np.pi * k * f * t + rng.uniform(0, 6)) for k in range(1, 16))
    return y + 0.02 * rng.standard_normal(len(t))


def tone(rng: np.random.Generator, t: Sound) -> Sound:
    """A sine that is switched on and off."""
    return np.sin(2 * np.pi * np.exp(rng.uniform(np.log(80), np.log(4000))) * t) * (
        0.5 + 0.5 * (_slow(rng, t, 1) > 0.3)
    )


def beeps(rng: np.random.Generator, t: Sound) -> Sound:
    """An alarm: sine or square."""
    period = rng.uniform(0.3, 1.2)
    on = (t % period) < period * rng.uniform(0.2, 0.6)
    return np.sign(np.sin(2 * np.pi * rng.uniform(500, 3000) * t)) * on if rng.random() < 0.5 else (
        np.sin(2 * np.pi * rng.uniform(500, 3000) * t) * on
    )  # fmt: skip


def dialling(rng: np.random.Generator, t: Sound) -> Sound:
    """Telephone keys: two tones each."""
    y = np.zeros(len(t))
    n = int(0.12 * SR)
    k = np.arange(n) / SR
    at_s = 0.05
    while at_s < t[-1]:
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477, 1633])
        _placed(t, at_s, np.sin(2 * np.pi * low * k) + np.sin(2 * np.pi * high * k), y)
        at_s += rng.uniform(0.18, 0.35)
    return y


def sweep(rng: np.random.Generator, t: Sound) -> Sound:
    """A rising tone, again and again."""
    low, high, period = rng.uniform(60, 300), rng.uniform(1000, 7000), rng.uniform(0.5, 4)
    ratio = np.log(high / low)
    part = t % period
    return np.sin(2 * np.pi * low * period / ratio * (np.exp(part / period * ratio) - 1))


def siren(rng: np.random.Generator, t: Sound) -> Sound:
    """A tone that goes up and down."""
    f = rng.uniform(600, 1000) + rng.uniform(100, 400) * np.sin(2 * np.pi * rng.uniform(0.2, 3) * t)
    phase = 2 * np.pi * np.cumsum(f) / SR
    return np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)


def bird_song(rng: np.random.Generator, t: Sound) -> Sound:
    """Chirps from 2 to 6 kHz."""
    y = 0.003 * rng.standard_normal(len(t))
    at_s = 0.0
    while at_s < t[-1]:
        at_s += rng.uniform(0.05, 0.6)
        n = int(rng.uniform(0.04, 0.25) * SR)
        k = np.linspace(0, 1, n)
        f = rng.uniform(1800, 5500) + rng.uniform(-1500, 1500) * k + rng.uniform(0, 500) * np.sin(2 * np.pi * 12 * k)
        _placed(t, at_s, np.sin(2 * np.pi * np.cumsum(f) / SR) * np.sin(np.pi * k), y)
    return y


def barking(rng: np.random.Generator, t: Sound) -> Sound:
    """Short harsh harmonic bursts with two resonances."""
    y = 0.003 * rng.standard_normal(len(t))
    at_s = 0.1
    while at_s < t[-1]:
        n = int(rng.uniform(0.1, 0.22) * SR)
        k = np.linspace(0, 1, n)
        f = rng.uniform(300, 600) * (1 + 0.4 * np.sin(np.pi * k))
        phase = 2 * np.pi * np.cumsum(f) / SR
        bark = sum(np.sin(h * phase) / h**0.7 for h in range(1, 9)) + 0.7 * rng.standard_normal(n)
        _placed(t, at_s, bark * np.sin(np.pi * k) ** 0.5, y)
        at_s += rng.uniform(0.3, 0.9)
    return y


def engine(rng: np.random.Generator, t: Sound) -> Sound:
    """Low harmonics of a speed that changes, and rumble."""
    f = rng.uniform(20, 90) * (1 + rng.uniform(0, 0.8) * _slow(rng, t, 0.8))
    phase = 2 * np.pi * np.cumsum(f) / SR
    y = sum(rng.uniform(0.2, 1) * np.sin(h * phase + rng.uniform(0, 6)) / h**0.5 for h in range(1, 25))
    return y * (1 + 0.2 * rng.standard_normal(len(t))) + 0.3 * _coloured(rng, t, lambda f: 100 / f)


def _note(rng: np.random.Generator, f: float, seconds: float, voice: str) -> Sound:
    n = max(1, int(seconds * SR))
    k = np.arange(n) / SR
    if voice == "plucked":
        return sum(np.sin(2 * np.pi * h * f * k) * np.exp(-k * (3 + 2 * h)) / h for h in range(1, 9))
    phase = 2 * np.pi * f * k
    if voice == "violin":
        phase = phase + 2 * np.pi * f * 0.01 / 6 * np.sin(2 * np.pi * 6 * k)
    shape = np.minimum(1, k / 0.03) * np.minimum(1, (seconds - k) / 0.05)
    steep = {"organ": 1.5, "violin": 1.0, "flute": 3.0}[voice]
    return sum(np.sin(h * phase) / h**steep for h in range(1, 11) if h * f < SR / 2) * shape


_SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12])


def _tune(rng: np.random.Generator, t: Sound, voice: str, n_voices: int, base_hz: float) -> Sound:
    y, at_s = np.zeros(len(t)), 0.0
    while at_s < t[-1]:
        seconds = rng.choice([0.15, 0.25, 0.5, 1.0])
        for step in rng.choice(_SCALE, n_voices, replace=False):
            _placed(t, at_s, _note(rng, base_hz * 2 ** (step / 12), seconds, voice), y)
        at_s += seconds
    return y


def melody(rng: np.random.Generator, t: Sound) -> Sound:
    """One note at a time on one of four instruments."""
    return _tune(rng, t, rng.choice(["plucked", "organ", "flute", "violin"]), 1, rng.uniform(110, 500))


def chords(rng: np.random.Generator, t: Sound) -> Sound:
    """Three notes at a time."""
    return _tune(rng, t, rng.choice(["plucked", "organ", "violin"]), 3, rng.uniform(100, 300))


def band(rng: np.random.Generator, t: Sound) -> Sound:
    """Melody, chords, bass and percussion."""
    parts = [melody(rng, t), 0.5 * chords(rng, t), percussion(rng, t), _tune(rng, t, "plucked", 1, rng.uniform(40, 70))]
    return sum(part / (np.abs(part).max() + 1e-9) for part in parts)


NOISES: dict[str, Maker] = {
    f.__name__.replace("_", " "): f
    for f in (white_noise, pink_noise, brown_noise, speech_shaped_noise, noise_in_syllables, wind, rain, applause,
              clicks, engine, hum, tone, beeps, dialling, sweep, siren, bird_song, barking)
}  # fmt: skip
MUSIC: dict[str, Maker] = {f.__name__: f for f in (percussion, melody, chords, band)}


def mixture(rng: np.random.Generator, t: Sound) -> Sound:
    """Two or three of the others at random levels."""
    makers = [*NOISES.values(), *MUSIC.values()]
    picked = rng.choice(len(makers), rng.integers(2, 4), replace=False)
    parts = [makers[i](rng, t) for i in picked]
    return sum(part / (part.std() + 1e-9) * rng.uniform(0.2, 1) for part in parts)


MAKERS: dict[str, Maker] = {**NOISES, **MUSIC, "mixture": mixture}


def sound(kind: str, seed: int, seconds: float) -> NDArray[np.float32]:
    """One item: float32, (seconds * 16,000,), peak from -30 to -1 dBFS."""
    rng = np.random.default_rng([seed, list(MAKERS).index(kind)])
    y = MAKERS[kind](rng, np.arange(round(seconds * SR)) / SR)
    y = y - y.mean()
    return np.asarray(y / np.abs(y).max() * 10 ** (rng.uniform(-30, -1) / 20), dtype=np.float32)

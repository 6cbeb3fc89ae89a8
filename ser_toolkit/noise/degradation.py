"""One recording, degraded: the same result wherever and in whatever order it is made."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.audio import recording_hash
from ser_toolkit.errors import ConfigError
from ser_toolkit.noise import channels
from ser_toolkit.noise.additive import add_noise
from ser_toolkit.noise.conditions import Condition, parse_condition
from ser_toolkit.noise.generators import babble, pink, white
from ser_toolkit.noise.music import music
from ser_toolkit.noise.rooms import reverberate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Degrade = Callable[..., NDArray[np.float32]]

__all__ = ["degrade", "generator_of"]


def degrade(
    y: NDArray[np.floating[Any]],
    sr: int,
    condition: str | Condition,
    *,
    seed: int = 0,
    voices: Sequence[NDArray[np.floating[Any]]] = (),
) -> NDArray[np.float32]:
    """Degrade one recording.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio, nominally within [-1, 1]; left untouched.
    sr : int
        Sample rate in Hz.
    condition : str or Condition
        ``white:SNR``, ``pink:SNR``, ``babble:SNR``, ``music:SNR`` (dB relative to the level of the active speech),
        ``reverb:RT60`` (seconds), ``telephone``, ``opus:RATE``, ``mp3:RATE`` (kbit/s), ``clip:PERCENT``.
    seed : int, optional
        Of the noise, 0 or more.
    voices : sequence of ndarray, shape (n,), optional
        Recordings of other people at `sr`, for ``babble`` only.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        As long as `y` and in step with it, within full scale: a mixture that would exceed it is scaled down as a whole.
        Silence stays silence.

    Raises
    ------
    ConfigError
        If there is no such condition, `y` is not mono or not of floats, or babble gets no voices.

    Notes
    -----
    Random numbers depend on the seed, on the samples of the recording and on the kind of noise, not on its level: the
    same noise at 10 and at 0 dB, so that a curve over levels shows the level alone.
    """
    wanted = parse_condition(condition) if isinstance(condition, str) else condition
    y = np.asarray(y)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.floating):
        raise ConfigError(f"a recording to degrade is mono, floats of shape (n_samples,), not {y.dtype} of {y.shape}")
    if not len(y):
        return np.zeros(0, dtype=np.float32)
    rng = generator_of(wanted.kind, y, seed=seed)
    return _KINDS[wanted.kind](y, sr, wanted.value, rng, voices)


def generator_of(kind: str, y: NDArray[np.floating[Any]], *, seed: int) -> np.random.Generator:
    """Random numbers of one kind of noise for one recording.

    Parameters
    ----------
    kind : str
        Any name; other names give other numbers.
    y : ndarray, shape (n_samples,)
        The recording.
    seed : int
        0 or more.

    Returns
    -------
    numpy.random.Generator
        The same in every process.
    """
    number = recording_hash(np.ascontiguousarray(y, dtype=np.float32))
    return np.random.default_rng(np.random.SeedSequence([seed, number, zlib.crc32(kind.encode())]))


_KINDS: dict[str, _Degrade] = {
    "white": lambda y, sr, snr, rng, _: add_noise(y, white(len(y), rng=rng), sr, snr_db=snr),
    "pink": lambda y, sr, snr, rng, _: add_noise(y, pink(len(y), sr, rng=rng), sr, snr_db=snr),
    "babble": lambda y, sr, snr, rng, voices: add_noise(y, babble(len(y), sr, voices, rng=rng), sr, snr_db=snr),
    "music": lambda y, sr, snr, rng, _: add_noise(y, music(len(y), sr, rng=rng), sr, snr_db=snr),
    "reverb": lambda y, sr, rt60, rng, _: reverberate(y, sr, rt60_s=rt60, rng=rng),
    "telephone": lambda y, sr, *_: channels.telephone(y, sr),
    "opus": lambda y, sr, kbps, *_: channels.opus(y, sr, kbps=kbps),
    "mp3": lambda y, sr, kbps, *_: channels.mp3(y, sr, kbps=kbps),
    "clip": lambda y, sr, percent, *_: channels.clip(y, share=percent / 100),
}

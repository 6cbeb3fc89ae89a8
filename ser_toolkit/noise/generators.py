"""Noise: white and pink by synthesis, babble out of other people's recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ConfigError
from ser_toolkit.noise.levels import with_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MOST_TALKERS", "babble", "pink", "white"]

FEWEST_TALKERS = 4
MOST_TALKERS = 8
_LOWEST_HZ = 20.0


def white(n_samples: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise with the same power in every hertz.

    Parameters
    ----------
    n_samples : int
        Length.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Variance 1.
    """
    return rng.standard_normal(n_samples)


def pink(n_samples: int, sr: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise with the same power in every octave above 20 Hz: 3 dB less for each.

    Parameters
    ----------
    n_samples : int
        Length.
    sr : int
        Sample rate in Hz.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Variance about 1; nothing below 20 Hz, which nobody hears but levels would count.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(max(n_samples, 1), real=True)
    spectrum = rfft(rng.standard_normal(length))
    hz = np.fft.rfftfreq(length, 1 / sr)
    heard = hz >= _LOWEST_HZ
    spectrum *= np.divide(1.0, np.sqrt(hz), out=np.zeros(len(hz)), where=heard)
    noise = np.asarray(irfft(spectrum, length)[:n_samples])
    deviation = noise.std() if n_samples else 0.0
    return noise / deviation if deviation > 0 else noise


def babble(
    n_samples: int, sr: int, voices: Sequence[NDArray[np.floating]], *, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Several people who talk at once, equally loud.

    Parameters
    ----------
    n_samples : int
        Length.
    sr : int
        Sample rate in Hz.
    voices : sequence of ndarray, shape (n,)
        Recordings at `sr`, each of one person, of any length and level. Four to eight of them, drawn by `rng`, are
        heard, or all if they are fewer; each is repeated from a random place.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        Each voice has an active level of 0 dB.

    Raises
    ------
    ConfigError
        If no voice is to be heard.
    """
    talkers = int(rng.integers(FEWEST_TALKERS, MOST_TALKERS + 1))
    total, heard = np.zeros(n_samples), 0
    for i in rng.permutation(len(voices)).tolist():
        if heard == talkers:
            break
        if not np.any(voices[i]):
            continue
        voice = with_level(voices[i], sr, db=0.0)
        first, heard = int(rng.integers(len(voice))), heard + 1
        total += np.resize(np.roll(voice, -first), n_samples)
    if not heard:
        raise ConfigError(
            "babble is made of other people's recordings, and none was given in which anything is heard: give voices"
        )
    return total

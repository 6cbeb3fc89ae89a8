"""All low-level descriptors of a recording, and the functionals of any part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.formants import formants
from ser_toolkit_gemaps.frames import wave
from ser_toolkit_gemaps.functionals import contour_statistics, moments, smooth, smooth_nonzero
from ser_toolkit_gemaps.harmonics import harmonics
from ser_toolkit_gemaps.loudness import loudness
from ser_toolkit_gemaps.periods import jitter_shimmer
from ser_toolkit_gemaps.pitch import track
from ser_toolkit_gemaps.spectral import alpha_ratio, energy, flux, hammarberg_index, mfcc, slope, sound_level
from ser_toolkit_gemaps.spectrum import gauss60, hamming20, power
from ser_toolkit_gemaps.temporal import temporal_statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit_gemaps.pitch import Track

__all__ = ["Descriptors", "describe", "join", "summarise"]

REFERENCE_HZ = 27.5
"""Frequency of 0 semitones: the lowest A of a piano."""

N_SPECTRAL, N_VOICE = 9, 14
"""Columns of alpha ratio to MFCC 4, and of jitter to the amplitude of the third formant."""


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """Smoothed low-level descriptors of a recording, every 10 ms.

    Parameters
    ----------
    short : ndarray of float32, shape (n_short, 10)
        Of 20 ms frames: loudness, alpha ratio, Hammarberg index, slopes, flux, MFCC 1-4; ``sma3``.
    energy : ndarray of float64, shape (n_short,)
        Mean square of each 20 ms frame, not smoothed.
    voice : ndarray of float32, shape (n_long, 15)
        Of 60 ms frames: F0 in semitones, 0 where unvoiced, jitter to the amplitude of the third formant with the
        formants wherever there is a spectrum; ``sma3nz``. These are the descriptors that openSMILE gives out.
    voiced : ndarray of float32, shape (n_long, 24)
        F0, the fourteen descriptors of the voice and the nine of the spectrum; formants and spectrum are 0 where
        unvoiced; ``sma3nz``.
    unvoiced : ndarray of float32, shape (n_long, 5)
        Alpha ratio, Hammarberg index, slopes and flux, 0 where voiced; ``sma3nz``.
    settled : ndarray of int64, shape (n_long,)
        Frames whose pitch is decided when this one is the last, see `ser_toolkit_gemaps.pitch.Track`.
    """

    short: NDArray[np.float32]
    energy: NDArray[np.float64]
    voice: NDArray[np.float32]
    voiced: NDArray[np.float32]
    unvoiced: NDArray[np.float32]
    settled: NDArray[np.int64]

    def table(self) -> NDArray[np.float32]:
        """The 25 descriptors in the order of `ser_toolkit_gemaps.names.LLDS`, shape (n_long, 25)."""
        return np.concatenate([self.short[: len(self.voice)], self.voice], axis=1)


def describe(y: NDArray[np.float32], sr: int) -> Descriptors:
    """Low-level descriptors of a recording.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio within [-1, 1]; clipped to it. 60 ms or more.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Descriptors
        Frames begin every 10 ms from the first sample on and lie wholly inside.
    """
    samples = wave(y)
    spectra = hamming20(samples, sr)
    powers = power(spectra)
    spectral = np.empty((len(powers), 1 + N_SPECTRAL), dtype=np.float32)
    spectral[:, 0] = loudness(powers, sr)
    spectral[:, 1] = alpha_ratio(powers, sr)
    spectral[:, 2] = hammarberg_index(powers, sr)
    spectral[:, 3] = slope(powers, sr, low_hz=0, high_hz=500)
    spectral[:, 4] = slope(powers, sr, low_hz=500, high_hz=1500)
    spectral[:, 5] = flux(powers, sr)
    spectral[:, 6:] = mfcc(powers, sr)
    magnitude, rms = gauss60(samples, sr)
    pitch = track(magnitude, rms, sr)
    pitch_hz = pitch.f0_hz
    frequency, bandwidth = (values[: len(pitch_hz)] for values in formants(spectra, sr))
    related = harmonics(pitch_hz, frequency, bandwidth, magnitude, sr)
    voice = np.empty((len(pitch_hz), N_VOICE), dtype=np.float32)
    voice[:, :2] = jitter_shimmer(samples, pitch_hz, sr)
    voice[:, 2:5] = related[:, :3]
    voice[:, 5::3], voice[:, 6::3], voice[:, 7::3] = frequency, bandwidth, related[:, 3:]
    return join(spectral, energy(samples, sr), pitch, voice)


def join(
    spectral: NDArray[np.float32],
    energies: NDArray[np.float64],
    pitch: Track,
    voice: NDArray[np.float32],
) -> Descriptors:
    """Select voiced and unvoiced frames and smooth.

    Parameters
    ----------
    spectral : ndarray of float32, shape (n_short, 10)
        Loudness, alpha ratio, Hammarberg index, slopes, flux, MFCC 1-4 of each 20 ms frame.
    energies : ndarray of float64, shape (n_short,)
        Mean square of each 20 ms frame.
    pitch : Track
        Pitch of the 60 ms frames.
    voice : ndarray of float32, shape (n_long, 14)
        Jitter, shimmer, HNR, H1-H2, H1-A3, then frequency, bandwidth and amplitude of three formants.

    Returns
    -------
    Descriptors
        Smoothed.
    """
    f0_hz, n = pitch.f0_hz, len(pitch.f0_hz)
    heard = f0_hz > REFERENCE_HZ
    semitones = np.zeros((n, 1), dtype=np.float32)
    semitones[heard, 0] = 12 * np.log2(f0_hz[heard] / np.float32(REFERENCE_HZ))
    voiced = np.concatenate([semitones, voice, spectral[:n, 1:]], axis=1)
    resonances = [6, 7, 9, 10, 12, 13]  # frequencies and bandwidths
    voiced[:, [*resonances, *range(1 + N_VOICE, voiced.shape[1])]] *= heard[:, None]
    smoothed = smooth_nonzero(voiced)
    given = smoothed[:, : 1 + N_VOICE].copy()
    given[:, resonances] = smooth_nonzero(voice[:, [k - 1 for k in resonances]])
    return Descriptors(
        short=smooth(spectral),
        energy=energies,
        voice=given,
        voiced=smoothed,
        unvoiced=smooth_nonzero(spectral[:n, 1:6] * ~heard[:, None]),
        settled=pitch.settled,
    )


def summarise(descriptors: Descriptors, *, first: int, n_short: int, n_long: int) -> NDArray[np.float32]:
    """Functionals of a part of a recording.

    Parameters
    ----------
    descriptors : Descriptors
        Of the recording.
    first : int
        First frame.
    n_short, n_long : int
        Frames of 20 ms and of 60 ms that lie wholly inside the part. Of the latter those count whose pitch is decided
        by the end of the part: all but the last, which has no neighbour after it, and sometimes a few before it.

    Returns
    -------
    ndarray of float32, shape (88,)
        In the order of `ser_toolkit_gemaps.names.NAMES`.
    """
    short = descriptors.short[first : first + n_short]
    inside = slice(first, max(int(descriptors.settled[first + n_long - 1]), first + 1))
    voiced = descriptors.voiced[inside]
    pitch = voiced[:, 0]
    heard = pitch != 0
    return np.concatenate(
        [
            contour_statistics(pitch[heard]),
            contour_statistics(short[:, 0]),
            moments(short[:, 5:], nonzero=False).ravel(),
            moments(voiced[:, 1:], nonzero=True).ravel(),
            moments(descriptors.unvoiced[inside], nonzero=True)[:, 0],
            temporal_statistics(short[:, 0], heard),
            [sound_level(descriptors.energy[first : first + n_short])],
        ],
        dtype=np.float32,
    )

"""Fundamental frequency: subharmonic summation, then the smoothest path through the candidates.

References
----------
Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988.
Luengo et al., "Evaluation of pitch detection algorithms under real conditions", ICASSP 2007, section 2.
Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE TAC 7(2), 2016, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Candidates", "Track", "candidates", "f0", "track"]

LOWEST_HZ, HIGHEST_HZ = 55.0, 1000.0
"""Range of the candidates."""

N_CANDIDATES = 6
"""Highest peaks of the subharmonic sum that become candidates, those outside the range included."""

FRAMES_AT_ONCE = 128
"""Frames whose subharmonic sums are held at a time: they stay in the cache of the processor."""

SILENCE_RMS = 0.001
"""Frames quieter than this (of full scale, after the window) are unvoiced."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Pitch candidates of all frames, the best first.

    Attributes
    ----------
    frequency_hz : ndarray of float64, shape (n_frames, 6)
        55 to 1000 Hz; 0 where a frame has fewer candidates.
    voicing : ndarray of float64, shape (n_frames, 6)
        Probability of voicing, 0 to 1: how far the peak stands above the mean of the sum.
    score : ndarray of float64, shape (n_frames, 6)
        Height of the peak.
    count : ndarray of int64, shape (n_frames,)
        Number of candidates.
    """

    frequency_hz: NDArray[np.float64]
    voicing: NDArray[np.float64]
    score: NDArray[np.float64]
    count: NDArray[np.int64]


def candidates(magnitude: NDArray[np.float32], sr: int) -> Candidates:
    """Pitch candidates of each frame by subharmonic summation.

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Magnitude spectra of 60 ms frames under a Gaussian window, see `ser_toolkit_gemaps.spectrum.gauss60`.
    sr : int
        Sample rate in Hz.

    Notes
    -----
    A candidate is a local maximum of the subharmonic sum, its place and height those of the parabola through the
    three points around it. Voicing is 1 - mean of the sum / height, at least 0.
    """
    from ser_toolkit_gemaps.candidates import pick
    from ser_toolkit_gemaps.octave_spectrum import octave_axis, octave_spectra, subharmonic_sums

    axis = octave_axis(magnitude.shape[1], sr)
    octaves_per_point = np.log2(axis[-1] / axis[0]) / (len(axis) - 1)
    parts = []
    for i in range(0, max(len(magnitude), 1), FRAMES_AT_ONCE):
        sums = subharmonic_sums(octave_spectra(magnitude[i : i + FRAMES_AT_ONCE], sr), sr)
        parts.append(pick(sums, axis[0], octaves_per_point, LOWEST_HZ, HIGHEST_HZ, N_CANDIDATES))
    frequency, voicing, score, count = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Candidates(frequency_hz=frequency, voicing=voicing, score=score, count=count)


@dataclass(frozen=True, kw_only=True)
class Track:
    """Fundamental frequency of all frames.

    Attributes
    ----------
    f0_hz : ndarray of float32, shape (n_frames,)
        55 to 1000 Hz, 0 where unvoiced.
    voicing : ndarray of float32, shape (n_frames,)
        Probability of voicing of the candidate that was taken, or of the best one where unvoiced; 0 to 1.
    settled : ndarray of int64, shape (n_frames,)
        How many frames, from the first one on, are decided when this frame is the last that is known. The rest, one
        to four frames as a rule, waits for what follows or for the end; openSMILE's statistics do not see it.
    """

    f0_hz: NDArray[np.float32]
    voicing: NDArray[np.float32]
    settled: NDArray[np.int64]


def track(magnitude: NDArray[np.float32], rms: NDArray[np.float32], sr: int) -> Track:
    """Fundamental frequency of each frame.

    Parameters
    ----------
    magnitude : ndarray of float32, shape (n_frames, n_bins)
        Magnitude spectra of 60 ms frames under a Gaussian window, see `ser_toolkit_gemaps.spectrum.gauss60`.
    rms : ndarray of float32, shape (n_frames,)
        Level of the windowed frames, 0 to 1.
    sr : int
        Sample rate in Hz.

    Notes
    -----
    A frame depends on at most 39 frames (0.39 s) that follow and on all voiced frames before it since voicing began,
    in practice on those of the last 0.4 s.
    """
    from ser_toolkit_gemaps.viterbi import best_path

    n_frames = len(magnitude)
    if n_frames == 0:
        nothing = np.zeros(0, dtype=np.float32)
        return Track(f0_hz=nothing, voicing=nothing, settled=np.zeros(0, dtype=np.int64))
    found = candidates(magnitude, sr)
    path, settled = best_path(found.frequency_hz, found.voicing, found.count)
    rows, voiced = np.arange(n_frames), (path < N_CANDIDATES) & (rms >= SILENCE_RMS)
    taken = np.where(path < N_CANDIDATES, path, 0)
    f0_hz = np.where(voiced, found.frequency_hz[rows, taken], 0.0).astype(np.float32)
    return Track(f0_hz=f0_hz, voicing=found.voicing[rows, taken].astype(np.float32), settled=settled)


def f0(
    magnitude: NDArray[np.float32], rms: NDArray[np.float32], sr: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fundamental frequency and probability of voicing of each frame, see `track`."""
    tracked = track(magnitude, rms, sr)
    return tracked.f0_hz, tracked.voicing

"""Acoustic fingerprints: a recording is found again after re-encoding, trimming, a change of level or some noise.

References
----------
Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002: 33 bands, one 32-bit word per hop, each
bit the sign of a difference over bands and time. Here frames are shorter (0.128 s), amplitudes stand in for energies,
and words of quiet frames are 0 and not compared: read speech has more pauses than music.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEAR", "VERSION", "Match", "fingerprint", "near_pairs", "similarity"]

VERSION = 1
"""Raised whenever the same samples would give another fingerprint."""

NEAR = 0.78
"""Similarity from which two recordings may be one. Measured on emodb, ravdess and nemo (3517 recordings): different
recordings reach 0.75 at most, all of one speaker and sentence; re-encodings of one have 0.78 or more."""

_FRAME_S, _HOP_S = 0.128, 0.016
_LAG = 2
_EDGES_HZ = np.geomspace(300.0, 2000.0, 34)
_QUIET = 1e-3  # of the energy of the loudest frame
_STEADY = 1e-3  # a smaller relative change is rounding
_BITS = (np.uint32(1) << np.arange(32, dtype=np.uint32)).astype(np.uint32)
_ONES = np.array([i.bit_count() for i in range(1 << 16)], dtype=np.uint8)
_OVERLAP = 0.8  # of the sounding words of the shorter fingerprint
_FEWEST = 16  # words, 0.26 s
# words that agree in the 20 bits of a mask are compared around that place; drawn at random, once
_MASKS = (0xEBF4F14D, 0xEBEF45C9, 0xD7ABEBC1)
_NEIGHBOURS = 16  # in a bucket of the index
_AROUND = np.arange(-32, 33, 4)
_AROUND_ERROR = 0.27
_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Match:
    """Two recordings that sound the same.

    Parameters
    ----------
    first, second : int
        Their positions, ascending.
    similarity : float
        Share of equal bits, 0 to 1; 0.5 is chance.
    """

    first: int
    second: int
    similarity: float


def fingerprint(y: NDArray[np.float32], sr: int) -> NDArray[np.uint32]:
    """Fingerprint of a recording.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio; its level does not matter.
    sr : int
        Sample rate in Hz, 4000 or more. Other rates give nearly the same words.

    Returns
    -------
    ndarray of uint32, shape (n,)
        One word per 16 ms, 250 bytes a second; 0 where nothing sounds, at least one word.
    """
    from scipy.fft import rfft  # six times as fast as numpy's

    frame, hop = round(_FRAME_S * sr), round(_HOP_S * sr)
    if len(y) < frame + _LAG * hop:
        y = np.pad(y, (0, frame + _LAG * hop - len(y)))
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(y, dtype=np.float32), frame)[::hop]
    taper = np.hanning(frame).astype(np.float32)
    n_fft = 1 << (frame - 1).bit_length()
    weights, begin = _bands(n_fft, sr)
    loudness = np.empty((len(frames), len(_EDGES_HZ) - 1), dtype=np.float32)  # (n_frames, 33)
    for start in range(0, len(frames), 4096):  # bounds the memory of long recordings
        spectrum = rfft(frames[start : start + 4096] * taper, n_fft, axis=1)[:, begin : begin + len(weights)]
        loudness[start : start + 4096] = (spectrum.real**2 + spectrum.imag**2) @ weights
    energy = loudness.sum(axis=1)
    amplitude = np.sqrt(loudness)
    slope = amplitude[:, :-1] - amplitude[:, 1:]
    level = amplitude.mean(axis=1, keepdims=True)
    bits = slope[_LAG:] - slope[:-_LAG] > _STEADY * (level[_LAG:] + level[:-_LAG])
    words: NDArray[np.uint32] = (bits * _BITS).sum(axis=1, dtype=np.uint32)
    words[np.minimum(energy[_LAG:], energy[:-_LAG]) <= _QUIET * energy.max()] = 0
    return words


def _bands(n_fft: int, sr: int) -> tuple[NDArray[np.float32], int]:
    """Share of each spectral line in each band, (n_lines, 33), and the first line."""
    width = sr / n_fft
    begin, end = int(_EDGES_HZ[0] / width), min(int(_EDGES_HZ[-1] / width) + 2, n_fft // 2 + 1)
    centre = np.arange(begin, end)[:, None] * width
    upper = np.minimum(centre + width / 2, _EDGES_HZ[None, 1:])
    lower = np.maximum(centre - width / 2, _EDGES_HZ[None, :-1])
    return (np.maximum(upper - lower, 0) / width).astype(np.float32), begin


def similarity(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Share of equal bits where two fingerprints fit best.

    Parameters
    ----------
    a, b : ndarray of uint32, shape (n,), (m,)
        Fingerprints.

    Returns
    -------
    float
        0 to 1, 0.5 is chance; over at least 80 % of what sounds in the shorter one. 0 if one is silent.
    """
    if np.count_nonzero(a) > np.count_nonzero(b):
        a, b = b, a
    if not _enough(a, b):
        return 0.0
    if len(a) == len(b) and np.array_equal(a, b):
        return 1.0
    return max(_similarity_at(a, b, offset) for offset in range(-len(b) + 1, len(a)))


def _enough(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Words that have to be compared; 0 if there are too few at all."""
    sounding = min(np.count_nonzero(a), np.count_nonzero(b))
    return max(_FEWEST, _OVERLAP * sounding) if sounding >= _FEWEST else 0


def _similarity_at(a: NDArray[np.uint32], b: NDArray[np.uint32], offset: int) -> float:
    """Share of equal bits with ``a[i + offset]`` beside ``b[i]``."""
    begin, end = max(0, offset), min(len(a), len(b) + offset)
    needed = _enough(a, b)
    if not needed or end - begin < needed:
        return 0.0
    x, y = a[begin:end], b[begin - offset : end - offset]
    both = (x != 0) & (y != 0)
    n = np.count_nonzero(both)
    return 1.0 - float(_ones((x ^ y)[both]).sum()) / (32 * n) if n >= needed else 0.0


def _ones(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Bits that are set, per word."""
    low, high = _ONES[words & np.uint32(0xFFFF)], _ONES[words >> np.uint32(16)]
    total: NDArray[np.int64] = low.astype(np.int64) + high.astype(np.int64)
    return total


def near_pairs(prints: Sequence[NDArray[np.uint32]], *, least: float = NEAR) -> tuple[Match, ...]:
    """Pairs of recordings that sound the same, without comparing all with all.

    Words that agree in 20 of 32 bits point at a pair and a place; the surroundings are compared there, and what is
    alike is compared as a whole.

    Parameters
    ----------
    prints : sequence of ndarray of uint32
        Fingerprints; an empty one matches nothing.
    least : float, optional
        Smallest similarity to report, 0.7 or more.

    Returns
    -------
    tuple of Match
        The most similar first.
    """
    found: dict[tuple[int, int], float] = {}
    for first, second, offset in _candidates(prints):
        if found.get((first, second), 0.0) < 1.0:
            alike = _similarity_at(prints[first], prints[second], offset)
            if alike >= least:
                found[first, second] = max(alike, found.get((first, second), 0.0))
    matches = [Match(first=a, second=b, similarity=s) for (a, b), s in found.items()]
    return tuple(sorted(matches, key=lambda m: (-m.similarity, m.first, m.second)))


def _candidates(prints: Sequence[NDArray[np.uint32]]) -> Iterator[tuple[int, int, int]]:
    """Pairs of recordings, and the offset at which they may fit; see `_similarity_at`."""
    margin = np.zeros(-int(_AROUND[0]), dtype=np.uint32)
    words = np.concatenate([margin, *prints, margin]) if len(prints) else margin
    lengths = [len(p) for p in prints]
    owner = np.concatenate([margin, np.repeat(np.arange(len(prints)), lengths), margin]).astype(np.int64)
    starts = np.cumsum([len(margin), *lengths])[:-1]
    sounding = np.flatnonzero(words)
    rows = []
    for mask in _MASKS:
        keys = words[sounding] & np.uint32(mask)
        fresh = np.ones(len(keys), dtype=bool)  # the first of a run of equal words in one recording
        fresh[1:] = (keys[1:] != keys[:-1]) | (np.diff(owner[sounding]) != 0)
        keys, places = keys[fresh], sounding[fresh]
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], places[order]
        for step in range(1, _NEIGHBOURS):
            same = np.flatnonzero(keys[step:] == keys[:-step])
            if not len(same):
                break
            for begin in range(0, len(same), _CHUNK):
                part = same[begin : begin + _CHUNK]
                rows.append(_alike_around(words, owner, starts, places[part], places[part + step]))
    if rows:
        yield from map(tuple, np.unique(np.concatenate(rows), axis=0).tolist())


def _alike_around(
    words: NDArray[np.uint32],
    owner: NDArray[np.int64],
    starts: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rows of recording, recording and offset, for the places whose surroundings are alike."""
    other = owner[first] != owner[second]
    first, second = first[other], second[other]
    errors = np.zeros(len(first), dtype=np.int64)
    compared = np.zeros(len(first), dtype=np.int64)
    for step in _AROUND:
        x, y = words[first + step], words[second + step]
        both = (x != 0) & (y != 0)
        errors += _ones(x ^ y) * both
        compared += both
    alike = errors < _AROUND_ERROR * 32 * np.maximum(compared, len(_AROUND) // 2)
    first, second = first[alike], second[alike]
    a, b = owner[first], owner[second]
    return np.stack([a, b, (first - starts[a]) - (second - starts[b])], axis=1)

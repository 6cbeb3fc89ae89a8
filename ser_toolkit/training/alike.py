"""The same audio twice: identical samples, fingerprints that agree, stretches of one file that overlap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.data import audio
from ser_toolkit.data.files import identity
from ser_toolkit.data.fingerprint import fingerprint, near_pairs
from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance

__all__ = ["Alike", "Heard", "find_alike", "listen"]

_EACH = 20
"""Of very many equal recordings, each is named with so many of the following ones and with the last."""


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Two utterances that are the same audio.

    Parameters
    ----------
    first, second : int
        Their positions, ascending.
    kind : {"identical", "near", "overlapping"}
        Same samples; alike by fingerprint; overlapping parts of one file.
    similarity : float
        Share of equal bits of the fingerprints, 0.5 is chance; 1 unless ``"near"``.
    """

    first: int
    second: int
    kind: Literal["identical", "near", "overlapping"]
    similarity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What decoding all recordings gave.

    Parameters
    ----------
    recordings : tuple of int
        64-bit hash of the samples of each utterance; 0 where undecodable.
    fingerprints : tuple of ndarray of uint32, shape (n,)
        One per utterance; empty where undecodable.
    unusable : dict of str to str
        File to reason.
    """

    recordings: tuple[int, ...]
    fingerprints: tuple[NDArray[np.uint32], ...]
    unusable: dict[str, str]


def listen(
    utterances: Sequence[Utterance], *, sr: int = 16_000, on_progress: Callable[[int, int], None] | None = None
) -> Heard:
    """Decode, hash and fingerprint all utterances.

    Parameters
    ----------
    utterances : sequence of Utterance
        What to decode.
    sr : int, optional
        Sample rate in Hz.
    on_progress : callable, optional
        Called with (done, total).

    Returns
    -------
    Heard
        In the order of the utterances.
    """
    from ser_toolkit.training.extraction import recording_hash

    recordings, prints, unusable = [], [], {}
    for i, u in enumerate(utterances, 1):
        try:
            y = audio.decode(u.file, sr=sr, start_s=u.start_s, end_s=u.end_s).y
            recordings.append(recording_hash(y))
            prints.append(fingerprint(y, sr))
        except AudioError as error:
            recordings.append(0)
            prints.append(np.zeros(0, dtype=np.uint32))
            unusable[u.key] = str(error)
        if on_progress:
            on_progress(i, len(utterances))
    return Heard(recordings=tuple(recordings), fingerprints=tuple(prints), unusable=unusable)


def find_alike(
    utterances: Sequence[Utterance],
    *,
    recordings: Sequence[int],
    fingerprints: Sequence[NDArray[np.uint32]] = (),
) -> tuple[Alike, ...]:
    """All pairs that are the same audio, wherever they stand.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances.
    recordings : sequence of int
        64-bit hash of the samples of each; 0: not known. Empty: not compared.
    fingerprints : sequence of ndarray of uint32, optional
        One per utterance. Empty: not compared.

    Returns
    -------
    tuple of Alike
        Each pair once, sorted by position.
    """
    found: dict[tuple[int, int], Alike] = {}
    by_file: dict[str, list[tuple[float, float, int]]] = {}
    for i, u in enumerate(utterances):
        end_s = math.inf if u.end_s is None else u.end_s
        by_file.setdefault(identity(u.file), []).append((u.start_s or 0.0, end_s, i))
    for stretches in by_file.values():
        stretches.sort()
        for row, (_, end_s, i) in enumerate(stretches):
            for start_s, _, j in stretches[row + 1 :]:
                if start_s >= end_s:
                    break
                found[min(i, j), max(i, j)] = Alike(first=min(i, j), second=max(i, j), kind="overlapping")
    same: dict[int, list[int]] = {}
    for i, recording in enumerate(recordings):
        if recording:
            same.setdefault(recording, []).append(i)
    for equal in same.values():
        for row, i in enumerate(equal):
            for j in (*equal[row + 1 : row + 1 + _EACH], *equal[-1:]):
                if i != j:
                    found.setdefault((i, j), Alike(first=i, second=j, kind="identical"))
    for match in near_pairs(fingerprints):
        pair = (match.first, match.second)
        found.setdefault(pair, Alike(first=pair[0], second=pair[1], kind="near", similarity=match.similarity))
    return tuple(found[pair] for pair in sorted(found))

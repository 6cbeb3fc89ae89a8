"""Features of one utterance and of its altered copies; what a cache holds is not computed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ser_toolkit.data import audio, quality
from ser_toolkit.data.audio import recording_hash
from ser_toolkit.data.cache_entry import is_there, read_entry
from ser_toolkit.data.cache_key import FINGERPRINT, CacheKeys, content_hash, samples_hash
from ser_toolkit.data.fingerprint import fingerprint
from ser_toolkit.errors import AudioError, ComponentError, ConfigError, SerToolkitError
from ser_toolkit.manifest_features import cells_of, of_utterance
from ser_toolkit.noise.extraction import samples_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.features import FeatureSet

__all__ = ["Augmenter", "Extracted", "Extraction", "Job", "Known", "known_arrays", "known_of", "recording_hash"]

_HASH_BYTES = 8  # of `recording_hash`

Piece = tuple[int, str]
"""Number of the copy, and input name or `FINGERPRINT`."""


class Augmenter(Protocol):
    """What makes altered copies of a recording: `ser_toolkit.data.augment.Augmentation`, or a stand-in. Picklable."""

    @property
    def copies(self) -> int:
        """Altered copies of each recording."""
        ...

    @property
    def wants_voices(self) -> bool:
        """Whether copies are made with other recordings of the same speaker."""
        ...

    def key(self) -> str:
        """Name of everything that the samples of a copy depend on, beside the recordings and its number."""
        ...

    def __call__(
        self,
        y: NDArray[np.float32],
        sr: int,
        *,
        recording: int,
        copy: int,
        voices: Sequence[NDArray[np.float32]] = (),
    ) -> NDArray[np.float32]:
        """Copy number `copy` (from 1) of a recording with this `recording_hash`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """An utterance, how many altered copies of it are wanted, and who may be heard behind them."""

    utterance: Utterance
    copies: int = 0
    voices: tuple[Utterance, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a cache says of an utterance without decoding it: the hashes of its samples."""

    samples: bytes
    recording: int


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """What one utterance gave: arrays by copy and input name, or the reason why not.

    Parameters
    ----------
    pieces : dict
        ``(copy, input name)`` to a list of float32 arrays, one a window; ``(0, FINGERPRINT)`` to a list of one uint32
        array. A copy that cannot be made is absent; the recording itself never is.
    recording : int
        `recording_hash`; 0 where excluded.
    samples, content : bytes
        Hashes of the samples and of the file, where a cache is in use and they are certain.
    fresh : frozenset
        Pieces that were computed.
    reason : str
        Why the utterance cannot be used; empty if it can.
    """

    pieces: dict[Piece, list[NDArray[Any]]]
    recording: int = 0
    samples: bytes = b""
    content: bytes = b""
    fresh: frozenset[Piece] = frozenset()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """From an utterance to its features; picklable, for worker processes.

    Parameters
    ----------
    features : FeatureSet
        Extractors and windows.
    augmentation : Augmenter or None
        Makes the copies.
    keys : CacheKeys or None
        Where a cache keeps what was computed before; it is only read here.
    """

    features: FeatureSet
    augmentation: Augmenter | None = None
    keys: CacheKeys | None = None

    def __call__(self, job: Job) -> Extracted:
        """Decode, check and extract one utterance; what is wrong with it becomes a reason, not an exception."""
        utterance, keys = job.utterance, self.keys
        content = content_hash(utterance.file) if keys else None
        try:
            recording = audio.decode(
                utterance.file, sr=self.features.sr, start_s=utterance.start_s, end_s=utterance.end_s
            )
            quality.check(recording)
            y = recording.y
            number = recording_hash(y)
            samples = samples_hash(y, self.features.sr) if keys else b""
            pieces: dict[Piece, list[NDArray[Any]]] = {}
            fresh: set[Piece] = set()
            for copy in range(job.copies + 1):
                try:
                    found, computed = self._copy(job, y, number, samples, copy)
                except (ComponentError, ConfigError):
                    raise
                except SerToolkitError:
                    if not copy:
                        raise
                    continue  # there is one copy less of this recording
                pieces |= found
                fresh |= computed
        except (ComponentError, ConfigError):
            raise  # the same for every recording
        except SerToolkitError as error:
            return Extracted(pieces={}, reason=str(error))
        if keys and content != content_hash(utterance.file):
            content = None  # somebody writes to the file: which bytes were decoded is not certain
        return Extracted(
            pieces=pieces, recording=number, samples=samples, content=content or b"", fresh=frozenset(fresh)
        )

    def _copy(
        self, job: Job, y: NDArray[np.float32], number: int, samples: bytes, copy: int
    ) -> tuple[dict[Piece, list[NDArray[Any]]], set[Piece]]:
        """Pieces of one copy, and those of them that were computed."""
        wanted = self._pieces(copy)
        found = self._cached(job, wanted, samples)
        missing = [key for _, key in wanted if (copy, key) not in found]
        if not missing:
            return found, set()
        if copy and self.augmentation is not None:
            voices = _voices(job, self.features.sr)
            y = self.augmentation(y, self.features.sr, recording=number, copy=copy, voices=voices)
        if FINGERPRINT in missing:
            found[copy, FINGERPRINT] = [fingerprint(y, self.features.sr)]
        features = of_utterance(self.features, job.utterance)
        extractors = {k: e for k, e in features.extractors.items() if k in missing}
        rows: dict[str, list[NDArray[np.float32]]] = {key: [] for key in extractors}
        for block in replace(features, extractors=extractors).blocks(y):
            for key, values in block.features.items():
                rows[key] += values
        found |= {(copy, key): values for key, values in rows.items()}
        return found, {(copy, key) for key in missing}

    def _pieces(self, copy: int) -> list[Piece]:
        keys = list(self.features.extractors)
        return [(copy, key) for key in (keys if copy else [FINGERPRINT, *keys])]

    def entry(self, keys: CacheKeys, job: Job, key: str, samples: bytes, *, copy: int) -> Path:
        """Where a cache keeps a piece; what a manifest's column says and who is heard are part of its name."""
        cell = cells_of(self.features, job.utterance).get(key)
        said = b"" if cell is None else hashlib.sha256(cell.encode()).digest()
        heard = _heard(job.voices) if copy else b""
        return keys.path(key, samples + said + heard, copy=copy)

    def _cached(self, job: Job, wanted: Sequence[Piece], samples: bytes) -> dict[Piece, list[NDArray[Any]]]:
        if self.keys is None:
            return {}
        paths = {(copy, key): self.entry(self.keys, job, key, samples, copy=copy) for copy, key in wanted}
        read = {piece: read_entry(path) for piece, path in paths.items()}
        return {piece: arrays for piece, arrays in read.items() if arrays is not None}

    def look_up(self, job: Job) -> Known | None:
        """Whether a cache seems to hold all of an utterance; the audio is hashed and not decoded."""
        keys, u = self.keys, job.utterance
        content = content_hash(u.file) if keys else None
        if keys is None or content is None:
            return None
        path = keys.recording(content, start_s=u.start_s, end_s=u.end_s)
        arrays = read_entry(path)
        known = known_of(arrays) if arrays and is_there(path) else None
        if known is None:
            return None
        pieces = [piece for copy in range(job.copies + 1) for piece in self._pieces(copy)]
        there = all(is_there(self.entry(keys, job, key, known.samples, copy=copy)) for copy, key in pieces)
        return known if there else None

    def load(self, job: Job, known: Known) -> Extracted | None:
        """What the cache holds of an utterance; None if some of it is damaged or has gone."""
        wanted = [piece for copy in range(job.copies + 1) for piece in self._pieces(copy)]
        pieces = self._cached(job, wanted, known.samples)
        return Extracted(pieces=pieces, recording=known.recording) if len(pieces) == len(wanted) else None


def _voices(job: Job, sr: int) -> list[NDArray[np.float32]]:
    """Who is heard behind a copy; recordings that cannot be read are not."""
    voices = []
    for voice in job.voices:
        with contextlib.suppress(AudioError):
            voices.append(samples_of(voice, sr))
    return voices


def _heard(voices: Sequence[Utterance]) -> bytes:
    """What names the recordings that are heard behind a copy; nothing where none is."""
    if not voices:
        return b""
    parts = [(content_hash(voice.file) or b"").hex() + f" {voice.start_s} {voice.end_s}" for voice in voices]
    return hashlib.sha256("\n".join(parts).encode()).digest()


def known_arrays(extracted: Extracted) -> list[NDArray[np.uint8]]:
    """What a cache keeps of an audio file: the hashes of its samples."""
    data = extracted.recording.to_bytes(_HASH_BYTES, "big") + extracted.samples
    return [np.frombuffer(data, dtype=np.uint8)]


def known_of(arrays: Sequence[NDArray[np.uint8]]) -> Known:
    """The inverse of `known_arrays`."""
    data = arrays[0].tobytes()
    return Known(recording=int.from_bytes(data[:_HASH_BYTES], "big"), samples=data[_HASH_BYTES:])

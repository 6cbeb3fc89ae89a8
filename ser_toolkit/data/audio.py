"""Decode a recording: mono, float32, at the sample rate that a model wants."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.decoders import BLOCK, CHANNEL_LIMIT, Stream, open_stream
from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CLIPPED_LEVEL",
    "MAX_DURATION_S",
    "MAX_STREAMED_S",
    "Reading",
    "Recording",
    "decode",
    "from_array",
    "full_scale",
    "open_recording",
    "recording_hash",
]

CLIPPED_LEVEL = 32767 / 32768
"""Magnitude from which a sample counts as clipped: the largest that 16 bits hold, and what openSMILE clips to."""

MAX_DURATION_S = 6 * 3600.0
"""Longest recording, or part of one, that is decoded: 1.4 GB at 16 kHz. A few megabytes of FLAC can hold days of
silence."""

MAX_STREAMED_S = 100 * 3600.0
"""Longest recording that is read block by block, where memory is no limit."""

_TRUNCATED_S = 0.1  # lossy formats round their length to frames


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Decoded audio and what was done to it.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio, nominally within [-1, 1]; resampling and lossy formats may overshoot.
    sr : int
        Sample rate of `y` in Hz.
    source_sr : int
        Sample rate of the source in Hz.
    channels : int
        Channels of the source.
    duration_s : float
        Seconds decoded, counted in frames of the source: of the whole file, or of the part that was asked for.
    notes : tuple of str
        ``"resampled"``, ``"mixed down"``, ``"truncated"`` (the header, or the end that was asked for, promises over
        0.1 s more than there was, or the decoder broke off), in this order.
    n_clipped : int
        Frames of the source in which some channel is at or over `CLIPPED_LEVEL`.
    """

    y: NDArray[np.float32]
    sr: int
    source_sr: int
    channels: int
    duration_s: float
    notes: tuple[str, ...]
    n_clipped: int = 0

    @property
    def clipped_share(self) -> float:
        """Share of the source's frames that are clipped, 0 to 1."""
        return self.n_clipped / max(1, round(self.duration_s * self.source_sr))


def decode(
    path: str | os.PathLike[str], *, sr: int, start_s: float | None = None, end_s: float | None = None
) -> Recording:
    """Read an audio file, or a part of it.

    Parameters
    ----------
    path : str or path-like
        The file. Its content decides how it is read, not its suffix. wav, flac, ogg, opus, mp3, aiff and au always
        work; m4a, mp4, webm, aac and wma need the [media] tier.
    sr : int
        Sample rate to deliver, in Hz.
    start_s, end_s : float, optional
        Part to read, in seconds. libsndfile seeks; FFmpeg decodes from the beginning and drops.

    Returns
    -------
    Recording
        Channels are averaged, then resampled with soxr's HQ filter. A damaged file is used up to where it breaks.

    Raises
    ------
    AudioError
        ``"missing"``, ``"unreadable"`` (permissions, a folder, a pipe), ``"empty"`` (no bytes, or no samples in the
        part), ``"undecodable"``, ``"non-finite"``, ``"too long"`` (over `MAX_DURATION_S`).
    """
    with open_recording(path, sr=sr, start_s=start_s, end_s=end_s) as reading:
        return reading.whole()


@contextlib.contextmanager
def open_recording(
    path: str | os.PathLike[str],
    *,
    sr: int,
    start_s: float | None = None,
    end_s: float | None = None,
    limit_s: float = MAX_DURATION_S,
) -> Iterator[Reading]:
    """Read an audio file, or a part of it, block by block: memory does not grow with its length.

    Parameters
    ----------
    path, sr, start_s, end_s
        As for `decode`.
    limit_s : float, optional
        Longest recording in seconds.

    Yields
    ------
    Reading
        Its blocks are the samples that `decode` gives. Valid inside the ``with`` block.

    Raises
    ------
    AudioError
        As `decode`; also while blocks are read.
    """
    start_s = start_s or 0.0
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise AudioError("empty", f"the part from {start_s:g} s to {end_s} s has no length")
    path = Path(path)
    _check_file(path)
    try:
        with open_stream(path, start_s=start_s, end_s=end_s) as stream:
            yield Reading(stream, sr=sr, limit_s=limit_s)
    except AudioError:
        raise
    except OSError as error:
        raise AudioError("unreadable", error.strerror or str(error)) from error
    except Exception as error:  # the per-file guard: decoders meet hostile files
        raise AudioError("undecodable", f"{type(error).__name__}: {error}") from error


def from_array(y: ArrayLike, source_sr: float, *, sr: int) -> Recording:
    """Take audio that is in memory already.

    Parameters
    ----------
    y : array-like, shape (n_samples,) or (channels, n_samples)
        Audio, in librosa's order of axes. Floats are nominally within [-1, 1]; signed integers are divided by their
        full scale. Left untouched.
    source_sr : float
        Sample rate of `y` in Hz.
    sr : int
        Sample rate to deliver, in Hz.

    Returns
    -------
    Recording
        The same numbers as `decode` gives for a file with these samples.

    Raises
    ------
    AudioError
        ``"undecodable"`` (shape, type or sample rate), ``"empty"``, ``"non-finite"``, ``"too long"``.
    """
    samples = np.asarray(y)
    if samples.ndim not in (1, 2):
        raise AudioError("undecodable", f"audio has shape (n_samples,) or (channels, n_samples), not {samples.shape}")
    samples = np.atleast_2d(samples)
    if len(samples) > CHANNEL_LIMIT:
        raise AudioError(
            "undecodable", f"{len(samples)} channels: the order is (channels, n_samples), transpose the array"
        )
    scale = full_scale(samples)
    if not samples.size:
        raise AudioError("empty", "there are no samples in it")
    if not math.isfinite(source_sr):
        raise AudioError("undecodable", f"the sample rate is {source_sr}")

    def blocks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, samples.shape[1], BLOCK):
            with np.errstate(over="ignore"):  # to infinity, which is refused
                yield (samples[:, start : start + BLOCK].T / scale).astype(np.float32)

    return Reading(Stream(sr=round(source_sr), channels=len(samples), expected=None, blocks=blocks()), sr=sr).whole()


def recording_hash(y: NDArray[np.float32]) -> int:
    """64-bit hash of decoded samples, quantised to 16 bit so that the container does not matter."""
    samples = np.clip(np.rint(y * 32768.0), -32768, 32767).astype("<i2")
    return int.from_bytes(hashlib.blake2b(samples.tobytes(), digest_size=8).digest(), "big")


def full_scale(samples: NDArray[Any]) -> float:
    """Full scale of an array of samples: 1 for floats, 32768 for 16-bit integers.

    Parameters
    ----------
    samples : ndarray
        Audio of any shape.

    Returns
    -------
    float
        What to divide by to come to [-1, 1].

    Raises
    ------
    AudioError
        ``"undecodable"``, if they are neither floats nor signed integers.
    """
    if np.issubdtype(samples.dtype, np.signedinteger) and samples.dtype.itemsize < 8:
        return -float(np.iinfo(samples.dtype).min)
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError("undecodable", f"audio is made of floats, or integers of 8 to 32 bits, not {samples.dtype}")
    return 1.0


def _check_file(path: Path) -> None:
    """Refuse what is no readable file with something in it."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a null byte in the name
        raise AudioError("missing", "there is no such file") from error
    except OSError as error:
        raise AudioError("unreadable", error.strerror or str(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError("unreadable", "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError("unreadable", "it is no regular file")
    if not status.st_size:
        raise AudioError("empty", "the file has no bytes")


class Reading(Iterator["NDArray[np.float32]"]):
    """A recording that is being read: averages channels and resamples, block by block.

    Parameters
    ----------
    stream : Stream
        Where samples come from.
    sr : int
        Sample rate to deliver, in Hz.
    limit_s : float, optional
        Longest recording in seconds.

    Attributes
    ----------
    sr, source_sr, channels : int
        As of `Recording`.
    n_frames : int
        Frames of the source so far.
    n_clipped : int
        Of them clipped, as of `Recording`.

    Raises
    ------
    AudioError
        While blocks are read: ``"empty"``, ``"undecodable"``, ``"non-finite"``, ``"too long"``.
    """

    def __init__(self, stream: Stream, *, sr: int, limit_s: float = MAX_DURATION_S) -> None:
        import soxr

        self.sr, self.source_sr, self.channels = sr, stream.sr, stream.channels
        self.n_frames = 0
        self.n_clipped = 0
        self._stream = stream
        self._limit_s = limit_s
        self._broke = False
        self._resampler: Any = None
        if stream.sr != sr:
            self._resampler = soxr.ResampleStream(stream.sr, sr, 1, dtype="float32", quality="HQ")
        self._blocks = self._resampled()

    def __next__(self) -> NDArray[np.float32]:
        """The next samples, shape (n_samples,), perhaps none; their memory is the caller's."""
        return next(self._blocks)

    @property
    def duration_s(self) -> float:
        """Seconds so far, counted in frames of the source."""
        return self.n_frames / self.source_sr

    @property
    def notes(self) -> tuple[str, ...]:
        """As of `Recording`; final after the last block."""
        expected = self._stream.expected
        missing = 0 if expected is None else expected - self.n_frames
        applies = {
            "resampled": self._resampler is not None,
            "mixed down": self.channels > 1,
            "truncated": self._broke or missing > _TRUNCATED_S * self.source_sr,
        }
        return tuple(note for note, holds in applies.items() if holds)

    def whole(self) -> Recording:
        """All samples that have not been read yet, as one recording."""
        y = np.concatenate([np.zeros(0, dtype=np.float32), *self])
        return Recording(
            y=y,
            sr=self.sr,
            source_sr=self.source_sr,
            channels=self.channels,
            duration_s=self.duration_s,
            notes=self.notes,
            n_clipped=self.n_clipped,
        )

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        for mono in self._mono():
            yield self._resampler.resample_chunk(mono) if self._resampler else mono
        if not self.n_frames:
            raise AudioError("empty", "there are no samples in it, or in the part that was asked for")
        if self._resampler:
            yield self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)

    def _mono(self) -> Iterator[NDArray[np.float32]]:
        for block in self._unbroken():
            self._check(block)
            yield block[:, 0].copy() if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float64).astype(np.float32)

    def _unbroken(self) -> Iterator[NDArray[np.float32]]:
        """Blocks of the source up to where the decoder breaks off."""
        while True:
            try:
                block = next(self._stream.blocks, None)
            except Exception as error:
                if not self.n_frames:
                    raise AudioError("undecodable", f"it breaks at the first sample: {error}") from error
                self._broke = True
                return
            if block is None:
                return
            yield block

    def _check(self, block: NDArray[np.float32]) -> None:
        """Count one block of shape (n_frames, channels); refuse what is not finite or too much."""
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            at = (self.n_frames + int(np.argmin(finite))) / self.source_sr
            raise AudioError("non-finite", f"a sample is NaN or infinite, the first at {at:.3f} s")
        self.n_clipped += int(np.count_nonzero((np.abs(block) >= CLIPPED_LEVEL).any(axis=1)))
        self.n_frames += len(block)
        if self.n_frames > self._limit_s * self.source_sr:
            raise AudioError(
                "too long", f"it lasts more than {self._limit_s / 3600:g} hours: give a start and an end, or cut it"
            )

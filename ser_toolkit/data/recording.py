"""A recording while it is read, and when it is: mono, float32, at the sample rate that a model wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.decoders import Stream

__all__ = ["CLIPPED_LEVEL", "MAX_DURATION_S", "Reading", "Recording"]

CLIPPED_LEVEL = 32767 / 32768
"""Magnitude from which a sample counts as clipped: the largest that 16 bits hold, and what openSMILE clips to."""

MAX_DURATION_S = 6 * 3600.0
"""Longest recording, or part of one, that is decoded: 1.4 GB at 16 kHz. A few megabytes of FLAC can hold days of
silence."""

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

"""Sound that comes as plain samples through a pipe: with a WAV header, or without one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ser_toolkit.data.decoders import CHANNEL_LIMIT
from ser_toolkit.errors import AudioError, ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEFAULT", "MAX_SR", "Encoding", "Pcm", "PcmFormat", "mono"]

MAX_SR = 768_000
"""Highest sample rate of a stream in Hz."""

Encoding = Literal["s16le", "s24le", "s32le", "f32le"]
"""Names of samples, as FFmpeg has them: signed integers and floats, the lowest byte first."""

_CHUNK = 1 << 16
_SAMPLE_BYTES: dict[str, int] = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_ENCODINGS: dict[tuple[int, int], Encoding] = {
    (_PCM, 16): "s16le", (_PCM, 24): "s24le", (_PCM, 32): "s32le", (_FLOAT, 32): "f32le",
}  # fmt: skip
_ENDLESS = 0x7FFF0000  # what programs write that do not know the length; a true one of 37 hours at 16 kHz
_LONGEST_CHUNK = 1 << 20
_LOUDEST = 1e6  # no sound: what memory happened to hold, which filters would turn into infinity
_COMPRESSED = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"\x1aE\xdf\xa3": "Matroska"}


@dataclass(frozen=True, kw_only=True)
class PcmFormat:
    """How samples are written.

    Parameters
    ----------
    encoding : {"s16le", "s24le", "s32le", "f32le"}
        One sample.
    sr : int
        Sample rate in Hz, 1 to `MAX_SR`.
    channels : int
        Samples of a frame, one after the other, 1 to 64.

    Raises
    ------
    ConfigError
        If one of them is out of bounds.
    """

    encoding: Encoding = "s16le"
    sr: int = 16_000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in get_args(Encoding):
            raise ConfigError(f"no samples are called {self.encoding!r}: give {', '.join(get_args(Encoding))}")
        if not 1 <= self.sr <= MAX_SR:
            raise ConfigError(f"the sample rate of a stream is 1 to {MAX_SR:,} Hz, not {self.sr}")
        if not 1 <= self.channels <= CHANNEL_LIMIT:
            raise ConfigError(f"a stream has 1 to {CHANNEL_LIMIT} channels, not {self.channels}")

    @property
    def n_bytes(self) -> int:
        """Bytes of a frame."""
        return _SAMPLE_BYTES[self.encoding] * self.channels

    def __str__(self) -> str:
        return f"{self.sr:,} Hz, {self.encoding}, {'mono' if self.channels == 1 else f'{self.channels} channels'}"

    def samples(self, data: bytes) -> NDArray[np.float32]:
        """Whole frames as samples.

        Parameters
        ----------
        data : bytes
            A multiple of `n_bytes`.

        Returns
        -------
        ndarray of float32, shape (n_frames, channels)
            Nominally within [-1, 1]; floats as they are.
        """
        if self.encoding == "f32le":
            flat = np.frombuffer(data, dtype="<f4").astype(np.float32)
        elif self.encoding == "s24le":
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            flat = (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
        else:
            bits = 8 * _SAMPLE_BYTES[self.encoding]
            flat = (np.frombuffer(data, dtype=f"<i{bits // 8}") / 2.0 ** (bits - 1)).astype(np.float32)
        return flat.reshape(-1, self.channels)


DEFAULT = PcmFormat()
"""What a stream without a header is taken for where nothing is said: 16-bit integers, 16 kHz, mono."""


def mono(frames: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Channels averaged; what is no number counts as silence.

    Parameters
    ----------
    frames : ndarray of float32, shape (n_frames, channels)
        Samples.

    Returns
    -------
    y : ndarray of float32, shape (n_frames,)
        Finite.
    n_bad : int
        Samples that were NaN, infinite or absurdly large.
    """
    bad = ~(np.abs(frames) <= _LOUDEST)
    n_bad = int(bad.sum())
    if n_bad:
        frames = np.where(bad, np.float32(0), frames)
    if frames.shape[1] == 1:
        return frames[:, 0].copy(), n_bad
    return frames.mean(axis=1, dtype=np.float64).astype(np.float32), n_bad


class Pcm:
    """A stream of samples that goes on.

    Parameters
    ----------
    read : callable
        Gives up to so many bytes as soon as there are any, and none at the end, like `os.read` of a file descriptor.
    encoding, sr, channels : optional
        As of `PcmFormat`; what is not given is as of `DEFAULT`. A WAV header, if the stream begins with one, knows
        better: what contradicts it is refused.

    Attributes
    ----------
    format : PcmFormat
        How samples are written.
    n_bad : int
        Samples so far that were NaN, infinite or absurdly large.

    Raises
    ------
    ConfigError
        If the stream is not what it was said to be.
    AudioError
        ``"undecodable"``: compressed audio, or a WAV header that is broken or of other samples.

    Notes
    -----
    Iterating gives mono blocks, float32, shape (n_samples,), each as soon as its bytes are there: channels are
    averaged, and samples that are NaN, infinite or above a million count as silence. Nothing is kept but the bytes of
    an incomplete frame.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        *,
        encoding: Encoding | None = None,
        sr: int | None = None,
        channels: int | None = None,
    ) -> None:
        self._read, self._held, self._left = read, b"", -1
        self.n_bad = 0
        given = {k: v for k, v in {"encoding": encoding, "sr": sr, "channels": channels}.items() if v is not None}
        wanted = PcmFormat(**given)  # type: ignore[arg-type]
        self._fill(12)
        if self._held[:4] == b"RIFF" and self._held[8:12] == b"WAVE":
            self.format = self._header()
            for name, value in given.items():
                if value != (found := getattr(self.format, name)):
                    raise ConfigError(f"the header of the stream says {name} {found}, and not {value}: leave that out")
        else:
            self.format = wanted
            self._refuse_compressed()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        n_frame, rest = self.format.n_bytes, self._held
        self._held = b""
        while self._left:
            data = rest or self._read(_CHUNK)
            if not data:
                return
            whole = self._held + data
            rest = b""
            if self._left > 0:
                whole, self._left = whole[: self._left + len(self._held)], max(0, self._left - len(data))
            n = len(whole) // n_frame * n_frame
            self._held = whole[n:]
            if n:
                y, n_bad = mono(self.format.samples(whole[:n]))
                self.n_bad += n_bad
                yield y

    def _fill(self, n: int) -> bool:
        """Hold at least `n` bytes; whether there are as many."""
        while len(self._held) < n:
            data = self._read(_CHUNK)
            if not data:
                return False
            self._held += data
        return True

    def _take(self, n: int) -> bytes:
        if not self._fill(n):
            raise AudioError("undecodable", "the stream ends within its WAV header")
        taken, self._held = self._held[:n], self._held[n:]
        return taken

    def _header(self) -> PcmFormat:
        self._take(12)
        found: PcmFormat | None = None
        while True:
            name, size = struct.unpack("<4sI", self._take(8))
            if name == b"data":
                if found is None:
                    raise AudioError("undecodable", "its WAV header does not say how samples are written")
                # a pipe has no length: writers leave 0, or the greatest number that they can write
                self._left = size if 0 < size < _ENDLESS else -1
                return found
            if size > _LONGEST_CHUNK:
                raise AudioError("undecodable", f"its WAV header has a part of {size:,} bytes")
            part = self._take(size + size % 2)
            if name == b"fmt ":
                found = _format(part)

    def _refuse_compressed(self) -> None:
        kind = next((kind for magic, kind in _COMPRESSED.items() if self._held.startswith(magic)), None)
        kind = "MP4" if self._held[4:8] == b"ftyp" else kind
        if kind:
            raise AudioError(
                "undecodable",
                f"what comes in is {kind}, which is compressed, and not plain samples: "
                "ffmpeg -i INPUT -f s16le -ac 1 -ar 16000 - | ser-toolkit listen",
            )


def _format(part: bytes) -> PcmFormat:
    if len(part) < 16:
        raise AudioError("undecodable", "its WAV header is too short")
    tag, channels, sr, _, _, bits = struct.unpack("<HHIIHH", part[:16])
    if tag == _EXTENSIBLE and len(part) >= 26:
        tag = struct.unpack("<H", part[24:26])[0]
    encoding = _ENCODINGS.get((tag, bits))
    if encoding is None:
        raise AudioError(
            "undecodable",
            f"its WAV header says {bits} bits of kind {tag}: 16, 24 or 32 bits, or floats of 32, are read",
        )
    return PcmFormat(encoding=encoding, sr=sr, channels=channels)

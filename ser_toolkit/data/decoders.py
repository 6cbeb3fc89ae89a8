"""Blocks of samples out of a file: libsndfile first, FFmpeg (the [media] tier) for what it does not know."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK", "CHANNEL_LIMIT", "SR_RANGE_HZ", "Stream", "open_stream"]

BLOCK = 4096
"""Frames that libsndfile reads at a time: no header, however large its claims, makes anything allocate more."""

SR_RANGE_HZ = (1_000, 768_000)
"""Sample rates accepted; others come from broken or hostile headers."""

CHANNEL_LIMIT = 64
"""Most channels accepted."""

_UNKNOWN_BYTES = 0x7FFF_0000  # recorders that cannot seek back leave such a size in the header
_UNKNOWN_FRAMES = 2**56
_CLAIMS = re.compile(r"(\d+) \(should be (\d+)\)")
_SILENT_MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b".snd", b"caff")
_FFMPEG_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,aac,mp3,ogg,flac,wav,w64,aiff,au,caf,"
    "amr,ac3,eac3,ape,wv,tta,flv,avi,mpegts"
)
_stderr_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Stream:
    """An open audio file, or a part of one.

    Parameters
    ----------
    sr : int
        Sample rate in Hz, within `SR_RANGE_HZ`.
    channels : int
        1 to `CHANNEL_LIMIT`.
    expected : int or None
        Frames that the header, or the end that was asked for, promises; ``None`` if nothing does.
    blocks : iterator of ndarray of float32, shape (n_frames, channels)
        The samples, nominally within [-1, 1]. Raises whatever the decoder raises where it breaks.
    """

    sr: int
    channels: int
    expected: int | None
    blocks: Iterator[NDArray[np.float32]]

    def __post_init__(self) -> None:
        low, high = SR_RANGE_HZ
        if not low <= self.sr <= high:
            raise AudioError("undecodable", f"its header says {self.sr} Hz; {low} to {high} Hz can be read")
        if not 1 <= self.channels <= CHANNEL_LIMIT:
            raise AudioError(
                "undecodable", f"its header says {self.channels} channels; 1 to {CHANNEL_LIMIT} can be read"
            )


@contextlib.contextmanager
def open_stream(path: Path, *, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Stream]:
    """Open an audio file, by its content and not by its suffix.

    Parameters
    ----------
    path : Path
        A readable regular file; its name may be any bytes.
    start_s, end_s : float, optional
        Part to read, in seconds from the beginning; to the end of the file by default.

    Yields
    ------
    Stream
        Valid inside the ``with`` block.

    Raises
    ------
    AudioError
        ``"undecodable"`` if no decoder knows the file, or if its header is absurd; says what to install if FFmpeg
        is not there.
    """
    with path.open("rb") as file:
        noisy = not file.read(4).startswith(_SILENT_MAGIC) or path.suffix.lower().startswith(".mp")
    with contextlib.ExitStack() as stack:
        try:
            sound = _open_soundfile(path, noisy=noisy)
        except (RuntimeError, TypeError) as error:  # soundfile's own derive from the first; *.raw gives the second
            stream = stack.enter_context(_ffmpeg(path, start_s=start_s, end_s=end_s, refusal=_text(error)))
        else:
            stack.enter_context(sound)
            stream = _soundfile_stream(sound, start_s=start_s, end_s=end_s, noisy=noisy)
        yield stream


def _open_soundfile(path: Path, *, noisy: bool) -> Any:
    import soundfile

    class Sequential(soundfile.SoundFile):  # type: ignore[misc]
        """Read on without the seek that soundfile adds to each read, and that fails at the end of some files."""

        def seekable(self) -> bool:
            return False

    # soundfile encodes str strictly; bytes keep names that are not UTF-8
    name = str(path) if sys.platform == "win32" else os.fsencode(path)
    with _quiet_stderr(when=noisy):
        return Sequential(name)


def _soundfile_stream(sound: Any, *, start_s: float, end_s: float | None, noisy: bool) -> Stream:
    start = round(start_s * sound.samplerate)
    stop = None if end_s is None else round(end_s * sound.samplerate)
    end = stop if stop is not None else _promised_frames(sound)
    if 0 < start < sound.frames:
        with _quiet_stderr(when=noisy):
            sound.seek(start)

    def blocks() -> Iterator[NDArray[np.float32]]:
        left = sys.maxsize if stop is None else stop - start
        while left > 0 and start < sound.frames:
            with _quiet_stderr(when=noisy):
                block = sound.read(min(BLOCK, left), dtype="float32", always_2d=True)
            if not len(block):
                return
            left -= len(block)
            yield block

    return Stream(
        sr=sound.samplerate,
        channels=sound.channels,
        expected=None if end is None else max(0, end - start),
        blocks=blocks(),
    )


def _promised_frames(sound: Any) -> int | None:
    """Frames that the header promises.

    libsndfile corrects sizes larger than the file and tells so only in its log: ``data : 640000 (should be 319978)``.
    """
    if sound.frames >= _UNKNOWN_FRAMES:
        return None
    claims = [(int(said), int(real)) for said, real in _CLAIMS.findall(sound.extra_info)]
    excess = [said / real for said, real in claims if 0 < real < said < _UNKNOWN_BYTES]
    return round(int(sound.frames) * max(excess, default=1.0))


@contextlib.contextmanager
def _ffmpeg(path: Path, *, start_s: float, end_s: float | None, refusal: str) -> Iterator[Stream]:
    try:
        import av
    except ImportError:
        raise AudioError(
            "undecodable",
            f"libsndfile cannot read it ({refusal}); for m4a, mp4, webm, aac and wma: pip install 'ser-toolkit[media]'",
        ) from None
    # playlists would make FFmpeg open other files and addresses: allow containers only, and no protocol
    options = {"format_whitelist": _FFMPEG_FORMATS, "protocol_whitelist": ""}
    with contextlib.ExitStack() as stack:
        try:
            file = _Nameless(stack.enter_context(path.open("rb")))
            container = stack.enter_context(av.open(file, options=options, metadata_errors="replace"))
            if not container.streams.audio:
                raise AudioError("undecodable", "there is no sound in it")
            stream = _ffmpeg_stream(container, start_s=start_s, end_s=end_s)
        except (OSError, ValueError, RuntimeError, LookupError) as error:  # PyAV's errors derive from these
            raise AudioError(
                "undecodable", f"neither libsndfile ({refusal}) nor FFmpeg ({_text(error)}) can read it"
            ) from error
        yield stream


class _Nameless:
    """A file without its name, from whose suffix FFmpeg would guess."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _ffmpeg_stream(container: Any, *, start_s: float, end_s: float | None) -> Stream:
    import av

    track = container.streams.audio[0]
    frames = container.decode(track)
    first = next(frames, None)
    if first is None:
        raise AudioError("empty", "there are no samples in it")
    # the first frame knows the true rate, the header of HE-AAC does not
    sr, layout, channels = int(first.sample_rate), first.layout, int(first.layout.nb_channels)
    # interleaved, because PyAV reads wild memory for more than eight planes
    resampler = av.AudioResampler(format="flt", layout=layout, rate=sr)
    start = round(start_s * sr)
    stop = None if end_s is None else round(end_s * sr)

    def decoded() -> Iterator[NDArray[np.float32]]:
        for frame in itertools.chain([first], frames, [None]):  # None: what the resampler still holds
            for out in resampler.resample(frame):
                yield out.to_ndarray().reshape(-1, channels).astype(np.float32, copy=False)

    end = stop
    if (
        end is None and track.duration is not None and "mp4" in container.format.name
    ):  # elsewhere a guess from the bit rate
        end = int(track.duration * track.time_base * sr)
    return Stream(
        sr=sr,
        channels=channels,
        expected=None if end is None else max(0, end - start),
        blocks=_between(decoded(), start=start, stop=stop),
    )


def _between(blocks: Iterator[NDArray[np.float32]], *, start: int, stop: int | None) -> Iterator[NDArray[np.float32]]:
    """Frames `start` to `stop` of a sequence of blocks."""
    position = 0
    for block in blocks:
        low = max(0, start - position)
        high = len(block) if stop is None else min(len(block), stop - position)
        if low < high:
            yield block[low:high]
        position += len(block)
        if stop is not None and position >= stop:
            return


@contextlib.contextmanager
def _quiet_stderr(*, when: bool) -> Iterator[None]:
    """Keep a C library from writing to standard error.

    libsndfile's MP3 decoder does so for each damaged frame and has no switch. The file descriptor belongs to the
    whole process: what other threads write to it meanwhile is lost, so only the files that need it get it.
    """
    if not when:
        yield
        return
    with _stderr_lock:
        try:
            saved = os.dup(2)
        except OSError:  # there is no standard error
            saved = None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != 2:
            os.dup2(nowhere, 2)
            os.close(nowhere)
        try:
            yield
        finally:
            if saved is None:
                os.close(2)
            else:
                os.dup2(saved, 2)
                os.close(saved)


def _text(error: BaseException) -> str:
    """What a decoder says, without the name of the file."""
    said = next((getattr(error, name) for name in ("error_string", "strerror") if hasattr(error, name)), str(error))
    return str(said or "").strip().rstrip(".") or type(error).__name__

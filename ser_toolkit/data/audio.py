"""Decode a recording: mono, float32, at the sample rate that a model wants."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.decoders import BLOCK, CHANNEL_LIMIT, Stream, open_stream
from ser_toolkit.data.locations import Url, locate
from ser_toolkit.data.recording import CLIPPED_LEVEL, MAX_DURATION_S, Reading, Recording
from ser_toolkit.errors import AudioError, RemoteError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ser_toolkit.data.locations import Location

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

MAX_STREAMED_S = 100 * 3600.0
"""Longest recording that is read block by block, where memory is no limit."""


def decode(
    path: str | os.PathLike[str], *, sr: int, start_s: float | None = None, end_s: float | None = None
) -> Recording:
    """Read an audio file, or a part of it.

    Parameters
    ----------
    path : str or path-like
        The file, or its URL: then it is fetched first, and the copy goes with the reading. Its content decides how it
        is read, not its suffix. wav, flac, ogg, opus, mp3, aiff and au always work; m4a, mp4, webm, aac and wma need
        the [media] tier.
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
    location = locate(path)
    try:
        with _on_this_machine(location) as file, open_stream(file, start_s=start_s, end_s=end_s) as stream:
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
                block = (samples[:, start : start + BLOCK].T / scale).astype(np.float32)
            yield block

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


@contextlib.contextmanager
def _on_this_machine(location: Location) -> Iterator[Path]:
    """A file that can be opened here, while the block lasts."""
    if not isinstance(location, Url):
        _check_file(location)
        yield location
        return
    from ser_toolkit.data.remote import fetched

    with contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(fetched(location))
        except RemoteError as error:
            raise AudioError(error.reason, str(error)) from None
        _check_file(copy)
        yield copy


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

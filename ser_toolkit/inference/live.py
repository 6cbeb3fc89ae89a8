"""Windows of audio that goes on: each as soon as it is complete."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import audio
from ser_toolkit.errors import AudioError
from ser_toolkit.preprocessing import RUNNING_S, applied

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ser_toolkit.features import FeatureSet

__all__ = ["MAX_SR", "live_windows"]

MAX_SR = 768_000
"""Highest sample rate of a stream in Hz."""


def live_windows(
    blocks: Iterable[ArrayLike], sr: int, features: FeatureSet
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Full windows of live audio.

    Parameters
    ----------
    blocks : iterable of array
        Consecutive pieces of mono audio of any length, each (n_samples,).
    sr : int
        Their sample rate in Hz.
    features : FeatureSet
        Windows and sample rate; its steps of scope ``"recording"`` are applied to each window with the `RUNNING_S`
        before it.

    Yields
    ------
    start : int
        First sample, at the rate of the features.
    window : ndarray of float32, shape (n_window,)
        Not to be written to.

    Raises
    ------
    AudioError
        ``"non-finite"``, if samples are NaN or infinite; ``"undecodable"``, if a block is not mono.
    """
    n_window, n_hop = features.segmentation.n_window(features.sr), features.segmentation.n_hop(features.sr)
    if n_window is None:
        raise ValueError("whole recordings have no windows to follow")
    steps = features.recording_steps
    n_before = round(RUNNING_S * features.sr) if steps else 0
    held, start, skip = np.zeros(0, dtype=np.float32), 0, 0
    before = held
    for y in _resampled(blocks, sr, features.sr):
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the stream holds NaN or infinite samples")
        held = np.concatenate([held, y])
        if skip:
            before = _last(n_before, before, held[:skip])
            held, skip = held[skip:], max(0, skip - len(held))
        while len(held) >= n_window:
            window = held[:n_window]
            if steps:
                window = applied(steps, np.concatenate([before, window]), features.sr)[-n_window:]
            yield start, window
            start += n_hop
            before = _last(n_before, before, held[:n_hop])
            held, skip = held[n_hop:], max(0, n_hop - len(held))


def _last(n: int, *parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """The last `n` samples of consecutive parts."""
    joined = np.concatenate(parts)
    return joined[max(0, len(joined) - n) :]


def _resampled(blocks: Iterable[ArrayLike], sr: int, target: int) -> Iterator[NDArray[np.float32]]:
    import soxr

    if not isinstance(sr, numbers.Real) or not 1 <= sr <= MAX_SR:
        raise AudioError("undecodable", f"the sample rate of a stream is 1 to {MAX_SR:,} Hz, not {sr!r}")
    stream = soxr.ResampleStream(sr, target, 1, dtype="float32") if sr != target else None
    for block in blocks:
        samples = np.asarray(block)
        if samples.ndim != 1:
            raise AudioError("undecodable", f"a block of a stream is mono, shape (n_samples,), not {samples.shape}")
        y = (samples / audio.full_scale(samples)).astype(np.float32)
        yield stream.resample_chunk(y) if stream else y
    if stream:
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)

"""Windows of audio that goes on: each as soon as it is complete."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import audio
from ser_toolkit.data.pcm import MAX_SR
from ser_toolkit.data.pieces import Cutter, Piece
from ser_toolkit.errors import AudioError
from ser_toolkit.preprocessing import RUNNING_S, applied

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ser_toolkit.features import FeatureSet

__all__ = ["MAX_SR", "context_s", "live_pieces"]


def context_s(features: FeatureSet) -> float:
    """Seconds of audio after a window that must have come before its features are known: of those that slide."""
    slide = (e for e in features.extractors.values() if getattr(e, "sliding_agreement", 1.0) < 1)
    return max((e.context_s for e in slide), default=0.0)


def live_pieces(
    blocks: Iterable[ArrayLike], sr: int, features: FeatureSet, *, rest: bool = False
) -> Iterator[tuple[Piece, int]]:
    """Windows of live audio.

    Parameters
    ----------
    blocks : iterable of array
        Consecutive pieces of mono audio of any length, each (n_samples,).
    sr : int
        Their sample rate in Hz.
    features : FeatureSet
        Windows and sample rate; its steps of scope ``"recording"`` are applied to each window with the `RUNNING_S`
        before it.
    rest : bool, optional
        At the end of the audio, also give the windows that a recording of this length has beyond the full ones: the
        last, which is aligned to its end or filled, or the only one of audio that is shorter than a window.

    Yields
    ------
    piece : Piece
        One window, after the steps; at the end of the audio perhaps several, or none.
    n_samples : int
        Length of the audio as far as it is known: no window ends later.

    Raises
    ------
    AudioError
        ``"non-finite"``, if samples are NaN or infinite; ``"undecodable"``, if a block is not mono.
    """
    cutter = Cutter(features.segmentation, features.sr, context_s=context_s(features), n_windows=1)
    heard = _Heard(features)
    for y in _resampled(blocks, sr, features.sr):
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the stream holds NaN or infinite samples")
        heard.add(y)
        for piece in cutter.add(y):
            yield heard.prepared(piece), piece.offset + len(piece.y)
    last = cutter.finish()
    if not rest:
        full = features.segmentation.n_window(features.sr) or 0
        on_grid = (last.starts % features.segmentation.n_hop(features.sr) == 0) & (last.starts + full <= heard.n)
        last = Piece(y=last.y, offset=last.offset, starts=last.starts[on_grid], last=True)
    if len(last.starts):
        yield heard.prepared(last), heard.n


class _Heard:
    """What came before a piece, as far as steps of scope ``"recording"`` look back."""

    def __init__(self, features: FeatureSet) -> None:
        self._steps, self._sr = features.recording_steps, features.sr
        self._n_before = round(RUNNING_S * features.sr) if self._steps else 0
        self._parts: list[NDArray[np.float32]] = []
        self._offset = self.n = 0

    def add(self, y: NDArray[np.float32]) -> None:
        self.n += len(y)
        if self._steps:
            self._parts.append(y)

    def prepared(self, piece: Piece) -> Piece:
        """A piece after the steps; what lies too far before it is forgotten."""
        if not self._steps:
            return piece
        held = np.concatenate([np.zeros(0, dtype=np.float32), *self._parts])
        begin = max(0, piece.offset - self._n_before)
        stop = piece.offset + len(piece.y)
        y = applied(self._steps, held[begin - self._offset : stop - self._offset], self._sr)
        self._parts, self._offset = [held[begin - self._offset :].copy()], begin
        return Piece(y=y[piece.offset - begin :], offset=piece.offset, starts=piece.starts, last=piece.last)


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

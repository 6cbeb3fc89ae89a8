"""A recording that comes in blocks, cut into pieces: a few windows each, with the audio that they need."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.segments import Segmentation

__all__ = ["Cutter", "Piece"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """Consecutive windows of a recording, with the audio around them.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Part of the recording: the windows, and `context_s` on either side where the recording has it.
    offset : int
        Sample of the recording that `y` begins with; a multiple of the hop.
    starts : ndarray of int64, shape (n_windows,)
        First sample of each window, counted from the beginning of the recording.
    last : bool
        Whether the recording ends with this piece, which may hold no window then.
    """

    y: NDArray[np.float32]
    offset: int
    starts: NDArray[np.int64]
    last: bool


class Cutter:
    """Cuts a recording into pieces while it comes in; holds no more than a piece, its context and one hop.

    All pieces together have the windows of `Segmentation.starts`, and an extractor whose windows depend on no more
    than `context_s` of audio around them gives the numbers that it gives for the whole recording.

    Parameters
    ----------
    segmentation : Segmentation
        Windows of a certain length, not whole recordings.
    sr : int
        Sample rate in Hz.
    context_s : float, optional
        Audio around the windows of a piece, in seconds.
    n_windows : int, optional
        Windows in a piece; the last may have fewer, or those more that begin within `context_s`.
    """

    def __init__(self, segmentation: Segmentation, sr: int, *, context_s: float = 0.0, n_windows: int = 20) -> None:
        n_window = segmentation.n_window(sr)
        if n_window is None:
            raise ValueError("whole recordings are not cut")
        self._segmentation, self._sr, self._n_windows = segmentation, sr, n_windows
        self._n_window, self._n_hop = n_window, segmentation.n_hop(sr)
        self._n_context = math.ceil(context_s * sr)
        self._n_before = math.ceil(self._n_context / self._n_hop) * self._n_hop
        self._parts: list[NDArray[np.float32]] = []
        self._offset = 0
        self._n_seen = 0
        self._n_cut = 0

    def add(self, y: NDArray[np.float32]) -> Iterator[Piece]:
        """Take the next samples; gives the pieces that are complete with them.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio; kept, not copied.

        Yields
        ------
        Piece
            Its windows are full ones, whatever comes after them.
        """
        self._parts.append(y)
        self._n_seen += len(y)
        while True:
            first = self._n_cut * self._n_hop
            stop = first + (self._n_windows - 1) * self._n_hop + self._n_window + self._n_context
            if stop > self._n_seen:
                return
            held = self._held()
            offset = max(0, first - self._n_before)
            starts = first + self._n_hop * np.arange(self._n_windows, dtype=np.int64)
            yield Piece(
                y=held[offset - self._offset : stop - self._offset].copy(), offset=offset, starts=starts, last=False
            )
            self._n_cut += self._n_windows
            # a window that is aligned to the end may begin just after the last one on the grid
            keep = max(0, (self._n_cut - 1) * self._n_hop - self._n_before)
            self._parts = [held[keep - self._offset :].copy()]
            self._offset = keep

    def finish(self) -> Piece:
        """The last piece, when all samples have been added."""
        starts = self._segmentation.starts(self._n_seen, self._sr)[self._n_cut :]
        return Piece(y=self._held(), offset=self._offset, starts=starts, last=True)

    def _held(self) -> NDArray[np.float32]:
        whole = np.concatenate([np.zeros(0, dtype=np.float32), *self._parts])
        self._parts = [whole]
        return whole

"""Windows over a recording: where they start, and what happens to short recordings and to the rest at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import annotated_types
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PRESETS", "Segmentation"]


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """How a recording is cut into windows.

    Parameters
    ----------
    window_s : float or None
        Length of a window in seconds, 0.1 to 60. ``None``: one window per recording, its whole length; then no
        other field applies.
    hop_s : float
        Seconds from one window's first sample to the next one's, 0.01 to 60.
    short : {"repeat", "pad", "reflect", "drop"}
        What a recording shorter than a window becomes: repeated, followed by zeros, mirrored back and forth, or
        nothing.
    tail : {"anchor_end", "pad", "drop"}
        What happens to the samples after the last full window: one more window that ends with the recording, one
        more that starts a hop later and is filled with zeros, or nothing.

    Notes
    -----
    With *W* and *H* samples per window and hop, a recording of *N* samples has ``0 if N < W else 1 + (N - W) // H``
    full windows; the ``paper`` preset takes these and nothing else.
    """

    window_s: Annotated[float, annotated_types.Ge(0.1), annotated_types.Le(60.0)] | None = 3.0
    hop_s: Annotated[float, annotated_types.Ge(0.01), annotated_types.Le(60.0)] = 0.75
    short: Literal["repeat", "pad", "reflect", "drop"] = "repeat"
    tail: Literal["anchor_end", "pad", "drop"] = "anchor_end"

    def n_window(self, sr: int) -> int | None:
        """Samples per window at `sr` Hz, at least 1; ``None`` for whole recordings."""
        return None if self.window_s is None else max(1, round(self.window_s * sr))

    def n_hop(self, sr: int) -> int:
        """Samples per hop at `sr` Hz, at least 1."""
        return max(1, round(self.hop_s * sr))

    def starts(self, n_samples: int, sr: int) -> NDArray[np.int64]:
        """First sample of each window.

        Parameters
        ----------
        n_samples : int
            Length of the recording.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of int64, shape (n_windows,)
            Strictly rising, from 0. Empty if the recording is empty or dropped. A window reaches past the end of
            the recording only where `short` or `tail` fill it.
        """
        n_window, n_hop = self.n_window(sr), self.n_hop(sr)
        if n_samples <= 0:
            return np.zeros(0, dtype=np.int64)
        if n_window is None:
            return np.zeros(1, dtype=np.int64)
        if n_samples < n_window:
            return np.zeros(0 if self.short == "drop" else 1, dtype=np.int64)
        full = np.arange(0, n_samples - n_window + 1, n_hop, dtype=np.int64)
        extra = self._tail_start(int(full[-1]), n_samples, n_window=n_window, n_hop=n_hop)
        return full if extra is None else np.append(full, np.int64(extra))

    def _tail_start(self, last: int, n_samples: int, *, n_window: int, n_hop: int) -> int | None:
        """First sample of the window for what the full window at `last` leaves over, if there is to be one."""
        if last + n_window == n_samples or self.tail == "drop":
            return None
        if self.tail == "anchor_end":
            return n_samples - n_window
        return last + n_hop if last + n_hop < n_samples else None

    def cut(self, y: NDArray[np.float32], sr: int, *, starts: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Windows of a recording, as copies.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio; left untouched.
        sr : int
            Sample rate in Hz.
        starts : ndarray of int64, shape (n_windows,), optional
            Some of what `starts` gives, to cut a long recording in parts: an hour is 0.9 GB of windows.
            All of them by default.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_window)
            Contiguous and writable. In whole-recording mode ``n_window`` is ``n_samples``.
        """
        if starts is None:
            starts = self.starts(len(y), sr)
        n_window = self.n_window(sr) or len(y)
        windows = np.empty((len(starts), n_window), dtype=np.float32)
        for row, start in zip(windows, starts.tolist(), strict=True):
            row[:] = self.window(y, sr, start=start)
        return windows

    def window(self, y: NDArray[np.float32], sr: int, *, start: int) -> NDArray[np.float32]:
        """One window of a recording, as a copy.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio, at least one sample; left untouched.
        sr : int
            Sample rate in Hz.
        start : int
            First sample, one of `starts`.

        Returns
        -------
        ndarray of float32, shape (n_window,)
            Filled by `short` if the recording is shorter than a window, with zeros if only this window reaches past
            the end.
        """
        n_window = self.n_window(sr) or len(y)
        if len(y) < n_window:
            return self.fill_short(y, n_window)
        part = y[start : start + n_window].astype(np.float32)
        return part if len(part) == n_window else np.pad(part, (0, n_window - len(part)))

    def fill_short(self, y: NDArray[np.float32], n_window: int) -> NDArray[np.float32]:
        """Bring a recording up to `n_window` samples, by the rule `short`.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Audio of 1 to `n_window` samples.
        n_window : int
            Length to reach.

        Returns
        -------
        ndarray of float32, shape (n_window,)
            Starts with `y`. With ``"drop"``, where a caller wants a window all the same, zeros follow.
        """
        if self.short == "repeat":
            return np.resize(y, n_window).astype(np.float32, copy=False)
        mode: Literal["reflect", "constant"] = "reflect" if self.short == "reflect" else "constant"
        return np.pad(y, (0, n_window - len(y)), mode=mode)


PRESETS: Mapping[str, Segmentation] = MappingProxyType(
    {
        "robust": Segmentation(),
        "paper": Segmentation(window_s=3.0, hop_s=0.75, short="drop", tail="drop"),
        "utterance": Segmentation(window_s=None),
    }
)
"""Named segmentations: ``robust`` (the default) keeps every recording and every sample; ``paper`` keeps full windows
only, so recordings under 3 s yield none; ``utterance`` gives one window per recording."""

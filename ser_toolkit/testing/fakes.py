"""Small, quick, deterministic feature extractors that keep all contracts: for tests of whatever uses features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np

from ser_toolkit.interfaces import FeatureSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FakeImage", "FakeSequence", "FakeVector"]


@dataclass(frozen=True, kw_only=True)
class FakeVector:
    """Three statistics of a segment, with all windows of a recording in one pass.

    Parameters
    ----------
    gain : float
        Factor on all values.
    """

    name: ClassVar[str] = "fake-vector"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0
    sliding_agreement: ClassVar[float] = 1.0
    gain: Annotated[float, annotated_types.Gt(0)] = 1.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape (3,): root mean square, peak, and zero crossings per sample."""
        return FeatureSpec(shape=(3,), axes=("feature",), unit="mixed", names=("rms", "peak", "crossings"))

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Statistics of one segment, float32 of shape (3,)."""
        row: NDArray[np.float32] = self._statistics(y[None])[0]
        return row

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Statistics of all full windows, float32 of shape (n_windows, 3)."""
        if len(y) < n_window:
            return np.empty((0, 3), dtype=np.float32)
        return self._statistics(np.lib.stride_tricks.sliding_window_view(y, n_window)[::n_hop])

    def _statistics(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        windows = np.clip(windows, -1, 1)
        signs = np.signbit(windows)
        columns = (
            np.sqrt(np.mean(windows**2, axis=1, dtype=np.float64)),
            np.abs(windows).max(axis=1),
            (signs[:, 1:] != signs[:, :-1]).mean(axis=1) if windows.shape[1] > 1 else np.zeros(len(windows)),
        )
        return (self.gain * np.stack(columns, axis=1)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FakeImage:
    """Energy in a few bands and stretches of a segment: an image of the same shape for any length.

    Parameters
    ----------
    n_bands, n_frames : int
        Height and width.
    """

    name: ClassVar[str] = "fake-image"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0
    n_bands: Annotated[int, annotated_types.Interval(ge=1, le=64)] = 8
    n_frames: Annotated[int, annotated_types.Interval(ge=1, le=64)] = 12

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape (1, n_bands, n_frames), in dB."""
        return FeatureSpec(shape=(1, self.n_bands, self.n_frames), axes=("channel", "band", "frame"), unit="dB")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Band energies of one segment, float32 of shape (1, n_bands, n_frames), -80 dB and up."""
        n = max(2 * self.n_bands, -(-len(y) // self.n_frames))
        frames = np.pad(np.clip(y, -1, 1), (0, n * self.n_frames - len(y))).reshape(self.n_frames, n)
        power = np.abs(np.fft.rfft(frames) / n) ** 2
        bands = np.stack([part.sum(axis=1) for part in np.array_split(power, self.n_bands, axis=1)])
        decibels: NDArray[np.float64] = 10 * np.log10(np.maximum(bands, 1e-8))
        return decibels[None].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FakeSequence:
    """Level and zero crossings of each frame: a sequence as long as the segment asks for.

    Parameters
    ----------
    hop_s : float
        Seconds per frame.
    """

    name: ClassVar[str] = "fake-sequence"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0
    hop_s: Annotated[float, annotated_types.Interval(ge=0.005, le=1)] = 0.02

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape (n_frames, 2), with ``None`` frames for segments of any length."""
        n_frames = None if n_samples is None else max(1, n_samples // self._n_hop(sr))
        return FeatureSpec(shape=(n_frames, 2), axes=("frame", "feature"), unit="mixed")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Root mean square and zero crossings per sample of each frame, float32 of shape (n_frames, 2)."""
        n_hop = self._n_hop(sr)
        n_frames = max(1, len(y) // n_hop)
        frames = np.resize(np.clip(y, -1, 1), n_frames * n_hop).reshape(n_frames, n_hop)
        signs = np.signbit(frames)
        level, crossings = np.sqrt((frames**2).mean(axis=1)), (signs[:, 1:] != signs[:, :-1]).sum(axis=1) / n_hop
        return np.stack([level, crossings], axis=1).astype(np.float32)

    def _n_hop(self, sr: int) -> int:
        return max(1, round(self.hop_s * sr))

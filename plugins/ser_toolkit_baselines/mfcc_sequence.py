"""Mel-frequency cepstral coefficients and their deltas as a sequence of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np

from ser_toolkit.errors import ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_baselines.logmel_sequence import LogMelSequence, Seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MfccSequence"]

DELTA_WIDTH = 9
"""Frames that a delta is fitted to."""


@dataclass(frozen=True, kw_only=True)
class MfccSequence:
    """Cepstral coefficients of each frame, with first and second deltas.

    Parameters
    ----------
    n_mfcc : int
        Coefficients from the zeroth on, which is the level; at most `n_mels`.
    deltas : int
        Orders of deltas that follow them, 0 to 2: with 2, a frame has three times `n_mfcc` values.
    n_mels : int
        Mel bands that they are computed from, 1 to 256.
    window_s, hop_s : float
        Length of a frame and seconds from one to the next, 0.001 to 1.

    Raises
    ------
    ConfigError
        If `n_mfcc` exceeds `n_mels`.

    Notes
    -----
    The numbers are those of ``librosa.feature.mfcc`` over the component ``logmel-sequence``, and of
    ``librosa.feature.delta(width=9, mode="nearest")``: at the ends of a segment, its first and last frames go on.

    References
    ----------
    Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word recognition in continuously
    spoken sentences", IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4), 1980.
    """

    name: ClassVar[str] = "mfcc-sequence"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("librosa", "numpy", "scipy")
    context_s: ClassVar[float] = 0.0

    n_mfcc: Annotated[int, annotated_types.Interval(ge=1, le=256)] = 13
    deltas: Annotated[int, annotated_types.Interval(ge=0, le=2)] = 2
    n_mels: Annotated[int, annotated_types.Interval(ge=1, le=256)] = 40
    window_s: Seconds = 0.025
    hop_s: Seconds = 0.01

    def __post_init__(self) -> None:
        if self.n_mfcc > self.n_mels:
            raise ConfigError(f"mfcc-sequence: n_mfcc {self.n_mfcc} exceeds n_mels {self.n_mels}: raise n_mels")

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(1 + n_samples // hop, (1 + deltas) * n_mfcc)``, ``None`` frames for segments of any length."""
        frames = self._bands().spec(n_samples, sr).shape[0]
        return FeatureSpec(shape=(frames, (1 + self.deltas) * self.n_mfcc), axes=("frame", "coefficient"), unit="dB")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Coefficients of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (n_frames, (1 + deltas) * n_mfcc)
            All coefficients of a frame, then their first deltas, then their second ones.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If a mel band holds no FFT bin.
        """
        import librosa

        bands = self._bands()(y, sr).T.astype(np.float64)  # (n_mels, n_frames)
        still = librosa.feature.mfcc(S=bands, n_mfcc=self.n_mfcc)
        moving = [
            librosa.feature.delta(still, width=DELTA_WIDTH, order=order, mode="nearest")
            for order in range(1, 1 + self.deltas)
        ]
        return np.concatenate([still, *moving]).T.astype(np.float32, order="C")

    def _bands(self) -> LogMelSequence:
        return LogMelSequence(n_mels=self.n_mels, window_s=self.window_s, hop_s=self.hop_s)

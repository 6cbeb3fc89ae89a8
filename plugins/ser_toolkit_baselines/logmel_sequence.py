"""Log-mel spectrum as a sequence of frames, for networks that read sound in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import annotated_types
import numpy as np

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_paper.melspec import MelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LogMelSequence", "frames_of"]

Seconds = Annotated[float, annotated_types.Interval(ge=0.001, le=1.0)]


@dataclass(frozen=True, kw_only=True)
class LogMelSequence:
    """Mel bands in decibels, one row per frame.

    Parameters
    ----------
    n_mels : int
        Bands, 1 to 256.
    window_s : float
        Length of a frame in seconds, 0.001 to 1. The FFT has the next power of two of samples.
    hop_s : float
        Seconds from one frame to the next, 0.001 to 1.
    fmin_hz : float
        Lower edge of the lowest band in Hz.
    fmax_hz : float or None
        Upper edge of the highest band in Hz; None: half the sample rate.
    ref : "max" or float
        Power that is 0 dB: the loudest value of the segment, or a fixed one, above 0, which keeps the level.

    Notes
    -----
    The numbers are those of the component ``melspec`` (Hann window, frames centred on every `hop_s`, Slaney's bands,
    80 dB of range), turned on its side: that one is an image (channel, band, frame), this one a sequence
    (frame, band).

    References
    ----------
    Neumann and Vu, "Attentive convolutional neural network based speech emotion recognition", Interspeech 2017
    (26 bands, 25 ms, 10 ms).
    """

    name: ClassVar[str] = "logmel-sequence"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = MelSpec.libraries
    context_s: ClassVar[float] = 0.0
    sliding_agreement: ClassVar[float] = 1.0

    n_mels: Annotated[int, annotated_types.Interval(ge=1, le=256)] = 26
    window_s: Seconds = 0.025
    hop_s: Seconds = 0.01
    fmin_hz: Annotated[float, annotated_types.Ge(0)] = 0.0
    fmax_hz: Annotated[float, annotated_types.Gt(0)] | None = None
    ref: Literal["max"] | Annotated[float, annotated_types.Gt(0)] = 1.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(1 + n_samples // hop, n_mels)``: (751, 26) for 7.5 s; ``(None, n_mels)`` for any length."""
        frames = self.image(sr).spec(n_samples, sr).shape[2]
        return FeatureSpec(shape=(frames, self.n_mels), axes=("frame", "mel"), unit="dB")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Bands of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (n_frames, n_mels)
            In dB.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If a band holds no FFT bin, or `fmax_hz` exceeds half of `sr`.
        """
        return np.ascontiguousarray(self.image(sr)(y, sr)[0].T)

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Bands of all full windows of a recording; the same numbers as of each by itself.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.
        n_window, n_hop : int
            Window and hop in samples.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_frames, n_mels)
            As calling the extractor.

        Raises
        ------
        AudioError, ConfigError
            As calling the extractor.
        """
        windows = self.image(sr).sliding(y, sr, n_window=n_window, n_hop=n_hop)
        return np.ascontiguousarray(windows[:, 0].transpose(0, 2, 1))

    def image(self, sr: int) -> MelSpec:
        """The spectrogram with these settings at a sample rate."""
        n_window, n_hop = frames_of(sr, window_s=self.window_s, hop_s=self.hop_s)
        return MelSpec(
            n_fft=max(16, 2 ** (n_window - 1).bit_length()),
            win_length=n_window,
            hop_length=n_hop,
            n_mels=self.n_mels,
            fmin_hz=self.fmin_hz,
            fmax_hz=self.fmax_hz,
            ref=self.ref,
        )


def frames_of(sr: int, *, window_s: float, hop_s: float) -> tuple[int, int]:
    """Samples of a frame, and from one frame to the next; at least 1."""
    return max(1, round(window_s * sr)), max(1, round(hop_s * sr))

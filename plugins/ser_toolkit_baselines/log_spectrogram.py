"""Spectrogram with linear frequency in decibels: what Satt et al. read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_baselines.logmel_sequence import Seconds, frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LogSpectrogram"]


@dataclass(frozen=True, kw_only=True)
class LogSpectrogram:
    """Level of narrow bands of equal width, from 0 Hz up.

    Parameters
    ----------
    window_s : float
        Length of a frame in seconds, 0.001 to 1, under a Hamming window.
    hop_s : float
        Seconds from one frame to the next, 0.001 to 1.
    resolution_hz : float
        Hz from one band to the next: the FFT has ``sr / resolution_hz`` samples, no fewer than a frame.
    fmax_hz : float
        Bands from 0 Hz to below this, at most half the sample rate.
    floor_db : float
        Lower levels count as this.

    Notes
    -----
    Frames lie wholly inside the segment; one that is shorter than a frame is followed by zeros. A sine of full scale
    in the middle of a band is 0 dB.

    References
    ----------
    Satt, Rozenberg, Hoory, "Efficient emotion recognition from speech using deep learning on spectrograms",
    Interspeech 2017 (0 to 4 kHz; 10 or 20 Hz).
    """

    name: ClassVar[str] = "log-spectrogram"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    context_s: ClassVar[float] = 0.0

    window_s: Seconds = 0.04
    hop_s: Seconds = 0.01
    resolution_hz: Annotated[float, annotated_types.Interval(ge=1, le=1000)] = 20.0
    fmax_hz: Annotated[float, annotated_types.Gt(0)] = 4000.0
    floor_db: Annotated[float, annotated_types.Interval(ge=-200, lt=0)] = -100.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(1, fmax_hz / resolution_hz, n_frames)``: (1, 200, 297) for 3 s; ``None`` frames for any length."""
        n_window, n_hop = frames_of(sr, window_s=self.window_s, hop_s=self.hop_s)
        frames = None if n_samples is None else 1 + max(0, n_samples - n_window) // n_hop
        return FeatureSpec(shape=(1, self._n_bands(), frames), axes=("channel", "band", "frame"), unit="dB")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Spectrogram of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (1, n_bands, n_frames)
            In dB, from `floor_db` to 0; more where waves add up.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If `fmax_hz` exceeds half of `sr`, or a frame is longer than one period of `resolution_hz`.
        """
        from scipy.fft import rfft

        n_window, n_hop = frames_of(sr, window_s=self.window_s, hop_s=self.hop_s)
        n_fft = round(sr / self.resolution_hz)
        if self.fmax_hz > sr / 2:
            raise ConfigError(f"log-spectrogram: fmax_hz {self.fmax_hz:g} exceeds half of {sr} Hz: lower it")
        if n_fft < n_window:
            raise ConfigError(
                f"log-spectrogram: bands {self.resolution_hz:g} Hz apart need frames of at most "
                f"{1 / self.resolution_hz:g} s, not {self.window_s:g}: lower window_s or resolution_hz"
            )
        if not len(y):
            raise AudioError("empty", "a spectrogram needs at least one sample")
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the audio holds NaN or infinite samples")
        y = np.pad(np.clip(y, -1, 1), (0, max(0, n_window - len(y)))).astype(np.float32, copy=False)
        taper = np.hamming(n_window).astype(np.float32)
        taper *= 2 / taper.sum()
        spectrum = rfft(sliding_window_view(y, n_window)[::n_hop] * taper, n=n_fft)[:, : self._n_bands()]
        power = np.maximum(spectrum.real**2 + spectrum.imag**2, 10 ** (self.floor_db / 10))
        return np.ascontiguousarray(10 * np.log10(power).T[None], dtype=np.float32)

    def _n_bands(self) -> int:
        return max(1, round(self.fmax_hz / self.resolution_hz))

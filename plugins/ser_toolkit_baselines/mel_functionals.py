"""Statistics of the bands of a mel spectrogram: its content as one vector of fixed length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import annotated_types
import numpy as np

from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_paper.melspec import MelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MelFunctionals"]

STATISTICS = ("mean", "sd", "p10", "p90")
"""Per band, over frames: mean, standard deviation, 10th and 90th percentile."""


@dataclass(frozen=True, kw_only=True)
class MelFunctionals:
    """Mean, standard deviation, 10th and 90th percentile of each mel band over time.

    Parameters
    ----------
    n_mels : int
        Bands; the vector has four values of each.
    n_fft : int
        Samples of a frame.
    hop_length : int
        Samples between frames.
    ref : {"max"} or float
        Power that is 0 dB: the loudest value of the segment, or a fixed one, above 0.

    Notes
    -----
    The spectrogram is that of the component ``melspec`` with these settings, so that classical learners get what the
    convolutional network sees, without its order in time.
    """

    name: ClassVar[str] = "mel-functionals"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = MelSpec.libraries
    context_s: ClassVar[float] = 0.0
    sliding_agreement: ClassVar[float] = 1.0

    n_mels: Annotated[int, annotated_types.Interval(ge=1, le=1024)] = 128
    n_fft: Annotated[int, annotated_types.Interval(ge=16, le=65_536)] = 1024
    hop_length: Annotated[int, annotated_types.Interval(ge=1, le=65_536)] = 128
    ref: Literal["max"] | Annotated[float, annotated_types.Gt(0)] = "max"

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(4 * n_mels,)`` for segments of any length; `names` are ``"mean 0"``, ..., ``"p90 127"``."""
        names = tuple(f"{statistic} {band}" for statistic in STATISTICS for band in range(self.n_mels))
        return FeatureSpec(shape=(len(names),), axes=("feature",), unit="dB", names=names)

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Statistics of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (4 * n_mels,)
            In dB: all means from the lowest band to the highest, then all standard deviations, 10th and 90th
            percentiles.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If a band holds no FFT bin.
        """
        return _functionals(self._spectrogram()(y, sr))

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Statistics of all full windows of a recording; the same numbers as of each by itself.

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
        ndarray of float32, shape (n_windows, 4 * n_mels)
            As calling the extractor.

        Raises
        ------
        AudioError, ConfigError
            As calling the extractor.
        """
        windows = self._spectrogram().sliding(y, sr, n_window=n_window, n_hop=n_hop)
        return np.stack([_functionals(w) for w in windows]) if len(windows) else np.zeros((0, 4 * self.n_mels), "f4")

    def _spectrogram(self) -> MelSpec:
        return MelSpec(n_mels=self.n_mels, n_fft=self.n_fft, hop_length=self.hop_length, ref=self.ref)


def _functionals(spectrogram: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1, n_mels, n_frames) -> (4 * n_mels,)."""
    bands = spectrogram[0].astype(np.float64)
    low, high = np.percentile(bands, (10, 90), axis=1)
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1), low, high]).astype(np.float32)

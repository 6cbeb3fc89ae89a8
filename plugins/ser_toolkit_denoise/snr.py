"""How noisy a recording is, told from the recording alone."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np

from ser_toolkit_denoise.spectrum import noise_power, spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import Scope

__all__ = ["BelowSNR", "estimated_snr_db"]

SILENT_DB = -90.0
"""Noise below it, in dB re full scale, is that of a converter and no noise."""

_LEAST_S = 0.25
_LOWEST_HZ = 80.0


def estimated_snr_db(y: NDArray[np.float32], sr: int) -> float:
    """Ratio of speech to steady noise.

    The noise is that of the quietest frames of each band (`ser_toolkit_denoise.spectrum.noise_power`), the speech what
    the louder half of the frames has beyond it; both from 80 Hz up.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    float
        In dB, -20 to 60; 60 for what is shorter than 0.25 s or has no noise. How far it is off on speech with known
        noise: docs/denoise.md.
    """
    if len(y) < _LEAST_S * sr:
        return 60.0
    power = np.square(np.abs(spectra(y, sr)))[1:-2]
    power = power[:, np.fft.rfftfreq(2 * (power.shape[1] - 1), 1 / sr) >= _LOWEST_HZ]
    noise = float(noise_power(power).sum())
    frames = power.sum(axis=1)
    n_frame = 2 * (power.shape[1] - 1)
    if noise <= 10 ** (SILENT_DB / 10) * n_frame**2 / 4:
        return 60.0
    loud = float(np.sort(frames)[len(frames) // 2 :].mean())
    ratio = max(loud - noise, 0.01 * noise) / noise
    return float(np.clip(10 * np.log10(ratio), -20.0, 60.0))


@dataclass(frozen=True, kw_only=True)
class BelowSNR:
    """A step that leaves recordings with little noise as they are.

    Parameters
    ----------
    below_snr_db : float
        Recordings (stretches of long ones) whose `estimated_snr_db` is this or more stay as they are, bit for bit.
    """

    scope: ClassVar[Scope] = "recording"
    context_s: ClassVar[float] = 2.0

    below_snr_db: Annotated[float, annotated_types.Interval(ge=-20.0, le=61.0)] = 12.0

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio with less noise and about its mean, float32 (n_samples,); `y` itself where it has little."""
        self.require()
        centred = y - np.float32(y.mean(dtype=np.float64))
        if estimated_snr_db(centred, sr) >= self.below_snr_db:
            return y
        return self.denoised(centred, sr)

    def require(self) -> None:
        """Raise a MissingTierError if what it is computed with is not installed."""

    @abstractmethod
    def denoised(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio with less noise, whatever its SNR."""

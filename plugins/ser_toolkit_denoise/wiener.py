"""Wiener filter over short-time spectra, with a noise estimate that follows the noise; numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np

from ser_toolkit_denoise.snr import BelowSNR
from ser_toolkit_denoise.spectrum import noise_power, overlap_add, spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Wiener"]

_EXPECTED_SNR = 10**1.5  # where speech is present: 15 dB
_NOISE_SMOOTHING = 0.8
_PRESENCE_SMOOTHING = 0.9
_SPEECH_SMOOTHING = 0.98
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Wiener(BelowSNR):
    """Each band of each frame is lowered by how much of it is noise.

    The noise is followed by the probability that a band holds speech; the ratio of speech to noise is that of the frame
    before, mixed with what this frame shows (decision-directed).

    Parameters
    ----------
    floor_db : float
        A band is lowered by this at most.

    References
    ----------
    Ephraim, Malah: Speech enhancement using a minimum mean-square error short-time spectral amplitude estimator. IEEE
    TASSP 32(6), 1984: equation 51. Gerkmann, Hendriks: Unbiased MMSE-based noise power estimation with low complexity
    and low tracking delay. IEEE TASLP 20(4), 2012: equations 18, 22 and 23.
    """

    name: ClassVar[str] = "wiener"
    version: ClassVar[int] = 1

    floor_db: Annotated[float, annotated_types.Interval(ge=-60.0, le=0.0)] = -15.0

    def denoised(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio with less noise, float32 (n_samples,)."""
        given = spectra(y, sr)  # (n_frames, n_bins)
        return overlap_add(given * self._gains(np.square(np.abs(given))), len(y), sr)

    def _gains(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        noise = noise_power(power) + _TINY
        presence = np.full(power.shape[1], 0.5)
        speech = np.zeros(power.shape[1])
        lowest = 10 ** (self.floor_db / 20)
        gains = np.empty_like(power)
        for frame, row in zip(power, gains, strict=True):
            odds = (1 + _EXPECTED_SNR) * np.exp(-np.minimum(frame / noise, 200) * (_EXPECTED_SNR / (1 + _EXPECTED_SNR)))
            present = 1 / (1 + odds)
            presence = _PRESENCE_SMOOTHING * presence + (1 - _PRESENCE_SMOOTHING) * present
            present = np.where(presence > 0.99, np.minimum(present, 0.99), present)  # or it might stay so for ever
            seen = present * noise + (1 - present) * frame
            noise = _NOISE_SMOOTHING * noise + (1 - _NOISE_SMOOTHING) * seen + _TINY
            ratio = _SPEECH_SMOOTHING * speech / noise
            ratio += (1 - _SPEECH_SMOOTHING) * np.maximum(frame / noise - 1, 0)
            row[:] = np.maximum(ratio / (1 + ratio), lowest)
            speech = np.square(row) * frame
        return gains

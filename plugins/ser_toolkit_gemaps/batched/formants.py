"""Formants; see `ser_toolkit_gemaps.formants`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.linear_prediction import poles, predictors
from ser_toolkit_gemaps.batched.tables import product
from ser_toolkit_gemaps.formants import HIGHEST_HZ, LOWEST_HZ, N_FORMANTS, ORDER, TARGET_HZ, _cosines
from ser_toolkit_gemaps.frames import SHORT_S, size

__all__ = ["formants"]


def formants(spectra: torch.Tensor, sr: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequency and bandwidth of the first three formants of each frame.

    Parameters
    ----------
    spectra : Tensor of complex64, shape (n_frames, n_bins)
        Spectra of 20 ms frames under a Hamming window.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    frequency_hz, bandwidth_hz : Tensor of float32, shape (n_frames, 3)
        In order of frequency, 50 to 5450 Hz; 0 where a frame has fewer.
    """
    n_used = round(size(sr, SHORT_S) * TARGET_HZ / sr) // 2
    interleaved = torch.view_as_real(spectra[:, :n_used]).flatten(1)
    resampled = product(interleaved, _cosines(n_used, spectra.shape[-1], sr))
    return poles(-predictors(resampled, ORDER), float(TARGET_HZ), LOWEST_HZ, HIGHEST_HZ, N_FORMANTS)

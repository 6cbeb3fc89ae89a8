"""Short-time spectra of all frames of all segments; see `ser_toolkit_gemaps.spectrum`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.frames import frames
from ser_toolkit_gemaps.batched.tables import table
from ser_toolkit_gemaps.frames import LONG_S, SHORT_S
from ser_toolkit_gemaps.spectrum import _gauss, _hamming, fft_size

__all__ = ["gauss60", "hamming20", "power"]


def hamming20(wave: torch.Tensor, sr: int) -> torch.Tensor:
    """Spectra of the 20 ms frames under a symmetric Hamming window, complex64, shape (batch, n_frames, n_bins)."""
    cut = frames(wave, sr, SHORT_S)
    spectra: torch.Tensor = torch.fft.rfft(cut * table(_hamming(cut.shape[-1]), wave), n=fft_size(sr, SHORT_S))
    return spectra


def gauss60(wave: torch.Tensor, sr: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnitude spectra of the 60 ms frames under a Gaussian window, and their level.

    Parameters
    ----------
    wave : Tensor of float32, shape (batch, n_samples)
        Samples, see `ser_toolkit_gemaps.batched.frames.wave`.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    magnitude : Tensor of float32, shape (batch, n_frames, n_bins)
        (batch, n, 513) at 16 kHz.
    rms : Tensor of float32, shape (batch, n_frames)
        Root of the mean square of the windowed frame.
    """
    cut = frames(wave, sr, LONG_S)
    tapered = cut * table(_gauss(cut.shape[-1]), wave)
    magnitude = power(torch.fft.rfft(tapered, n=fft_size(sr, LONG_S))).sqrt_()
    return magnitude, (tapered.square_().sum(-1) / cut.shape[-1]).sqrt()


def power(spectra: torch.Tensor) -> torch.Tensor:
    """Squared magnitude, same shape."""
    return spectra.real.square() + spectra.imag.square()

"""Loudness; see `ser_toolkit_gemaps.loudness`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.batched.tables import product
from ser_toolkit_gemaps.loudness import COMPRESSION, LEAST_BAND_POWER, _weights

__all__ = ["loudness"]


def loudness(bands: torch.Tensor, sr: int) -> torch.Tensor:
    """Perceived loudness of each frame.

    Parameters
    ----------
    bands : Tensor of float32, shape (batch, n_frames, 26)
        Powers of the mel bands (`ser_toolkit_gemaps.loudness.mel_bands`).
    sr : int
        Sample rate in Hz.

    Returns
    -------
    Tensor of float32, shape (batch, n_frames)
        No unit.
    """
    return product(torch.exp(COMPRESSION * torch.log(bands.clamp(min=LEAST_BAND_POWER))), _weights(sr))

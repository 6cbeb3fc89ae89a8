"""Samples as openSMILE scales them, cut into overlapping frames; see `ser_toolkit_gemaps.frames`."""

from __future__ import annotations

import torch

from ser_toolkit_gemaps.frames import INTEGER_SCALE, hop, size

__all__ = ["frames", "wave"]


def wave(y: torch.Tensor) -> torch.Tensor:
    """Samples clipped and scaled so that the largest 16-bit sample is 1, float32; a copy of the same shape."""
    largest = INTEGER_SCALE - 1
    return y.clamp(-largest / INTEGER_SCALE, largest / INTEGER_SCALE).float() * (INTEGER_SCALE / largest)


def frames(wave: torch.Tensor, sr: int, size_s: float) -> torch.Tensor:
    """All whole frames of `size_s` seconds: a view of shape (batch, n_frames, size)."""
    return wave.unfold(-1, size(sr, size_s), hop(sr))

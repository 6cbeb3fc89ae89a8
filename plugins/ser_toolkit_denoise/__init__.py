"""Steps before features: against noise, and for an even level."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit.interfaces import Preprocessor
from ser_toolkit_denoise.level import Level, SegmentLevel
from ser_toolkit_denoise.rnnoise import RNNoise
from ser_toolkit_denoise.spectral_gate import SpectralGate
from ser_toolkit_denoise.wiener import Wiener

__all__ = ["ser_register_preprocessors"]


@hookimpl
def ser_register_preprocessors() -> list[type[Preprocessor]]:
    """Wiener filter, spectral gate, RNNoise, and level of a recording or of each window."""
    return [Wiener, SpectralGate, RNNoise, Level, SegmentLevel]

"""The 88 functionals of eGeMAPSv02: openSMILE's names in its order, and their units."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["LLDS", "NAMES", "UNITS", "VOICED", "VOICED_SPECTRAL"]

LLDS: tuple[str, ...] = (
    "Loudness_sma3",
    "alphaRatio_sma3",
    "hammarbergIndex_sma3",
    "slope0-500_sma3",
    "slope500-1500_sma3",
    "spectralFlux_sma3",
    "mfcc1_sma3",
    "mfcc2_sma3",
    "mfcc3_sma3",
    "mfcc4_sma3",
    "F0semitoneFrom27.5Hz_sma3nz",
    "jitterLocal_sma3nz",
    "shimmerLocaldB_sma3nz",
    "HNRdBACF_sma3nz",
    "logRelF0-H1-H2_sma3nz",
    "logRelF0-H1-A3_sma3nz",
    "F1frequency_sma3nz",
    "F1bandwidth_sma3nz",
    "F1amplitudeLogRelF0_sma3nz",
    "F2frequency_sma3nz",
    "F2bandwidth_sma3nz",
    "F2amplitudeLogRelF0_sma3nz",
    "F3frequency_sma3nz",
    "F3bandwidth_sma3nz",
    "F3amplitudeLogRelF0_sma3nz",
)
"""The 25 smoothed low-level descriptors."""

VOICED: tuple[str, ...] = LLDS[11:]
"""Descriptors of the voice: jitter to the amplitude of the third formant."""

VOICED_SPECTRAL: tuple[str, ...] = tuple(name.removesuffix("_sma3") for name in LLDS[1:10])
"""Descriptors of the spectrum, of which there are functionals over voiced frames."""

_CONTOUR = (
    "amean",
    "stddevNorm",
    "percentile20.0",
    "percentile50.0",
    "percentile80.0",
    "pctlrange0-2",
    "meanRisingSlope",
    "stddevRisingSlope",
    "meanFallingSlope",
    "stddevFallingSlope",
)

_LEVEL = "equivalentSoundLevel_dBp"

_TEMPORAL = (
    "loudnessPeaksPerSec",
    "VoicedSegmentsPerSec",
    "MeanVoicedSegmentLengthSec",
    "StddevVoicedSegmentLengthSec",
    "MeanUnvoicedSegmentLength",
    "StddevUnvoicedSegmentLength",
)

NAMES: tuple[str, ...] = (
    *(f"F0semitoneFrom27.5Hz_sma3nz_{part}" for part in _CONTOUR),
    *(f"loudness_sma3_{part}" for part in _CONTOUR),
    *(f"{name}_{part}" for name in LLDS[5:10] for part in _CONTOUR[:2]),
    *(f"{name}_{part}" for name in VOICED for part in _CONTOUR[:2]),
    # openSMILE sets the mark of voicing before a band: slopeV0-500, mfcc1V
    *(
        f"{name.replace('slope', 'slopeV') if name.startswith('slope') else name + 'V'}_sma3nz_{part}"
        for name in VOICED_SPECTRAL
        for part in _CONTOUR[:2]
    ),
    *(
        f"{name.replace('slope', 'slopeUV') if name.startswith('slope') else name + 'UV'}_sma3nz_amean"
        for name in VOICED_SPECTRAL[:5]
    ),
    *_TEMPORAL,
    _LEVEL,
)
"""The functionals."""

_DESCRIPTOR_UNITS = {
    "F0semitone": "semitones above 27.5 Hz",
    "loudness": "",
    "spectralFlux": "",
    "mfcc": "",
    "jitter": "",
    "shimmer": "dB",
    "HNR": "dB",
    "logRelF0": "dB",
    "alphaRatio": "dB",
    "hammarberg": "dB",
    "slope": "dB/Hz",
}


def _unit(name: str) -> str:
    if name == _LEVEL:
        return "dB"
    if name in _TEMPORAL:
        return "1/s" if name.endswith("PerSec") else "s"
    if name.endswith("stddevNorm"):
        return ""
    if name.startswith("F0") and not name.endswith(("amean", "percentile20.0", "percentile50.0", "percentile80.0")):
        return "semitones/s" if name.endswith("Slope") else "semitones"
    if "Slope" in name:
        return "1/s"
    if "amplitude" in name:
        return "dB"
    if name.startswith(("F1", "F2", "F3")):
        return "Hz"
    return next(unit for start, unit in _DESCRIPTOR_UNITS.items() if name.startswith(start))


UNITS: Mapping[str, str] = MappingProxyType({name: _unit(name) for name in NAMES})
"""Unit of each functional; empty for ratios and arbitrary scales."""

"""The system of Toyoshima et al. 2023 as a plugin: its two features, its network, its losses."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_paper.cnn_dnn import CnnDnn
from ser_toolkit_paper.cross_entropy import CrossEntropy
from ser_toolkit_paper.egemaps import Egemaps
from ser_toolkit_paper.focal import Focal
from ser_toolkit_paper.melspec import MelSpec

__all__ = ["CnnDnn", "CrossEntropy", "Egemaps", "Focal", "MelSpec"]


@hookimpl
def ser_register_features() -> list[type]:
    """Mel spectrogram and GeMAPS."""
    return [MelSpec, Egemaps]


@hookimpl
def ser_register_models() -> list[type]:
    """The multi-input network."""
    return [CnnDnn]


@hookimpl
def ser_register_losses() -> list[type]:
    """Focal loss, and the cross entropy that the paper compares it with."""
    return [CrossEntropy, Focal]

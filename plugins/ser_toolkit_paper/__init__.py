"""The system of Toyoshima et al. 2023 as a plugin: its features, network and losses, and two losses of dimensions."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_paper.ccc import Ccc
from ser_toolkit_paper.cnn_dnn import CnnDnn
from ser_toolkit_paper.cross_entropy import CrossEntropy
from ser_toolkit_paper.egemaps import Egemaps
from ser_toolkit_paper.focal import Focal
from ser_toolkit_paper.melspec import MelSpec
from ser_toolkit_paper.mse import Mse

__all__ = ["Ccc", "CnnDnn", "CrossEntropy", "Egemaps", "Focal", "MelSpec", "Mse"]


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
    """Focal loss, the cross entropy that the paper compares it with, and losses of dimensions."""
    return [Ccc, CrossEntropy, Focal, Mse]

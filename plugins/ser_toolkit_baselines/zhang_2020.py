"""Zhang, Wang and Guo 2020: the speech part of a multimodal network, dense layers on utterance functionals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt, MinLen

from ser_toolkit_baselines.network_inputs import only_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Zhang2020"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Zhang2020:
    """Dense layers on functionals such as ``is09`` or ``egemaps``; several vectors are joined.

    Parameters
    ----------
    widths : tuple of int
        Of the dense layers, each with batch normalization and ReLU.
    dropout : float
        Share of values, 0 to below 1, dropped after each.

    Notes
    -----
    On the 384 functionals of IS09 and four emotions the defaults have 363 652 parameters. The layers are ours: the
    paper's are not known here, see docs/systems/zhang-2020.md.

    Batch normalization needs at least two segments in a training batch.

    References
    ----------
    Zhang, Wang, Guo: multimodal emotion recognition by deep networks on IEMOCAP, 2020. See docs/systems/zhang-2020.md
    for what is known of it.
    """

    name: ClassVar[str] = "zhang-2020"
    version: ClassVar[int] = 1

    widths: Annotated[tuple[Count, ...], MinLen(1)] = (512, 256, 128)
    dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for vectors and any targets; refuses what `only_vectors` does."""
        only_vectors(self.name, inputs, targets)
        from ser_toolkit_baselines.dense_net import DenseNet

        return DenseNet(inputs, targets, widths=self.widths, dropout=self.dropout)

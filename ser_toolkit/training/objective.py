"""The losses of all targets of a network as one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from ser_toolkit.training.distillation import Distillation

__all__ = ["Objective"]


class Objective(nn.Module):
    """What a network is trained with.

    Parameters
    ----------
    classes : torch.nn.Module or None
        Loss of the class target, which is the first output of the network; None: there is none.
    dimensions : torch.nn.Module or None, optional
        Loss of the regression target, the last output.
    weight : float, optional
        Of the latter in the sum.
    """

    def __init__(self, classes: nn.Module | None, dimensions: nn.Module | None = None, *, weight: float = 1.0) -> None:
        super().__init__()
        self.classes, self.dimensions, self.weight = classes, dimensions, weight

    def forward(
        self,
        outputs: Mapping[str, Tensor],
        labels: Tensor,
        rated: Tensor | None,
        taught: Tensor | None = None,
        distillation: Distillation | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        outputs : mapping of str to Tensor
            Of the network, in the order of the targets.
        labels : Tensor
            (B,) classes or (B, n_classes) shares.
        rated : Tensor or None
            (B, n_dimensions), NaN where there is no rating.
        taught : Tensor or None, optional
            (B, n_classes), what teachers say.
        distillation : Distillation or None, optional
            How much they count.

        Returns
        -------
        Tensor
            A scalar.
        """
        found, values = [], list(outputs.values())
        if self.classes is not None:
            value = self.classes(values[0], labels)
            if distillation is not None and taught is not None:
                value = distillation.mixed(value, values[0], taught)
            found.append(value)
        if self.dimensions is not None:
            found.append(self.weight * self.dimensions(values[-1], rated))
        total: Tensor = found[0] if len(found) == 1 else found[0] + found[1]
        return total

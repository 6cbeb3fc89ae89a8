"""Mean squared error, for dimensions such as valence and arousal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_toolkit.interfaces import TargetSpec
    from ser_toolkit_paper.losses import MseLoss

__all__ = ["Mse"]


@dataclass(frozen=True, kw_only=True)
class Mse:
    """Mean squared difference between values and ratings.

    Notes
    -----
    The mean is over all ratings of a batch; with dimensions that are rated unequally often, each rating counts alike.
    Values are on a scale of -1 to 1, whatever that of the ratings is, so that losses are at most about 4.

    References
    ----------
    Yao, Wang, Liu, Liu, Pan: Speech emotion recognition using fusion of three multi-task learning-based classifiers.
    Speech Communication 120, 2020.
    """

    name: ClassVar[str] = "mse"
    version: ClassVar[int] = 1

    def build(self, target: TargetSpec, class_counts: Sequence[int]) -> MseLoss:
        """Loss for one target.

        Parameters
        ----------
        target : TargetSpec
            A regression target.
        class_counts : sequence of int
            Not used.

        Returns
        -------
        MseLoss
            ``forward(values, ratings)`` gives a scalar, float32.

        Raises
        ------
        ComponentError
            If the target is of another kind.
        """
        if target.kind != "regression":
            raise ComponentError(
                f"{self.name} needs a regression target (targets.dimensions); {target.name!r} is of kind "
                f"{target.kind!r}. Classes are learnt with focal or cross-entropy"
            )
        from ser_toolkit_paper.losses import MseLoss

        return MseLoss()

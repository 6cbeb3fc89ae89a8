"""Concordance, for dimensions such as valence and arousal: what they are scored by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_toolkit.interfaces import TargetSpec
    from ser_toolkit_paper.losses import CccLoss

__all__ = ["Ccc"]


@dataclass(frozen=True, kw_only=True)
class Ccc:
    """One minus Lin's concordance correlation coefficient, the mean over dimensions.

    Notes
    -----
    For values ``x`` and ratings ``y`` of a batch, ``2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)`` is 1
    only if all are equal. It is a property of the batch as a whole: small batches estimate it badly, and a batch with
    one rating teaches nothing. Take batches of 32 and more.

    References
    ----------
    Lin: A concordance correlation coefficient to evaluate reproducibility. Biometrics 45(1), 1989.
    Trigeorgis et al.: Adieu features? ICASSP 2016 (as a loss).
    """

    name: ClassVar[str] = "ccc"
    version: ClassVar[int] = 1

    def build(self, target: TargetSpec, class_counts: Sequence[int]) -> CccLoss:
        """Loss for one target.

        Parameters
        ----------
        target : TargetSpec
            A regression target.
        class_counts : sequence of int
            Not used.

        Returns
        -------
        CccLoss
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
        from ser_toolkit_paper.losses import CccLoss

        return CccLoss()

"""Focal loss, which the paper trains with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Interval

from ser_toolkit.errors import ComponentError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_toolkit.interfaces import TargetSpec
    from ser_toolkit_paper.losses import FocalLoss

__all__ = ["Focal"]

Weight = Annotated[float, Interval(ge=0.0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class Focal:
    """Cross entropy that counts little where the network is already right.

    Parameters
    ----------
    alpha : float or tuple of float
        Factor of the whole loss, or one per class in the order of the labels; 0 to 1e6.
    gamma : float
        Focus, 0 to 100: the loss of a class that has probability p is scaled by ``(1 - p) ** gamma``. 0 with
        ``alpha=1`` is cross entropy.
    form : {"target", "printed"}
        ``"target"``: the usual focal loss. ``"printed"``: equation (2) of the paper to the letter, whose factor
        is summed over all classes. It does not focus (easy segments keep 1.5 times their cross entropy with the
        defaults and four classes), and is here to be compared with.

    Notes
    -----
    With logits of probabilities ``p`` and a label distribution ``y`` (one-hot for an integer label)::

        target:   sum_k  alpha_k (1 - p_k)^gamma  y_k (-log p_k)
        printed: (sum_k  alpha_k (1 - p_k)^gamma) (sum_k y_k (-log p_k))

    ``log(1 - p_k)`` is a difference of two log-sum-exps, so that value and gradient stay finite for any finite
    logits. Probabilities of a network trained with ``gamma=4`` are too low where it is right: calibrate them.

    References
    ----------
    Lin, Goyal, Girshick, He, Dollár: Focal Loss for Dense Object Detection. ICCV 2017, equation (5).
    Toyoshima et al.: Sensors 23(3), 1743, 2023, equations (1) and (2).
    """

    name: ClassVar[str] = "focal"
    version: ClassVar[int] = 1

    alpha: Weight | tuple[Weight, ...] = 0.5
    gamma: Annotated[float, Interval(ge=0.0, le=100.0)] = 4.0
    form: Literal["target", "printed"] = "target"

    def build(self, target: TargetSpec, class_counts: Sequence[int]) -> FocalLoss:
        """Loss for one target.

        Parameters
        ----------
        target : TargetSpec
            A class target of two labels or more.
        class_counts : sequence of int
            Not used.

        Returns
        -------
        FocalLoss
            ``forward(logits, target)`` gives the mean over the batch, float32.

        Raises
        ------
        ComponentError
            If the target is not of kind ``"class"``, or has fewer than two labels.
        ConfigError
            If `alpha` has another number of entries than there are labels.
        """
        n = len(target.labels)
        if target.kind != "class" or n < 2:
            raise ComponentError(
                f"{self.name} needs a class target of at least two labels; {target.name!r} is of kind "
                f"{target.kind!r} and has {n}"
            )
        alpha = self.alpha if isinstance(self.alpha, tuple) else (self.alpha,) * n
        if len(alpha) != n:
            raise ConfigError(
                f"{self.name}: alpha has {len(alpha)} entries for {n} labels ({', '.join(target.labels)}); "
                "give one number, or one for each label"
            )
        from ser_toolkit_paper.losses import FocalLoss

        return FocalLoss(alpha, gamma=self.gamma, form=self.form)

"""Cross entropy, which the paper compares focal loss with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Interval, Lt

from ser_toolkit.errors import ComponentError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_toolkit.interfaces import TargetSpec
    from ser_toolkit_paper.losses import CrossEntropyLoss

__all__ = ["CrossEntropy"]

Weight = Annotated[float, Interval(ge=0.0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Negative log probability of the label.

    Parameters
    ----------
    class_weight : {"balanced"} or tuple of float, optional
        Weight per class in the order of the labels, 0 to 1e6; ``"balanced"`` weighs a class by
        ``segments / (classes * segments of the class)``, which is 1 on average over the training segments.
        None weighs all alike.
    label_smoothing : float
        Share of each label, 0 to below 1, that is spread evenly over all classes.

    Notes
    -----
    The loss of a segment with label distribution ``y`` (one-hot for an integer label) is
    ``sum_k w_k y_k (-log p_k)``; its mean over the batch is not divided by the sum of weights.

    References
    ----------
    Toyoshima et al.: Sensors 23(3), 1743, 2023, equation (1).
    """

    name: ClassVar[str] = "cross-entropy"
    version: ClassVar[int] = 1

    class_weight: Literal["balanced"] | tuple[Weight, ...] | None = None
    label_smoothing: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0

    def build(self, target: TargetSpec, class_counts: Sequence[int]) -> CrossEntropyLoss:
        """Loss for one target.

        Parameters
        ----------
        target : TargetSpec
            A class target of two labels or more.
        class_counts : sequence of int
            Training segments per class, for ``"balanced"``.

        Returns
        -------
        CrossEntropyLoss
            ``forward(logits, target)`` gives the mean over the batch, float32.

        Raises
        ------
        ComponentError
            If the target is not of kind ``"class"``, or has fewer than two labels.
        ConfigError
            If there is not one weight per label, or a class to be balanced has no training segment.
        """
        n = len(target.labels)
        if target.kind != "class" or n < 2:
            raise ComponentError(
                f"{self.name} needs a class target of at least two labels; {target.name!r} is of kind "
                f"{target.kind!r} and has {n}"
            )
        from ser_toolkit_paper.losses import CrossEntropyLoss

        return CrossEntropyLoss(self._weights(target, class_counts), label_smoothing=self.label_smoothing)

    def _weights(self, target: TargetSpec, class_counts: Sequence[int]) -> tuple[float, ...]:
        n, labels = len(target.labels), ", ".join(target.labels)
        if self.class_weight is None:
            return (1.0,) * n
        if isinstance(self.class_weight, tuple):
            if len(self.class_weight) != n:
                raise ConfigError(
                    f"{self.name}: class_weight has {len(self.class_weight)} entries for {n} labels ({labels}); "
                    "give one for each label"
                )
            return self.class_weight
        counts = dict(zip(target.labels, class_counts, strict=True))
        if absent := [label for label, count in counts.items() if count == 0]:
            raise ConfigError(
                f'{self.name}: class_weight="balanced" cannot weigh {", ".join(absent)}, which has no training '
                "segment; give weights, or leave the label out"
            )
        return tuple(sum(class_counts) / (n * count) for count in class_counts)

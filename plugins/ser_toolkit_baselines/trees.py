"""Single decision trees and extremely randomized ones of scikit-learn, over the concatenated features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval

from ser_toolkit_baselines.inputs import check_inputs
from ser_toolkit_baselines.search import Several, searched

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["DecisionTree", "ExtraTrees"]

Count = Annotated[int, Ge(1)]
Depth = Count | None
Penalty = Annotated[float, Ge(0.0)]


@dataclass(frozen=True, kw_only=True)
class DecisionTree:
    """One decision tree: the learner whose reasons can be read.

    Parameters
    ----------
    max_depth : int, None or several of them
        Deepest level, 1 or more; None grows until leaves are pure or small. Of several the best is chosen by
        cross-validation over the training speakers.
    min_samples_leaf : int or several
        Least segments in a leaf, 1 or more.
    ccp_alpha : float or several
        Minimal cost-complexity pruning, 0 or more: branches that gain less impurity than this are cut.
    class_weight : {"balanced"}, optional
        ``"balanced"`` weighs segments by the inverse frequency of their class.

    References
    ----------
    Breiman, Friedman, Olshen, Stone: Classification and Regression Trees. 1984.
    """

    name: ClassVar[str] = "decision-tree"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    max_depth: Depth | Several[Depth] = (5, 10, 20, None)
    min_samples_leaf: Count | Several[Count] = 5
    ccp_alpha: Penalty | Several[Penalty] = 0.0
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; see `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.tree import DecisionTreeClassifier

        return searched(
            DecisionTreeClassifier(class_weight=self.class_weight, random_state=seed),
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            ccp_alpha=self.ccp_alpha,
        )


@dataclass(frozen=True, kw_only=True)
class ExtraTrees:
    """Extremely randomized trees: a forest whose thresholds are drawn, not searched; a tenth of its training time.

    Parameters
    ----------
    n_trees : int
        Number of trees, 1 or more.
    min_samples_leaf : int or several
        Least segments in a leaf, 1 or more. Of several the best is chosen by cross-validation over the training
        speakers.
    max_features : {"sqrt", "log2"} or float
        Entries of the vector tried at each split: the root or logarithm of their number, or a share in (0, 1].
    class_weight : {"balanced"}, optional
        ``"balanced"`` weighs segments by the inverse frequency of their class.

    References
    ----------
    Geurts, Ernst, Wehenkel: Extremely randomized trees. Machine Learning 63, 2006.
    """

    name: ClassVar[str] = "extra-trees"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    n_trees: Annotated[int, Interval(ge=1, le=10_000)] = 300
    min_samples_leaf: Count | Several[Count] = 1
    max_features: Literal["sqrt", "log2"] | Annotated[float, Interval(gt=0.0, le=1.0)] = "sqrt"
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; see `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.ensemble import ExtraTreesClassifier

        return searched(
            ExtraTreesClassifier(
                self.n_trees, max_features=self.max_features, class_weight=self.class_weight, random_state=seed
            ),
            min_samples_leaf=self.min_samples_leaf,
        )

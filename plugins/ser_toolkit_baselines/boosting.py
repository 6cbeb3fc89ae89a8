"""Boosted trees of scikit-learn over the concatenated features.

skl2onnx 1.20 cannot convert them (onnx 1.23 refuses the attributes that it writes), and skops has to be told to trust
``sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor``, see `ser_toolkit.training.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval

from ser_toolkit_baselines.inputs import check_inputs

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["GradientBoosting"]


@dataclass(frozen=True, kw_only=True)
class GradientBoosting:
    """Gradient boosting of decision trees over binned features. Trained and scored only: it cannot be exported.

    Parameters
    ----------
    lr : float
        Shrinkage of each tree, above 0.
    max_iter : int
        Most rounds; each adds one tree, with more than two classes one per class.
    max_leaf_nodes : int
        Most leaves of a tree, 2 or more.
    min_samples_leaf : int
        Least segments in a leaf, 1 or more.
    l2 : float
        Penalty on the values of leaves, 0 or more.
    early_stopping : float or None
        Share of the training segments, in (0, 0.5], on which the loss must fall at least once in `patience` rounds;
        None: all segments are trained on for `max_iter` rounds.
    patience : int
        See `early_stopping`.
    class_weight : {"balanced"}, optional
        ``"balanced"`` weighs segments by the inverse frequency of their class.

    Notes
    -----
    The share for early stopping is drawn among training segments whatever their speaker, which scikit-learn leaves no
    choice about: windows of one utterance are on both sides, so that it stops late rather than early. Neither
    development nor test speakers are looked at.

    References
    ----------
    Friedman: Greedy function approximation: a gradient boosting machine. Annals of Statistics 29(5), 2001.
    Ke et al.: LightGBM: a highly efficient gradient boosting decision tree. NIPS 2017 (binned features).
    """

    name: ClassVar[str] = "gradient-boosting"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    exportable: ClassVar[bool] = False

    lr: Annotated[float, Interval(gt=0.0, le=10.0)] = 0.05
    max_iter: Annotated[int, Interval(ge=1, le=100_000)] = 300
    max_leaf_nodes: Annotated[int, Interval(ge=2, le=100_000)] = 31
    min_samples_leaf: Annotated[int, Ge(1)] = 20
    l2: Annotated[float, Ge(0.0)] = 0.0
    early_stopping: Annotated[float, Interval(gt=0.0, le=0.5)] | None = 0.1
    patience: Annotated[int, Ge(1)] = 10
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; see `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            learning_rate=self.lr,
            max_iter=self.max_iter,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            early_stopping=self.early_stopping is not None,
            validation_fraction=self.early_stopping,
            n_iter_no_change=self.patience,
            class_weight=self.class_weight,
            random_state=seed,
        )

"""Classical learners of scikit-learn over the concatenated features.

Each is chosen so that skl2onnx converts it without loss. On the 88 eGeMAPS functionals of emodb, with 2, 4 and 7
classes, the defaults differ by less than 5e-6 between scikit-learn 1.9 and ONNX Runtime and never in their label. What
was found on the way, with skl2onnx 1.20:

- ``SVC(decision_function_shape="ovr")`` counts votes between pairs of classes: its scores are steps, which makes poor
  logits. ``SVC(probability=True)`` goes away with scikit-learn 1.11, and skops does not load
  ``CalibratedClassifierCV`` without being told to trust it. Hence one machine per class against the rest, whose scores
  are smooth; the toolkit calibrates them on development speakers.
- A linear kernel as ``SVC`` sums over its support vectors in float32 and drifts (2e-3 with C of 100); ``LinearSVC``
  keeps one weight vector per class. It must stay bare: where there are two classes, skl2onnx converts
  ``OneVsRestClassifier`` around it wrongly.
- Scores need the option ``raw_scores=True``. Every estimator here but `LinearSVC` wants ``zipmap=False`` as well.
  With two classes the graph gives the columns ``(-s, s)`` where scikit-learn gives ``s``.
- skops loads all of them without trusted types, but for the random forest: ``sklearn.tree._tree.Tree``, whose content
  it cannot check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval

from ser_toolkit_baselines.inputs import check_inputs
from ser_toolkit_baselines.search import Several, searched

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["LogisticRegression", "RandomForest", "Svm"]

Positive = Annotated[float, Interval(gt=0.0, le=1e6)]


@dataclass(frozen=True, kw_only=True)
class Svm:
    """Support vector machine, one per class against the rest.

    Parameters
    ----------
    kernel : {"rbf", "linear"}
        ``"linear"`` minimises the squared hinge loss and takes long vectors (flattened spectrograms) and many
        segments; ``"rbf"`` takes time and memory that grow with the square of the number of segments.
    C : float or several of them
        Inverse strength of the regularization, above 0. Beyond about 100 an RBF machine can differ by more than
        1e-4 once exported, and is then refused. Of several the best is chosen by cross-validation over the training
        speakers.
    gamma : {"scale"}, float, or several of them
        Width of the RBF kernel, above 0; ``"scale"`` is one over (length of the vector times its variance).
    class_weight : {"balanced"}, optional
        ``"balanced"`` weighs the segments of each machine by the inverse frequency of their side.

    References
    ----------
    Eyben et al.: The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective
    Computing. IEEE Transactions on Affective Computing 7(2), 2016 (SVM on GeMAPS).
    """

    name: ClassVar[str] = "svm"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    kernel: Literal["rbf", "linear"] = "rbf"
    C: Positive | Several[Positive] = 1.0
    gamma: Literal["scale"] | Positive | Several[Literal["scale"] | Positive] = "scale"
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with a ``decision_function``, one score per class. Refuses what `check_inputs` does."""
        check_inputs(self.name, inputs, target)
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.svm import SVC, LinearSVC

        if self.kernel == "linear":
            return searched(
                LinearSVC(class_weight=self.class_weight, max_iter=10_000, random_state=seed),
                C=self.C,
            )
        return searched(
            OneVsRestClassifier(SVC(kernel="rbf", class_weight=self.class_weight, random_state=seed)),
            estimator__C=self.C,
            estimator__gamma=self.gamma,
        )


@dataclass(frozen=True, kw_only=True)
class RandomForest:
    """Random forest.

    Parameters
    ----------
    n_trees : int
        Number of trees, 1 or more.
    max_depth : int, optional
        Deepest level, 1 or more; None grows trees until leaves are pure or small.
    min_samples_leaf : int or several of them
        Least segments in a leaf, 1 or more. Of several the best is chosen by cross-validation over the training
        speakers.
    max_features : {"sqrt", "log2"} or float
        Entries of the vector tried at each split: the root or logarithm of their number, or a share in (0, 1].
    class_weight : {"balanced", "balanced_subsample"}, optional
        ``"balanced"`` weighs segments by the inverse frequency of their class; ``"balanced_subsample"`` by that in the
        sample that each tree was grown from.

    References
    ----------
    Breiman: Random Forests. Machine Learning 45, 2001.
    """

    name: ClassVar[str] = "random-forest"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    n_trees: Annotated[int, Interval(ge=1, le=10_000)] = 300
    max_depth: Annotated[int, Ge(1)] | None = None
    min_samples_leaf: Annotated[int, Ge(1)] | Several[Annotated[int, Ge(1)]] = 1
    max_features: Literal["sqrt", "log2"] | Annotated[float, Interval(gt=0.0, le=1.0)] = "sqrt"
    class_weight: Literal["balanced", "balanced_subsample"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; see `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.ensemble import RandomForestClassifier

        return searched(
            RandomForestClassifier(
                n_estimators=self.n_trees,
                max_depth=self.max_depth,
                max_features=self.max_features,
                class_weight=self.class_weight,
                random_state=seed,
            ),
            min_samples_leaf=self.min_samples_leaf,
        )


@dataclass(frozen=True, kw_only=True)
class LogisticRegression:
    """Multinomial logistic regression with an L2 penalty.

    Parameters
    ----------
    C : float or several of them
        Inverse strength of the penalty, above 0. Of several the best is chosen by cross-validation over the training
        speakers.
    class_weight : {"balanced"}, optional
        ``"balanced"`` weighs segments by the inverse frequency of their class.
    max_iter : int
        Most steps of the solver (L-BFGS), 1 or more.
    """

    name: ClassVar[str] = "logistic-regression"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    C: Positive | Several[Positive] = 1.0
    class_weight: Literal["balanced"] | None = "balanced"
    max_iter: Annotated[int, Ge(1)] = 2000

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; see `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.linear_model import LogisticRegression as Estimator

        return searched(
            Estimator(class_weight=self.class_weight, max_iter=self.max_iter, random_state=seed),
            C=self.C,
        )

"""Nearest neighbours of scikit-learn over the concatenated features.

With uniform weights, skl2onnx 1.20 gives what scikit-learn 1.9 gives (differences under 1e-7 on the data of
``tests/baselines``), also behind a principal component analysis. With distance weights it does not: probabilities of
new segments are off by up to 0.02 for four in ten, and those of training segments by up to 0.9. The search is by brute
force: in many dimensions trees are no faster, and skops does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Interval

from ser_toolkit_baselines.inputs import check_inputs
from ser_toolkit_baselines.search import Several, searched

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["KNearestNeighbours"]

Count = Annotated[int, Interval(ge=1, le=100_000)]


@dataclass(frozen=True, kw_only=True)
class KNearestNeighbours:
    """The share of each class among the nearest training segments.

    Parameters
    ----------
    k : int or several of them
        Neighbours that vote, 1 or more; no more than there are training segments. Of several the best is chosen by
        cross-validation over the training speakers.
    weights : {"uniform", "distance"}
        Whether all neighbours count alike, or by the inverse of their distance. A model with ``"distance"`` can be
        trained and scored, but not exported.
    pca : float or None
        Share of the variance, in (0, 1), that the principal components keep in which distances are measured; None
        measures them in the features themselves.

    Notes
    -----
    Distances are Euclidean, of standardized features. There is no class weight: where classes are unevenly frequent,
    the frequent ones win.

    References
    ----------
    Cover and Hart: Nearest neighbor pattern classification. IEEE Transactions on Information Theory 13(1), 1967.
    """

    name: ClassVar[str] = "k-nn"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    k: Count | Several[Count] = 11
    weights: Literal["uniform", "distance"] = "uniform"
    pca: Annotated[float, Interval(gt=0.0, lt=1.0)] | None = 0.95

    @property
    def exportable(self) -> bool:
        """Whether a trained model has an exact ONNX form: with uniform weights."""
        return self.weights == "uniform"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with ``predict_proba``; `seed` changes nothing. See `check_inputs` for what it refuses."""
        check_inputs(self.name, inputs, target)
        from sklearn.decomposition import PCA
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import Pipeline

        neighbours = KNeighborsClassifier(weights=self.weights, algorithm="brute")
        if self.pca is None:
            return searched(neighbours, n_neighbors=self.k)
        both = Pipeline([("pca", PCA(self.pca, svd_solver="full")), ("neighbours", neighbours)])
        return searched(both, neighbours__n_neighbors=self.k)

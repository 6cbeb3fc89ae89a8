"""One Gaussian mixture per class over the frames of a segment, whose order does not count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval

from ser_toolkit_baselines.inputs import check_frames
from ser_toolkit_baselines.search import Several, searched

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Gmm"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Gmm:
    """A mixture of Gaussians with diagonal covariances for the frames of each class.

    The score of a class is the mean log likelihood of a segment's frames. Trained, scored and analyzed with, not
    exported.

    Parameters
    ----------
    n_components : int or several of them
        Gaussians of each class, 1 or more. Of several the best is chosen by cross-validation over the training
        speakers.
    max_iter : int
        Most rounds of expectation and maximization.
    variance_floor : float
        Added to each variance of the standardized features, so that silence has some.
    max_frames : int
        Most frames that a class is fitted to; of more, segments are drawn.
    class_weight : {"balanced"} or None
        ``"balanced"``: all classes are equally likely beforehand; None: as frequent as in training.

    References
    ----------
    Reynolds, Rose: Robust text-independent speaker identification using Gaussian mixture speaker models. IEEE
    Transactions on Speech and Audio Processing 3(1), 1995.
    """

    name: ClassVar[str] = "gmm"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    exportable: ClassVar[bool] = False
    stored_types: ClassVar[tuple[str, ...]] = ("ser_toolkit_baselines.generative.GmmPerClass",)

    n_components: Count | Several[Count] = 16
    max_iter: Count = 50
    variance_floor: Annotated[float, Interval(gt=0.0, le=1.0)] = 1e-3
    max_frames: Annotated[int, Ge(100)] = 50_000
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with a ``decision_function``, one score per class. Refuses what `check_frames` does."""
        shapes, axes = check_frames(self.name, inputs, target)
        from ser_toolkit_baselines.generative import GmmPerClass

        made = GmmPerClass(
            shapes=shapes,
            frame_axes=axes,
            max_iter=self.max_iter,
            variance_floor=self.variance_floor,
            max_frames=self.max_frames,
            balanced=self.class_weight is not None,
            seed=seed,
        )
        return searched(made, n_components=self.n_components)

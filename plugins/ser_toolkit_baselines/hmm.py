"""One hidden Markov model per class over the frames of a segment, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Interval

from ser_toolkit_baselines.inputs import check_frames
from ser_toolkit_baselines.search import Several, searched

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["Hmm"]

Count = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Hmm:
    """A hidden Markov model for each class; each state has one Gaussian with a diagonal covariance.

    The score of a class is the log likelihood of a segment's frames, over all paths through the states, divided by
    their number. Fitted by hmmlearn; what is stored are plain arrays, and reading them needs numpy alone. Trained,
    scored and analyzed with, not exported.

    Parameters
    ----------
    n_states : int or several of them
        States of each class, 1 or more. Of several the best is chosen by cross-validation over the training speakers.
    topology : {"left-right", "ergodic"}
        ``"left-right"``: a segment begins in the first state, and stays or goes on to the next; states start as equal
        parts of the segments. ``"ergodic"``: from any state to any other.
    max_iter : int
        Most rounds of expectation and maximization.
    variance_floor : float
        Least variance of the standardized features.
    max_frames : int
        Most frames that a class is fitted to; of more, segments are drawn.
    class_weight : {"balanced"} or None
        ``"balanced"``: all classes are equally likely beforehand; None: as frequent as in training.

    References
    ----------
    Rabiner: A tutorial on hidden Markov models and selected applications in speech recognition. Proceedings of the
    IEEE 77(2), 1989.
    Nwe, Foo, De Silva: Speech emotion recognition using hidden Markov models. Speech Communication 41(4), 2003.
    """

    name: ClassVar[str] = "hmm"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("hmmlearn", "scikit-learn")
    exportable: ClassVar[bool] = False
    stored_types: ClassVar[tuple[str, ...]] = ("ser_toolkit_baselines.generative.HmmPerClass",)

    n_states: Count | Several[Count] = 4
    topology: Literal["left-right", "ergodic"] = "left-right"
    max_iter: Count = 10
    variance_floor: Annotated[float, Interval(gt=0.0, le=1.0)] = 1e-3
    max_frames: Annotated[int, Ge(100)] = 30_000
    class_weight: Literal["balanced"] | None = "balanced"

    def estimator(self, inputs: Mapping[str, FeatureSpec], target: TargetSpec, *, seed: int) -> Any:
        """Unfitted estimator with a ``decision_function``, one score per class. Refuses what `check_frames` does."""
        shapes, axes = check_frames(self.name, inputs, target)
        from ser_toolkit_baselines.generative import HmmPerClass

        made = HmmPerClass(
            shapes=shapes,
            frame_axes=axes,
            topology=self.topology,
            max_iter=self.max_iter,
            variance_floor=self.variance_floor,
            max_frames=self.max_frames,
            balanced=self.class_weight is not None,
            seed=seed,
        )
        return searched(made, n_states=self.n_states)

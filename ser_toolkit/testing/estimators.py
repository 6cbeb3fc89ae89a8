"""Checks on scikit-learn estimators, for `ser_toolkit.testing.models.check_model`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ComponentError
from ser_toolkit.inference import runtime
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.checks import CheckResult, check, require, require_same
from ser_toolkit.training.grid_search import fit_by_speaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import ClassicalModel

__all__ = ["EstimatorChecks"]

VECTOR = FeatureSpec(shape=(88,), axes=("feature",), unit="mixed")
SEQUENCE = FeatureSpec(shape=(20, 6), axes=("frame", "feature"), unit="mixed")
CHOICES: tuple[Mapping[str, FeatureSpec], ...] = ({"vector": VECTOR}, {"sequence": SEQUENCE})
"""Inputs to check with where none are given: the first that the model takes."""

TOLERANCE = 1e-4
"""Largest difference of probabilities, or of scores, between scikit-learn and ONNX Runtime."""


class EstimatorChecks:
    """The checks on one estimator; they need scikit-learn, and for the last skl2onnx and onnxruntime.

    Parameters
    ----------
    model : ClassicalModel
        The model, configured.
    inputs : mapping of str to FeatureSpec or None
        What it is made for, all of fixed size; None tries `CHOICES`.
    target : TargetSpec
        What it predicts.
    """

    def __init__(self, model: ClassicalModel, inputs: Mapping[str, FeatureSpec] | None, target: TargetSpec) -> None:
        self.model, self.target = model, target
        self.choices = CHOICES if inputs is None else (inputs,)
        self.inputs = self.choices[0]
        self.own = tuple(getattr(model, "stored_types", ()))
        self.n = len(target.labels)

    def run(self) -> list[CheckResult]:
        """All checks; the later ones only for an estimator that fits."""
        results = [check("estimator", self.estimator)]
        if results[0].passed:
            results.append(check("fits", self.fits))
        if results[-1].passed and len(results) == 2:
            checks = {"outputs": self.outputs, "learns": self.learns, "seeded": self.seeded}
            checks |= {"stored": self.stored, "ONNX": self.onnx}
            results += [check(name, function) for name, function in checks.items()]
        return results

    def make(self) -> Any:
        """Unfitted estimator, of seed 0."""
        return self.model.estimator(self.inputs, self.target, seed=0)

    def estimator(self) -> str:
        """An unfitted classifier with probabilities or scores."""
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        for i, inputs in enumerate(self.choices):
            self.inputs = inputs
            try:
                made = self.make()
                break
            except ComponentError:
                if i + 1 == len(self.choices):
                    raise
        kind = type(made).__name__
        require(hasattr(made, "fit"), f"{kind} has no fit")
        scores = hasattr(made, "predict_proba") or hasattr(made, "decision_function")
        require(scores, f"{kind} has neither predict_proba nor decision_function")
        try:
            check_is_fitted(made)
        except NotFittedError:
            return kind
        require(False, f"{kind} is fitted already")
        return kind

    def fits(self) -> None:
        """Fits to twelve segments per class, far apart."""
        n_features = sum(math.prod(size or 0 for size in spec.shape) for spec in self.inputs.values())
        rng = np.random.default_rng(0)
        self.y = np.arange(12 * self.n) % self.n
        centres = rng.standard_normal((self.n, n_features))
        self.x = (centres[self.y] + 0.5 * rng.standard_normal((len(self.y), n_features))).astype(np.float32)
        self.fitted = self.fit()

    def fit(self) -> Any:
        """Fitted as training does it, to segments of four speakers."""
        speakers = np.arange(len(self.y)) // self.n % 4
        return fit_by_speaker(self.make(), self.x, self.y, groups=speakers)

    def scores(self, estimator: Any) -> NDArray[np.float64]:
        """Probabilities or scores, one column per class."""
        function = getattr(estimator, "predict_proba", None) or estimator.decision_function
        result: NDArray[np.float64] = np.asarray(function(self.x))
        return np.stack([-result, result], axis=1) if result.ndim == 1 and self.n == 2 else result

    def outputs(self) -> None:
        """One finite score per class."""
        scores, wanted = self.scores(self.fitted), (len(self.x), self.n)
        require(scores.shape == wanted, f"shape {scores.shape}, not {wanted}: one column per class")
        require(np.isfinite(scores).all(), "scores are not all finite")

    def learns(self) -> str:
        """The highest score is the label's."""
        accuracy = float(np.mean(self.scores(self.fitted).argmax(axis=1) == self.y))
        require(accuracy > 0.9, f"accuracy {accuracy:.2f} on the very segments, far apart, that it was fitted to")
        return f"accuracy {accuracy:.2f}"

    def seeded(self) -> str:
        """Two fits with one seed are one."""
        again = self.fit()
        return require_same(self.scores(self.fitted), self.scores(again), "two fits with one seed", tolerance=0.0)

    def stored(self) -> str:
        """A run folder can hold it, and gives the same back."""
        from ser_toolkit.training.stored_estimator import dump, load

        again = load(dump(self.fitted, also=self.own), also=self.own)
        return require_same(self.scores(self.fitted), self.scores(again), "stored and fitted", tolerance=0.0)

    def onnx(self) -> str:
        """Scikit-learn and ONNX Runtime agree, unless the model says that it cannot be exported."""
        if not getattr(self.model, "exportable", True):
            return "no ONNX form, as the model says (exportable is False)"
        onnxruntime = runtime()

        graph = self.convert()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        result = session.run(None, {session.get_inputs()[0].name: self.x})[1]
        return require_same(self.scores(self.fitted), result, "scikit-learn and ONNX Runtime", tolerance=TOLERANCE)

    def convert(self) -> bytes:
        """The fitted estimator as ONNX; its second output is what `scores` gives."""
        from skl2onnx import to_onnx

        options: dict[str, Any] = {} if hasattr(self.fitted, "predict_proba") else {"raw_scores": True}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of scikit-learn, on what skl2onnx reads
            for wanted in ({"zipmap": False, **options}, options):
                try:
                    graph = to_onnx(self.fitted, self.x[:1], options={id(self.fitted): wanted})
                except NameError as error:  # an estimator without this option
                    problem: Exception = error
                except Exception as error:  # noqa: BLE001 - skl2onnx raises many types, and quotes whole models
                    problem = error
                    break
                else:
                    result: bytes = graph.SerializeToString()
                    return result
        reason = str(problem).partition("\n")[0][:120]
        raise AssertionError(
            f"skl2onnx cannot convert it ({reason}). If that is meant to be, say so: exportable: ClassVar[bool] = False"
        )

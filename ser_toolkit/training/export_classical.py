"""A scikit-learn estimator as an ONNX graph: standardization before it, softmax and temperature behind it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.training.export import calibrated, temperature_of
from ser_toolkit.training.standardize import CLIP
from ser_toolkit.training.stored_estimator import parts_of

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.checkpoint import Classifier

__all__ = ["convert", "probabilities"]

_CAN = (
    "Support vector machines, decision trees, forests, logistic regression and k-NN with uniform weights can be "
    "exported; others are used from their run folder: ser-toolkit analyze --model RUN_DIR"
)

_OPSET = 18
_IR_VERSION = 10


def convert(classifier: Classifier, recipe: Recipe, specs: Mapping[str, FeatureSpec]) -> onnx.ModelProto:
    """Graph of a fitted estimator with a free batch axis.

    Parameters
    ----------
    classifier : Classifier
        Estimator and standardization.
    recipe : Recipe
        Names of inputs and output, and the temperature.
    specs : mapping of str to FeatureSpec
        Shapes of the inputs, all fixed.

    Returns
    -------
    onnx.ModelProto
        One output, named as the target: probabilities (batch, n_labels).

    Raises
    ------
    ModelError
        If skl2onnx cannot convert the estimator, or is known to convert it to something else.
    """
    from onnx import TensorProto, helper, numpy_helper

    n_flat = sum(math.prod(n or 0 for n in spec.shape) for spec in specs.values())
    core = _converted(classifier, n_flat)
    scores = core.graph.output[1].name
    target = recipe.targets[0].name
    nodes, constants, inputs = [], [], []

    # names of our own begin with an underscore, which names of inputs cannot
    def constant(name: str, value: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    low, high = constant("_clip_low", np.array(-CLIP)), constant("_clip_high", np.array(CLIP))
    for key, spec in specs.items():
        inputs.append(helper.make_tensor_value_info(key, TensorProto.FLOAT, ["batch", *spec.shape]))
        statistics = classifier.standardization[key]
        nodes += [
            helper.make_node("Sub", [key, constant(f"_mean_{key}", statistics.mean)], [f"_{key}_centred"]),
            helper.make_node(
                "Mul", [f"_{key}_centred", constant(f"_scale_{key}", statistics.scale)], [f"_{key}_scaled"]
            ),
            helper.make_node("Clip", [f"_{key}_scaled", low, high], [f"_{key}_clipped"]),
            helper.make_node("Flatten", [f"_{key}_clipped"], [f"_{key}_flat"], axis=1),
        ]
    nodes.append(helper.make_node("Concat", [f"_{key}_flat" for key in specs], [core.graph.input[0].name], axis=1))
    after = []
    logits = scores
    if hasattr(classifier.estimator, "predict_proba"):
        tiny, one = constant("_least_probability", np.array(1e-7)), constant("_one", np.array(1.0))
        after += [
            helper.make_node("Clip", [scores, tiny, one], ["_bounded"]),
            helper.make_node("Log", ["_bounded"], ["_log_probabilities"]),
        ]
        logits = "_log_probabilities"
    after += [
        helper.make_node("Div", [logits, constant("_temperature", np.array(temperature_of(recipe)))], ["_calibrated"]),
        helper.make_node("Softmax", ["_calibrated"], [target], axis=-1),
    ]
    graph = helper.make_graph(
        [*nodes, *core.graph.node, *after],
        "ser_toolkit",
        inputs,
        [helper.make_tensor_value_info(target, TensorProto.FLOAT, ["batch", len(recipe.labels)])],
        [*constants, *core.graph.initializer],
    )
    return helper.make_model(graph, opset_imports=core.opset_import, ir_version=_IR_VERSION)


def _converted(classifier: Classifier, n_flat: int) -> onnx.ModelProto:
    """What skl2onnx makes of the estimator: outputs label and (batch, n) scores."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    estimator = classifier.estimator
    for part, _ in parts_of(estimator):
        # measured with skl2onnx 1.20: probabilities off by 0.02 on new windows, by 0.9 on those of training
        if type(part).__name__ == "KNeighborsClassifier" and part.weights != "uniform":
            raise ModelError(
                f"{type(part).__name__} with weights {part.weights!r} has no exact ONNX form: what skl2onnx makes of "
                f"it gives other probabilities. {_CAN}"
            )
    # not every estimator knows every option, and skl2onnx raises a NameError for an unknown one
    wanted: dict[str, Any] = {"zipmap": False}
    if not hasattr(estimator, "predict_proba"):
        wanted = {"raw_scores": True}
    problem: Exception | None = None
    for options in ({"zipmap": False, **wanted}, wanted):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made: onnx.ModelProto = convert_sklearn(
                    estimator,
                    initial_types=[("_flat_input", FloatTensorType([None, n_flat]))],
                    options={id(estimator): options},
                    target_opset={"": _OPSET, "ai.onnx.ml": 3},
                )
        except Exception as error:  # noqa: BLE001 - skl2onnx raises many types
            problem = error
            continue
        if len(made.graph.output) != 2:
            break
        return made
    reason = str(problem).partition("\n")[0][:120] if problem else "more outputs than label and scores"
    raise ModelError(f"{type(estimator).__name__} has no exact ONNX form (skl2onnx: {reason}). {_CAN}")


def probabilities(classifier: Classifier, recipe: Recipe, features: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Calibrated probabilities by scikit-learn, float64 (n, n_labels)."""
    return calibrated(classifier.logits(classifier.flatten(features)), recipe)

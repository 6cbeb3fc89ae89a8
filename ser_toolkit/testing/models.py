"""Contract of models: what training, export and analysis may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ser_toolkit.interfaces import ClassicalModel, FeatureSpec, TargetSpec
from ser_toolkit.testing.checks import CheckResult, assert_passed, check_component

if TYPE_CHECKING:
    from ser_toolkit.interfaces import NeuralModel

__all__ = ["assert_model", "check_model"]

TARGET = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
"""Target that is checked with where none is given."""


def check_model(
    model: NeuralModel | ClassicalModel, inputs: Mapping[str, FeatureSpec] | None = None, target: TargetSpec = TARGET
) -> list[CheckResult]:
    """Check that a model keeps its contract.

    Parameters
    ----------
    model : NeuralModel or ClassicalModel
        The model, configured.
    inputs : mapping of str to FeatureSpec, optional
        What it is built for. By default the first that it accepts of: an image (1, 128, 126) and a vector (88,); the
        vector; the image; a sequence (None, 40).
    target : TargetSpec, optional
        A class target; by default four emotions.

    Returns
    -------
    list of CheckResult
        Component: frozen dataclass, JSON round trip, picklable. Network: builds, and the same with one seed; outputs
        of the right name and shape; in evaluation mode the same twice, in a batch of one as of many, and whatever
        pads an input that varies; learns eight random segments by heart; gradients reach all parameters; ONNX Runtime
        gives the same for batches of any size. Classical model: an unfitted estimator that fits, gives one score per
        class, learns, is the same with one seed, and converts to ONNX.

    Notes
    -----
    Takes some seconds, about 20 for a network of 14 million parameters on two cores.
    """
    if isinstance(model, ClassicalModel):
        from ser_toolkit.testing.estimators import EstimatorChecks

        return [*check_component(model), *EstimatorChecks(model, inputs, target).run()]
    from ser_toolkit.testing.networks import NetworkChecks

    return [*check_component(model), *NetworkChecks(model, inputs, target).run()]


def assert_model(
    model: NeuralModel | ClassicalModel, inputs: Mapping[str, FeatureSpec] | None = None, target: TargetSpec = TARGET
) -> None:
    """Raise an error that lists what `check_model` finds broken.

    Parameters
    ----------
    model : NeuralModel or ClassicalModel
        The model, configured.
    inputs, target
        As for `check_model`.

    Raises
    ------
    AssertionError
        If a check fails.
    """
    assert_passed(model, check_model(model, inputs, target))

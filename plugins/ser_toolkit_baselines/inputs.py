"""What all classical learners refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["check_inputs"]


def check_inputs(name: str, inputs: Mapping[str, FeatureSpec], target: TargetSpec) -> None:
    """Refuse inputs that cannot be flattened to one length, and targets that are no classes.

    Parameters
    ----------
    name : str
        The learner, for messages.
    inputs : mapping of str to FeatureSpec
        Its features.
    target : TargetSpec
        What it is to predict.

    Raises
    ------
    ComponentError
        If there is no input, one varies in length, or the target has no two classes.
    """
    if not inputs:
        raise ComponentError(f"{name} has no input: choose at least one feature")
    for feature, spec in inputs.items():
        if spec.varies:
            raise ComponentError(
                f"{name} cannot use input {feature!r} of shape {spec.shape}: it flattens its inputs, so each must "
                "have one fixed size. Leave the feature out, or cut segments of one length"
            )
    if target.kind != "class" or len(target.labels) < 2:
        raise ComponentError(
            f"{name} needs a class target of at least two labels; {target.name!r} is of kind {target.kind!r} "
            f"and has {len(target.labels)}"
        )

"""What classical learners refuse, and how frames lie in what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["check_frames", "check_inputs"]


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


def check_frames(
    name: str, inputs: Mapping[str, FeatureSpec], target: TargetSpec
) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Refuse what `check_inputs` does, and inputs that are no frames in time.

    Parameters
    ----------
    name, inputs, target
        As for `check_inputs`.

    Returns
    -------
    shapes : tuple of tuple of int
        Shape of each input, in their order.
    frame_axes : tuple of int
        The axis of each that runs over time.

    Raises
    ------
    ComponentError
        If an input has no frames, or two have another number of them.
    """
    check_inputs(name, inputs, target)
    shapes, axes = [], []
    for feature, spec in inputs.items():
        if "frame" not in spec.axes:
            raise ComponentError(
                f"{name} cannot use input {feature!r} of shape {spec.shape}, axes {', '.join(spec.axes)}: it models "
                "frames in time. Choose a feature that has them, such as a mel spectrogram or MFCCs"
            )
        shapes.append(tuple(n for n in spec.shape if n is not None))
        axes.append(spec.axes.index("frame"))
    counts = {feature: shape[axis] for feature, shape, axis in zip(inputs, shapes, axes, strict=True)}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{feature!r} {n}" for feature, n in counts.items())
        raise ComponentError(f"{name} joins inputs frame by frame; their numbers of frames differ: {said}")
    return tuple(shapes), tuple(axes)

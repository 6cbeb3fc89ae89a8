"""Which input a network reads, and what all networks here refuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from ser_toolkit.errors import ComponentError

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec

__all__ = ["main_input", "only_vectors"]

FRAMES = {"sequence": 0, "image": 2}
"""Axis of a segment that may vary, by role."""


def main_input(
    model: str,
    inputs: Mapping[str, FeatureSpec],
    targets: Sequence[TargetSpec],
    *,
    role: Literal["sequence", "image"],
    beside: Collection[str] = (),
) -> str:
    """Name of the one input of a role.

    Parameters
    ----------
    model : str
        The network, for messages.
    inputs : mapping of str to FeatureSpec
        What it is to work on.
    targets : sequence of TargetSpec
        What it is to predict.
    role : {"sequence", "image"}
        What it reads.
    beside : collection of str, optional
        Roles of which it can use one more input.

    Returns
    -------
    str
        A key of `inputs`.

    Raises
    ------
    ComponentError
        If there is not exactly one such input, there are inputs of no use, another axis than time varies, or there is
        no target.
    """
    found = [key for key, spec in inputs.items() if spec.role == role]
    rest = [spec.role for spec in inputs.values() if spec.role != role]
    if len(found) != 1 or len(rest) > bool(beside) or not set(rest) <= set(beside):
        more = f", and a {' or a '.join(sorted(beside))} if there is one" if beside else ""
        there = ", ".join(f"{key!r} ({spec.role})" for key, spec in inputs.items()) or "nothing"
        raise ComponentError(f"{model} works on one {role}{more}, and is given {there}: choose other features")
    for key, spec in inputs.items():
        if spec.varies and spec.shape.index(None) != FRAMES.get(spec.role):
            raise ComponentError(
                f"{model} cannot use input {key!r} of shape {spec.shape}: only its number of frames may vary"
            )
    if not targets:
        raise ComponentError(f"{model} has no target to predict: give at least one TargetSpec")
    return found[0]


def only_vectors(model: str, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> None:
    """Refuse all inputs but vectors of fixed size.

    Parameters
    ----------
    model, inputs, targets
        As for `main_input`.

    Raises
    ------
    ComponentError
        If there is no vector, something else, or no target.
    """
    if not inputs or any(spec.role != "vector" or spec.varies for spec in inputs.values()):
        there = ", ".join(f"{key!r} ({spec.role}, {spec.shape})" for key, spec in inputs.items()) or "nothing"
        raise ComponentError(f"{model} works on vectors of fixed size, such as is09, and is given {there}")
    if not targets:
        raise ComponentError(f"{model} has no target to predict: give at least one TargetSpec")

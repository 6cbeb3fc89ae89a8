"""Whether a graph takes what its recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from ser_toolkit.inference.session import Session
    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.recipe import Recipe

__all__ = ["check_graph"]

MAX_VALUES = 2**26
"""Most numbers in one feature of one window: a recipe that asks for more (256 MiB) is refused."""


def check_graph(path: Path, session: Session, specs: dict[str, FeatureSpec], *, recipe: Recipe) -> None:
    """Refuse a graph whose inputs are not the recipe's features, before anything is computed.

    Parameters
    ----------
    path : Path
        Of the model, for messages.
    session : Session
        The open graph.
    specs : dict of str to FeatureSpec
        Features by input name.
    recipe : Recipe
        Names the outputs that are wanted, and their labels.

    Raises
    ------
    ModelError
        Says which input or output is missing, unknown or of another shape.
    """
    wanted: dict[str, tuple[int | None, ...]] = {}
    for key, spec in specs.items():
        size = np.prod([n for n in spec.shape if n is not None], dtype=float)
        if size > MAX_VALUES:
            raise ModelError(f"{path}: its recipe asks for {size:,.0f} numbers per window of feature {key!r}")
        wanted[key] = (None, *spec.shape)
        if spec.varies:
            wanted[f"{key}_length"] = (None,)
    if missing := sorted(set(wanted) - set(session.inputs)):
        raise ModelError(f"{path}: the graph has no input for {', '.join(missing)}, which its recipe describes")
    for name, shape in session.inputs.items():
        if name not in wanted:
            raise ModelError(f"{path}: the graph has an input {name!r} that its recipe does not describe")
        if len(shape) != len(wanted[name]) or any(
            a is not None and b is not None and a != b for a, b in zip(shape, wanted[name], strict=True)
        ):
            raise ModelError(f"{path}: input {name!r} has shape {shape} in the graph and {wanted[name]} by the recipe")
    outputs: dict[str, list[Any]] = {o.name: o.shape for o in session.session.get_outputs()}
    for target in recipe.targets:
        shape_of, n = outputs.get(target.name, []), len(target.labels)
        if len(shape_of) != 2 or shape_of[1] != n:
            what = "probabilities" if target.kind == "class" else "values"
            raise ModelError(f"{path}: the graph has no output {target.name!r} of {n} {what} (it has {outputs})")

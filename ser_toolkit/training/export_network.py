"""A trained network as an ONNX graph: standardization, network, softmax and temperature, scales of dimensions."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ser_toolkit.errors import ModelError
from ser_toolkit.training.export import calibrated, temperature_of
from ser_toolkit.training.ratings import from_unit

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.network import StandardizedNetwork

__all__ = ["convert_network", "network_outputs"]


class _Calibrated(nn.Module):
    """Positional inputs, probabilities and values out: what is exported."""

    def __init__(self, network: StandardizedNetwork, recipe: Recipe) -> None:
        super().__init__()
        self.network = network
        self.names = network.input_names()
        self.temperature = temperature_of(recipe)
        self.targets = tuple((target.name, target.kind) for target in recipe.targets)
        self.register_buffer("scale_centre", torch.tensor([scale.centre for scale in recipe.scales]), persistent=False)
        self.register_buffer("scale_half", torch.tensor([scale.half for scale in recipe.scales]), persistent=False)

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        outputs = self.network(**dict(zip(self.names, inputs, strict=True)))  # (B, n_classes), (B, n_dimensions)
        found = tuple(self._in_units(outputs[name], kind) for name, kind in self.targets)
        return found if len(found) > 1 else found[0]

    def _in_units(self, output: Tensor, kind: str) -> Tensor:
        if kind == "class":
            return torch.softmax(output / self.temperature, dim=-1)
        return self.get_buffer("scale_centre") + self.get_buffer("scale_half") * output.clamp(-1.0, 1.0)


def convert_network(network: StandardizedNetwork, recipe: Recipe, features: dict[str, NDArray[Any]]) -> onnx.ModelProto:
    """Graph of a network, with a free batch axis and, where a feature varies in length, a free frame axis.

    Parameters
    ----------
    network : StandardizedNetwork
        In eval mode, on CPU.
    recipe : Recipe
        Names of inputs and outputs, the temperature, and the scales of dimensions.
    features : dict of str to ndarray
        A batch of real features, at least one window, to trace with.

    Returns
    -------
    onnx.ModelProto
        An output for each target, of its name: probabilities (batch, n_labels), values (batch, n_dimensions).

    Raises
    ------
    ModelError
        If torch cannot express the network in ONNX, or only for one size of an axis that varies.
    """
    wrapped = _Calibrated(network, recipe).eval()
    names = wrapped.names
    # a traced size of 1 would be taken for a constant
    arrays = [features[n] if len(features[n]) > 1 else np.repeat(features[n], 2, axis=0) for n in names]
    batch = torch.export.Dim("batch")
    shapes = []
    for name in names:
        spec = network.specs.get(name)
        free = {0: batch}
        if spec is not None and spec.varies:
            free |= {1 + i: torch.export.Dim(f"{name}_{i}") for i, n in enumerate(spec.shape) if n is None}
        shapes.append(free)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                wrapped,
                tuple(torch.from_numpy(a) for a in arrays),
                input_names=names,
                output_names=list(recipe.outputs),
                dynamo=True,
                external_data=False,
                dynamic_shapes=(tuple(shapes),),
                verbose=False,
            )
    except Exception as error:
        raise ModelError(
            f"torch cannot export the model {recipe.model.name!r} to ONNX: {type(error).__name__}: {str(error)[:400]}"
        ) from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    for value, name, free in zip(proto.graph.input, names, shapes, strict=True):
        dims = value.type.tensor_type.shape.dim
        fixed = [axis for axis in free if not dims[axis].dim_param]
        if fixed:
            raise ModelError(
                f"the graph of model {recipe.model.name!r} takes only {dims[fixed[0]].dim_value} along axis {fixed[0]} "
                f"of {name!r}, which varies: torch took it for a constant. The forward of the network must not loop or "
                "branch on it, nor add or multiply by a tensor of one size"
            )
    return proto


def network_outputs(
    network: StandardizedNetwork, recipe: Recipe, features: dict[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Calibrated probabilities and values of dimensions by torch, float64 (n, n_labels + n_dimensions)."""
    with torch.inference_mode():
        outputs = network(**{n: torch.from_numpy(features[n]) for n in network.input_names()})
    return np.concatenate(
        [
            calibrated(outputs[t.name].numpy(), recipe)
            if t.kind == "class"
            else from_unit(outputs[t.name].numpy(), t.scales)
            for t in recipe.targets
        ],
        axis=1,
    )


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the exporter's log off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

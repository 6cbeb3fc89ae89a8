"""A trained network as an ONNX graph: standardization, network, softmax, temperature."""

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

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.network import StandardizedNetwork

__all__ = ["convert_network", "network_probabilities"]


class _Calibrated(nn.Module):
    """Positional inputs, probabilities out: what is exported."""

    def __init__(self, network: StandardizedNetwork, temperature: float, target: str) -> None:
        super().__init__()
        self.network = network
        self.names = network.input_names()
        self.temperature = temperature
        self.target = target

    def forward(self, *inputs: Tensor) -> Tensor:
        logits = self.network(**dict(zip(self.names, inputs, strict=True)))[self.target]  # (B, n_classes)
        return torch.softmax(logits / self.temperature, dim=-1)


def convert_network(network: StandardizedNetwork, recipe: Recipe, features: dict[str, NDArray[Any]]) -> onnx.ModelProto:
    """Graph of a network, with a free batch axis and, where a feature varies in length, a free frame axis.

    Parameters
    ----------
    network : StandardizedNetwork
        In eval mode, on CPU.
    recipe : Recipe
        Names of inputs and output, and the temperature.
    features : dict of str to ndarray
        A batch of real features, at least one window, to trace with.

    Returns
    -------
    onnx.ModelProto
        One output, named as the target: probabilities (batch, n_labels).

    Raises
    ------
    ModelError
        If torch cannot express the network in ONNX.
    """
    target = recipe.targets[0].name
    wrapped = _Calibrated(network, temperature_of(recipe), target).eval()
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
                output_names=[target],
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
    return proto


def network_probabilities(
    network: StandardizedNetwork, recipe: Recipe, features: dict[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Calibrated probabilities by torch, float64 (n, n_labels)."""
    with torch.inference_mode():
        logits = network(**{n: torch.from_numpy(features[n]) for n in network.input_names()})[recipe.targets[0].name]
    return calibrated(logits.numpy(), recipe)


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the exporter's log off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

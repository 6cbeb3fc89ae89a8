"""A run folder as one ONNX file, compared with what was trained before it is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.errors import MissingTierError, ModelError
from ser_toolkit.inference.session import open_session
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.recipe import METADATA_KEY, Recipe
from ser_toolkit.training import checkpoint
from ser_toolkit.training.metrics import softmax

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

__all__ = ["TOLERANCE", "Export", "clean", "export"]

TOLERANCE = 1e-4
"""Largest difference of a probability between the trained model and its export."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What an export did.

    Parameters
    ----------
    path : Path
        The file.
    n_bytes : int
        Its size.
    n_parameters : int
        Numbers in its weights.
    n_checked : int
        Windows that it was compared on.
    batches : tuple of int
        Batch sizes that it was run with.
    difference : float
        Largest absolute difference of a probability, or of a dimension's value as a share of its scale.
    """

    path: Path
    n_bytes: int
    n_parameters: int
    n_checked: int
    batches: tuple[int, ...]
    difference: float


def export(run_dir: str | Path, output: str | Path, *, registry: Registry | None = None) -> Export:
    """Write a trained model as one self-contained ONNX file.

    Parameters
    ----------
    run_dir : path
        Run folder of a finished training.
    output : path
        The file to write; replaced as a whole, and only if the comparison holds.
    registry : Registry, optional
        Where components are looked up; default: the installed plugins.

    Returns
    -------
    Export
        Size and largest difference.

    Raises
    ------
    ModelError
        If the run is unfinished or damaged, `output` has another suffix, the model has no ONNX form, or the file
        gives other probabilities than the trained model, by more than `TOLERANCE`, on features of real recordings.
    MissingTierError
        If the [train] tier is not installed.
    """
    run_dir, output = Path(run_dir), Path(output)
    if output.suffix.lower() != ".onnx":
        raise ModelError(f"{output}: the name of an exported model ends with .onnx")
    try:
        import onnx
        import torch  # noqa: F401 - onnx and torch belong to the same tier: say it before any work is done
    except ImportError as error:
        raise MissingTierError("exporting a model", "train", error.name) from error

    registry = registry or default_registry()
    if checkpoint.is_classical(run_dir):
        from ser_toolkit.training.export_classical import convert, probabilities

        recipe, classifier = checkpoint.load_classifier(run_dir, registry)
        features = checkpoint.read_samples(run_dir)
        proto = convert(classifier, recipe, checkpoint.specs_of(recipe, registry))
        expected = probabilities(classifier, recipe, features)
    else:
        from ser_toolkit.training.export_network import convert_network, network_outputs

        recipe, network = checkpoint.load_network(run_dir, registry)
        features = checkpoint.read_samples(run_dir)
        proto = convert_network(network, recipe, features)
        expected = network_outputs(network, recipe, features)
    clean(proto)
    onnx.helper.set_model_props(proto, {METADATA_KEY: recipe.to_json()})
    with atomic.replacing(output) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        difference, batches = _compare(temporary, recipe, features, expected)
    return Export(
        path=output,
        n_bytes=output.stat().st_size,
        n_parameters=_n_numbers(proto),
        n_checked=len(expected),
        batches=batches,
        difference=difference,
    )


def _compare(
    path: Path, recipe: Recipe, features: dict[str, NDArray[Any]], expected: NDArray[np.float64]
) -> tuple[float, tuple[int, ...]]:
    """Largest difference over all windows, run one by one, in threes and all at once."""
    session = open_session(path, device="cpu")
    if Recipe.from_json(session.metadata[METADATA_KEY]) != recipe:
        raise ModelError("the recipe did not survive the export")
    n = len(expected)
    batches = tuple(dict.fromkeys(min(b, n) for b in (1, 3, n)))
    worst = 0.0
    width = np.array([1.0] * len(recipe.labels) + [scale.high - scale.low for scale in recipe.scales])
    for size in batches:
        for first in range(0, n, size):
            part = {key: values[first : first + size] for key, values in features.items()}
            got = session.run(recipe.outputs, part)
            worst = max(worst, float((np.abs(got - expected[first : first + size]) / width).max()))
    if not worst <= TOLERANCE:
        what = " and ".join(
            text for text, there in (("probabilities", recipe.labels), ("values", recipe.dimensions)) if there
        )
        raise ModelError(
            f"the exported graph gives other {what} than the trained model: they differ by up to {worst:.2g} on "
            f"{n} windows of real recordings (allowed: {TOLERANCE:g}). Nothing was written"
        )
    return worst, batches


def _n_numbers(proto: onnx.ModelProto) -> int:
    """Numbers in the weights: initializers, and what trees and vector machines keep in attributes."""
    constants: int = sum(math.prod(t.dims) for t in proto.graph.initializer)
    return constants + sum(len(a.floats) for node in proto.graph.node for a in node.attribute)


def clean(proto: onnx.ModelProto) -> None:
    """Drop what exporters note about this machine: stack traces and paths."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    graphs = [proto.graph, *proto.functions]
    while graphs:
        graph = graphs.pop()
        graph.doc_string = ""
        del graph.metadata_props[:]
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
            graphs += [a.g for a in node.attribute if a.HasField("g")]
        for value in [*getattr(graph, "value_info", ()), *getattr(graph, "initializer", ())]:
            value.doc_string = ""
            if hasattr(value, "metadata_props"):
                del value.metadata_props[:]


def calibrated(logits: NDArray[np.floating[Any]], recipe: Recipe) -> NDArray[np.float64]:
    """Probabilities of logits at the recipe's temperature."""
    return softmax(np.asarray(logits, dtype=np.float64) / temperature_of(recipe))


def temperature_of(recipe: Recipe) -> float:
    """Temperature of a recipe; 1 without calibration."""
    return recipe.calibration.temperature if recipe.calibration else 1.0

"""Graphs on disk: what they say of windows, and where their layers are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.inference.session import open_session

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

__all__ = ["Batch", "Layers", "answers", "around_layers", "divergence", "layers", "n_rows", "probabilities", "rows_of"]

Batch = Mapping[str, "NDArray[Any]"]
"""Features of windows by input name, the batch axis first."""

_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_RUN = 32
_TINY = 1e-9


def n_rows(batch: Batch) -> int:
    """Windows of a batch."""
    return len(next(iter(batch.values())))


def rows_of(batch: Batch, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Some windows of a batch."""
    return {name: values[rows] for name, values in batch.items()}


def probabilities(path: Path, output: str, batch: Batch) -> NDArray[np.float64]:
    """What a graph says of windows, on CPU.

    Parameters
    ----------
    path : Path
        The graph.
    output : str
        Name of its output.
    batch : dict of str to ndarray
        Features by input name.

    Returns
    -------
    ndarray of float64, shape (n, n_labels)
        Probabilities.

    Raises
    ------
    ModelError
        If the file cannot be opened, or gives something that is no number.
    """
    return answers(path, output, (rows_of(batch, slice(i, i + _RUN)) for i in range(0, n_rows(batch), _RUN)))


def answers(path: Path, output: str, batches: Iterable[Batch]) -> NDArray[np.float64]:
    """What a graph says of the windows of several batches, at least one, in order; as `probabilities`."""
    session = open_session(path, device="cpu")
    found = np.concatenate([session.run(output, batch) for batch in batches]).astype(np.float64)
    if not np.isfinite(found).all():
        raise ModelError(
            f"{path.name} gave probabilities that are not finite: this compression does not suit the model"
        )
    return np.asarray(found)


def divergence(expected: NDArray[np.float64], got: NDArray[np.float64]) -> float:
    """Mean Kullback-Leibler divergence of probabilities (n, n_labels) from the expected ones, in nats."""
    ratio = np.log(np.maximum(expected, _TINY) / np.maximum(got, _TINY))
    return float(np.maximum((expected * ratio).sum(axis=1), 0.0).mean())


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Names of the nodes with weights.

    Parameters
    ----------
    all : tuple of str
        In the order of the graph.
    first : tuple of str
        Those that no other comes before: one for each input.
    last : tuple of str
        Those that no other comes after.
    """

    all: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


def layers(path: Path) -> Layers:
    """Find the layers of a graph."""
    import onnx

    graph = onnx.load(path).graph
    weighted = {node.name for node in graph.node if _has_weights(node, graph)}
    before, after = _reach(graph, weighted)
    names = tuple(node.name for node in graph.node if node.name in weighted)
    return Layers(
        all=names,
        first=tuple(name for name in names if name not in after),
        last=tuple(name for name in names if name not in before),
    )


def around_layers(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes before the first and after the last layers: standardization, softmax and temperature."""
    weighted = {node.name for node in graph.node if _has_weights(node, graph)}
    before, after = _reach(graph, weighted)
    return [n.name for n in graph.node if n.name not in weighted and not (n.name in before and n.name in after)]


def _has_weights(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    return node.op_type in _LAYERS and any(t.name in node.input for t in graph.initializer)


def _reach(graph: onnx.GraphProto, weighted: set[str]) -> tuple[set[str], set[str]]:
    """Nodes from which a layer can be reached, and nodes that can be reached from one; layers not from themselves."""
    maker = {output: node for node in graph.node for output in node.output}
    after: set[str] = set()
    for node in graph.node:  # ONNX lists nodes after what they need
        sources = [maker[name] for name in node.input if name in maker]
        if any(source.name in weighted or source.name in after for source in sources):
            after.add(node.name)
    before: set[str] = set()
    for node in reversed(graph.node):
        if node.name in weighted or node.name in before:
            before |= {maker[name].name for name in node.input if name in maker}
    return before, after

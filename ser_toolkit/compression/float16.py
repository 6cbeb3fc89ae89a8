"""Weights and activations in 16-bit floating point, for GPUs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.compression.graphs import around_layers
from ser_toolkit.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["to_float16"]


def to_float16(path: Path) -> onnx.ModelProto:
    """Convert the layers of a graph to float16.

    Parameters
    ----------
    path : Path
        An exported model.

    Returns
    -------
    onnx.ModelProto
        Half the size. Inputs, outputs, standardization, softmax and temperature stay in float32: features have ranges
        that float16 does not hold. A GPU computes it up to twice as fast; a CPU without float16 arithmetic converts
        back and forth and is slower than with float32.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot convert the graph.
    """
    import onnx

    from ser_toolkit.inference import runtime

    runtime()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto = onnx.load(path)
    outside, own = around_layers(proto.graph), {node.name for node in proto.graph.node}
    del proto.graph.value_info[:]  # of float32; the converter infers its own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that become 0 in float16
            made: onnx.ModelProto = convert_float_to_float16(proto, keep_io_types=True, node_block_list=outside)
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime cannot convert {path.name} to float16: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    _sort(made.graph)
    _drop_detours(made.graph, own=own)
    return made


def _sort(graph: onnx.GraphProto) -> None:
    """Bring nodes into the order that ONNX asks for: the converter appends its casts at the end."""
    waiting = list(graph.node)
    known = {"", *(t.name for t in graph.initializer), *(i.name for i in graph.input)}
    done: list[onnx.NodeProto] = []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        if not ready:
            raise ModelError("the converted graph is not connected")
        known |= {name for node in ready for name in node.output}
        done += ready
        taken = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in taken]
    del graph.node[:]
    graph.node.extend(done)


def _drop_detours(graph: onnx.GraphProto, *, own: set[str]) -> None:
    """Take out the casts to float16 and back that the converter puts between nodes which stay in float32.

    Parameters
    ----------
    graph : onnx.GraphProto
        Changed in place.
    own : set of str
        Names of the nodes that it had before the conversion.
    """
    from onnx import TensorProto

    casts = {n.output[0]: (n.attribute[0].i, n.input[0]) for n in graph.node if n.op_type == "Cast"}
    added = {n.output[0] for n in graph.node if n.op_type == "Cast" and n.name not in own}
    direct = {}
    for name in added:
        kind, middle = casts[name]
        if kind == TensorProto.FLOAT and middle in added and casts[middle][0] == TensorProto.FLOAT16:
            direct[name] = casts[middle][1]
    for node in graph.node:
        if node.op_type == "Cast" and node.output[0] in direct:  # an output of the graph keeps its name
            node.op_type = "Identity"
            node.input[0] = direct[node.output[0]]
            del node.attribute[:]
        else:
            node.input[:] = [direct.get(name, name) for name in node.input]
    wanted = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):  # a node comes after what it needs
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))

"""Parameters and multiplications of a graph, counted on the shapes that one window really has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.compression.graphs import Batch

if TYPE_CHECKING:
    import onnx

    Shapes = dict[str, tuple[int, ...]]

__all__ = ["count_macs", "count_parameters"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_COUNTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", *_GATES})
_QUANTIZERS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def count_parameters(path: Path) -> int:
    """Numbers in the weights of a graph; scales and zero points of quantization are none.

    Parameters
    ----------
    path : Path
        ONNX file.
    """
    import onnx

    graph = onnx.load(path).graph
    used = {name for n in graph.node for name in (n.input[:1] if n.op_type in _QUANTIZERS else n.input)}
    return sum(math.prod(t.dims) for t in graph.initializer if t.name in used)


def count_macs(path: Path, window: Batch) -> int:
    """Multiplications with an addition that one window costs.

    Parameters
    ----------
    path : Path
        ONNX file.
    window : dict of str to ndarray
        Features of one window, by input name, with a batch axis of 1.

    Returns
    -------
    int
        Of convolutions, matrix products and recurrent layers; what goes element by element is left out.
    """
    import onnx

    proto = onnx.load(path)
    nodes = [n for n in proto.graph.node if n.op_type in _COUNTED]
    shapes = _shapes(proto, [name for n in nodes for name in (*n.input, n.output[0]) if name], window)
    return sum(_macs(node, shapes) for node in nodes)


def _macs(node: onnx.NodeProto, shapes: Shapes) -> int:
    first, second, out = (shapes[name] for name in (node.input[0], node.input[1], node.output[0]))
    if node.op_type == "Conv":  # weights (out, in / groups, *kernel)
        return math.prod(out) * math.prod(second[1:])
    if node.op_type == "ConvTranspose":  # weights (in, out / groups, *kernel)
        return math.prod(first) * math.prod(second[1:])
    if node.op_type == "MatMul":
        return math.prod(out) * first[-1]
    if node.op_type == "Gemm":
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(out) * first[0 if turned else 1]
    recurrent = shapes[node.input[2]]  # (directions, gates * hidden, hidden)
    return math.prod(first[:2]) * recurrent[0] * recurrent[1] * (first[2] + recurrent[2])


def _shapes(proto: onnx.ModelProto, names: list[str], window: Batch) -> Shapes:
    """Shapes of tensors, seen by running the graph once with them as outputs."""
    from onnx import helper

    from ser_toolkit.inference import runtime

    shapes: Shapes = {t.name: tuple(t.dims) for t in proto.graph.initializer}
    shapes |= {name: values.shape for name, values in window.items()}
    wanted = [name for name in dict.fromkeys(names) if name not in shapes]
    there = {output.name for output in proto.graph.output}
    proto.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted if name not in there)
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=False
    )
    found: list[Any] = session.run(wanted, dict(window))
    return shapes | {name: value.shape for name, value in zip(wanted, found, strict=True)}

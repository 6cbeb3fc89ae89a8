"""Counting and finding layers on graphs that can be counted by hand; int8 and float16 on one with hostile features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ser_toolkit.compression import int8
from ser_toolkit.compression.counting import count_macs, count_parameters
from ser_toolkit.compression.float16 import to_float16
from ser_toolkit.compression.graphs import around_layers, divergence, layers, probabilities
from ser_toolkit.compression.speed import THREADS, latencies, memory
from ser_toolkit.errors import ModelError


def constant(name: str, *shape: int, scale: float = 0.3) -> onnx.TensorProto:
    rng = np.random.default_rng(len(name) + sum(shape))
    return numpy_helper.from_array((scale * rng.standard_normal(shape)).astype(np.float32), name)


def written(folder: Path, nodes, constants, inputs, outputs, name="m.onnx") -> Path:
    graph = helper.make_graph(
        [helper.make_node(op, i, o, name=f"n{k}", **a) for k, (op, i, o, a) in enumerate(nodes)],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        constants,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(proto)
    (folder / name).write_bytes(proto.SerializeToString())
    return folder / name


def network(folder: Path, *, scale: float = 1.0) -> Path:
    """Standardization of features as large as `scale`, a convolution, two dense layers, softmax at a temperature."""
    nodes = [
        ("Sub", ["x", "mean"], ["centred"], {}),
        ("Div", ["centred", "deviation"], ["z"], {}),
        ("Conv", ["z", "k", "kb"], ["c"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["c"], ["r"], {}),
        ("MaxPool", ["r"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Flatten", ["p"], ["f"], {"axis": 1}),
        ("Gemm", ["f", "w1", "b1"], ["h"], {"transB": 1}),
        ("Relu", ["h"], ["hr"], {}),
        ("MatMul", ["hr", "w2"], ["logits"], {}),
        ("Div", ["logits", "t"], ["cool"], {}),
        ("Softmax", ["cool"], ["y"], {"axis": -1}),
    ]
    constants = [
        numpy_helper.from_array(np.float32(3 * scale), "mean"),
        numpy_helper.from_array(np.float32(scale), "deviation"),
        numpy_helper.from_array(np.float32(0.7), "t"),
        constant("k", 4, 1, 3, 3),
        constant("kb", 4),
        constant("w1", 10, 4 * 4 * 6),
        constant("b1", 10),
        constant("w2", 10, 3),
    ]
    return written(folder, nodes, constants, {"x": ["batch", 1, 8, 12]}, {"y": ["batch", 3]})


def features(n: int, *, scale: float = 1.0, seed: int = 1) -> dict[str, np.ndarray]:
    z = np.random.default_rng(seed).standard_normal((n, 1, 8, 12))
    return {"x": (scale * (3 + z)).astype(np.float32)}


def test_parameters_and_macs_by_hand(tmp_path):
    path = network(tmp_path)
    assert count_parameters(path) == 3 + 4 * 9 + 4 + 10 * 96 + 10 + 30
    assert count_macs(path, features(1)) == 8 * 12 * 4 * 9 + 10 * 96 + 10 * 3


def test_macs_of_grouped_and_transposed_convolutions_and_recurrent_layers(tmp_path):
    nodes = [
        ("Conv", ["x", "k"], ["c"], {"group": 2}),
        ("ConvTranspose", ["x", "t"], ["d"], {}),
    ]
    constants = [constant("k", 6, 2, 3), constant("t", 4, 5, 2)]
    path = written(tmp_path, nodes, constants, {"x": [1, 4, 10]}, {"c": [1, 6, 8], "d": [1, 5, 11]})
    assert count_macs(path, {"x": np.zeros((1, 4, 10), np.float32)}) == 6 * 8 * 2 * 3 + 4 * 10 * 5 * 2
    nodes = [("GRU", ["s", "w", "r"], ["all", ""], {"hidden_size": 5, "direction": "bidirectional"})]
    constants = [constant("w", 2, 15, 4), constant("r", 2, 15, 5)]
    path = written(tmp_path, nodes, constants, {"s": [7, 1, 4]}, {"all": [7, 2, 1, 5]})
    assert count_macs(path, {"s": np.zeros((7, 1, 4), np.float32)}) == 7 * 2 * 15 * (4 + 5)
    nodes = [("Gemm", ["a", "w"], ["y"], {"transA": 1})]
    path = written(tmp_path, nodes, [constant("w", 4, 3)], {"a": [4, 2]}, {"y": [2, 3]})
    assert count_macs(path, {"a": np.zeros((4, 2), np.float32)}) == 2 * 3 * 4


def test_layers_and_what_is_around_them(tmp_path):
    found = layers(network(tmp_path))
    assert found.all == ("n2", "n6", "n8")
    assert (found.first, found.last) == (("n2",), ("n8",))
    assert around_layers(onnx.load(network(tmp_path)).graph) == ["n0", "n1", "n9", "n10"]


def test_divergence():
    p = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert divergence(p, p) == 0
    assert divergence(p, np.array([[0.25, 0.75], [1.0, 0.0]])) == pytest.approx(
        0.5 * (0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    )


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_float16_halves_the_file_and_keeps_features_that_it_cannot_hold(tmp_path, scale):
    path = network(tmp_path, scale=scale)
    proto = to_float16(path)
    onnx.checker.check_model(proto, full_check=True)
    half = tmp_path / "half.onnx"
    half.write_bytes(proto.SerializeToString())
    x = features(50, scale=scale)
    expected, got = probabilities(path, "y", x), probabilities(half, "y", x)
    assert np.abs(got - expected).max() < 5e-3
    assert {i.name for i in proto.graph.input} == {"x"}
    assert proto.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    kinds = {t.name: t.data_type for t in proto.graph.initializer}
    assert kinds["w1"] == kinds["k"] == TensorProto.FLOAT16
    assert kinds["mean"] == kinds["deviation"] == TensorProto.FLOAT
    assert half.stat().st_size < 0.8 * path.stat().st_size


@pytest.mark.parametrize("scale", [2.0, 1e6])
def test_int8_is_close_and_keeps_the_ends_in_float(tmp_path, scale):
    path = network(tmp_path, scale=scale)
    made = int8.quantize(path, "y", calibration=features(120, scale=scale), choice=features(60, scale=scale, seed=2))
    small = tmp_path / "small.onnx"
    small.write_bytes(made.proto.SerializeToString())
    x = features(200, scale=scale, seed=3)
    expected, got = probabilities(path, "y", x), probabilities(small, "y", x)
    assert divergence(expected, got) < 5 * int8.CLOSE
    assert made.ranges == "minmax"
    assert (made.n_calibration, made.n_choice) == (120, 60)
    weights = {t.name: t for t in made.proto.graph.initializer}
    kernel = numpy_helper.to_array(weights["w1_quantized"])
    assert kernel.dtype == np.int8 and np.abs(kernel).max() <= 64  # seven bits
    assert weights["w1_scale"].dims == [10]  # one scale a channel
    assert {"Softmax", "Sub", "Div"} <= {n.op_type for n in made.proto.graph.node}
    # parameters are those of the original, scales and zero points are none
    assert count_parameters(small) == count_parameters(path)
    assert count_macs(small, features(1)) == count_macs(path, features(1))


def test_int8_tries_other_settings_where_the_first_are_not_close(tmp_path, monkeypatch):
    path = network(tmp_path)
    x = {"calibration": features(32), "choice": features(60, seed=2)}
    x["calibration"]["x"][5] *= 10  # one loud window spoils the range of everything
    monkeypatch.setattr(int8, "CLOSE", 100.0)
    first = int8.quantize(path, "y", **x)
    assert (first.ranges, first.float_layers) == ("minmax", ())
    monkeypatch.setattr(int8, "CLOSE", 0.0)
    best = int8.quantize(path, "y", **x)
    assert best.divergence < first.divergence
    assert (best.ranges, best.float_layers) != ("minmax", ())
    assert best.about()["in float32"].startswith("standardization, softmax and temperature")


def test_what_cannot_be_converted_is_one_clear_error(tmp_path):
    nodes = [("Log", ["x"], ["y"], {})]
    path = written(tmp_path, nodes, [], {"x": ["batch", 3]}, {"y": ["batch", 3]})
    with pytest.raises(ModelError, match="not finite"):
        probabilities(path, "y", {"x": -np.ones((2, 3), np.float32)})
    with pytest.raises(ModelError, match="cannot quantize m.onnx"):
        int8.quantize(network(tmp_path), "y", calibration={"other": np.zeros((4, 1), np.float32)}, choice=features(3))


def test_latency_and_memory(tmp_path):
    path = network(tmp_path)
    ((mine, other), again) = latencies([path, path], "y", features(1))
    assert (mine.threads, other.threads) == THREADS
    assert 0 < mine.p50_ms <= mine.p95_ms
    assert mine.n == again[0].n
    assert memory(path, features(1)) > 0
    with pytest.raises(ModelError, match="cannot be measured"):
        memory(tmp_path / "absent.onnx", features(1))

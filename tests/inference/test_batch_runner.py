"""Batches of few sizes give the numbers of whole ones."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ser_toolkit.inference.batch_runner import FREE_AXIS_STEP, SIZES, BatchRunner
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.session import open_session, try_device
from ser_toolkit.interfaces import FeatureSpec


@pytest.fixture(scope="module")
def model():
    return Model.open("emodb", device="cpu")


def batch(specs, n, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((n, *spec.shape)).astype(np.float32) for name, spec in specs.items()}


@pytest.mark.parametrize("pinned", [True, False, None])
@pytest.mark.parametrize("n", [1, 3, 5, 7, 8, 19])
def test_numbers_of_the_whole_batch(model, n, pinned):
    x = batch(model.specs, n)
    runner = BatchRunner(model.session, "emotion", model.specs, pinned=pinned)
    got, want = runner.run(x), model.session.run("emotion", x)
    assert got.shape == want.shape
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_inputs_on_the_device_are_used_again(model):
    runner = BatchRunner(model.session, "emotion", model.specs, sizes=(1, 4), pinned=True)
    first, second = batch(model.specs, 4, seed=1), batch(model.specs, 4, seed=2)
    one, two, again = (runner.run(x) for x in (first, second, first))
    np.testing.assert_allclose(one, model.session.run("emotion", first), atol=1e-6)
    np.testing.assert_allclose(two, model.session.run("emotion", second), atol=1e-6)
    np.testing.assert_array_equal(one, again)  # and what was returned first was not written over


@given(n=st.integers(1, 700), sizes=st.sets(st.integers(1, 130), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_pieces(n, sizes):
    class Stub:
        device, max_batch = "cpu", None

    sizes = sorted(sizes)
    pieces = list(BatchRunner(Stub(), "y", {}, sizes=sizes, pinned=True)._pieces(n))
    assert sum(count for count, _ in pieces) == n
    assert all(count <= size and size in sizes for count, size in pieces)
    # filled up by a third at most, unless nothing smaller is there
    assert all(count >= 0.75 * size or count < sizes[0] for count, size in pieces)
    whole = BatchRunner(Stub(), "y", {}, sizes=sizes, pinned=False)._pieces(n)
    assert [count for count, _ in whole] == [sizes[-1]] * (n // sizes[-1]) + [n % sizes[-1]] * (n % sizes[-1] > 0)


def test_sizes_within_the_device(model):
    few = replace(model.session, max_batch=8)
    runner = BatchRunner(few, "emotion", model.specs, sizes=(1, 8, 64), pinned=True)
    assert list(runner._pieces(20)) == [(8, 8), (8, 8), (1, 1), (1, 1), (1, 1), (1, 1)]
    with pytest.raises(ValueError, match=r"none of the batch sizes \(16, 64\) is within the 8"):
        BatchRunner(few, "emotion", model.specs, sizes=(16, 64))


@pytest.mark.parametrize("sizes", [(), (0, 1), (2, 1), (1, 1), (-1,)])
def test_sizes_that_are_none(model, sizes):
    with pytest.raises(ValueError, match="batch sizes"):
        BatchRunner(model.session, "emotion", model.specs, sizes=sizes)


def test_batches_that_are_none(model):
    runner = BatchRunner(model.session, "emotion", model.specs)
    with pytest.raises(ValueError, match="at least one"):
        runner.run(batch(model.specs, 0))
    uneven = {**batch(model.specs, 3), "other": np.zeros((2, 1), dtype=np.float32)}
    with pytest.raises(ValueError, match="as many rows in each input"):
        runner.run(uneven)


@pytest.fixture(scope="module")
def varying(tmp_path_factory):
    """Mean over the valid frames of x (n, frames, 3), by x_length (n,)."""
    path = tmp_path_factory.mktemp("varying") / "m.onnx"
    constants = {"i1": np.int64(1), "zero": np.int64(0), "one": np.int64(1), "a1": [1], "a2": [2], "a0": [0]}
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "i1"], ["frames"]),
        helper.make_node("Range", ["zero", "frames", "one"], ["t"]),
        helper.make_node("Unsqueeze", ["t", "a0"], ["t_row"]),
        helper.make_node("Unsqueeze", ["x_length", "a1"], ["l_column"]),
        helper.make_node("Less", ["t_row", "l_column"], ["valid"]),
        helper.make_node("Cast", ["valid"], ["valid_f"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["valid_f", "a2"], ["mask"]),
        helper.make_node("Mul", ["x", "mask"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "a1"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["l_column"], ["l_f"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["sum", "l_f"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "varying",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "t", 3]),
            helper.make_tensor_value_info("x_length", TensorProto.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.asarray(value, dtype=np.int64), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.save(made, path)
    return open_session(path, device="cpu"), {"x": FeatureSpec(shape=(None, 3), axes=("frame", "feature"), unit="dB")}


def test_axes_that_vary_are_filled_up(varying):
    session, specs = varying
    runner = BatchRunner(session, "y", specs, pinned=True)
    rng = np.random.default_rng(0)
    shapes = set()
    for frames in (5, 63, 64, 65, 100, 127):
        rows = {"x": [rng.standard_normal((n, 3)).astype(np.float32) for n in (frames, 1 + frames // 2, frames)]}
        x = collate(rows, specs)
        np.testing.assert_allclose(runner.run(x), [row.mean(axis=0) for row in rows["x"]], atol=1e-6)
        filled = runner._filled("x", x["x"], 4)
        shapes.add(filled.shape)
        assert filled.shape[1] % FREE_AXIS_STEP == 0
    assert shapes == {(4, 64, 3), (4, 128, 3)}


def test_few_shapes_are_kept_on_the_device(varying):
    session, specs = varying
    runner = BatchRunner(session, "y", specs, pinned=True)
    for k in range(40):
        x = {"x": np.ones((1, 1 + 64 * k, 3), np.float32), "x_length": np.array([1 + 64 * k])}
        np.testing.assert_allclose(runner.run(x), 1, atol=1e-6)
    assert len(runner._bound) <= 24


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["cuda", "tensorrt"])
def test_on_a_gpu(model, kind):
    if obstacle := try_device(kind):
        pytest.skip(f"{kind} does not run here: {obstacle.reason}")
    gpu = Model.open(device=kind)
    runner = BatchRunner(gpu.session, "emotion", gpu.specs)
    for n in (1, 7, 33, 128, 200):
        x = batch(gpu.specs, n)
        got = runner.run(x)
        np.testing.assert_allclose(got, model.session.run("emotion", x), atol=2e-3 if kind == "tensorrt" else 1e-4)
    for size in SIZES:
        runner.run(batch(gpu.specs, size))
    begun_s = time.perf_counter()
    for size in SIZES:  # each was tuned for above
        runner.run(batch(gpu.specs, size))
    assert time.perf_counter() - begun_s < 5

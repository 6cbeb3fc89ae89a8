"""An export equals what was trained, holds no trace of this machine, and is not written where it does not hold."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny import TINY

from ser_toolkit.errors import ModelError
from ser_toolkit.inference.session import open_session
from ser_toolkit.recipe import METADATA_KEY, Recipe
from ser_toolkit.training import checkpoint
from ser_toolkit.training.export import export
from ser_toolkit.training.run import train


def test_graph_is_self_contained_with_named_inputs_and_free_batch(tiny_model, tiny_run):
    proto = onnx.load(tiny_model)
    onnx.checker.check_model(proto)
    assert [i.name for i in proto.graph.input] == ["mel", "gemaps"]
    assert [o.name for o in proto.graph.output] == ["emotion"]
    for value in (*proto.graph.input, *proto.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in proto.graph.initializer)
    props = {p.key: p.value for p in proto.metadata_props}
    assert list(props) == [METADATA_KEY]
    assert Recipe.from_json(props[METADATA_KEY]) == tiny_run.recipe


def test_probabilities_equal_torch_with_calibration(tiny_model, tiny_run):
    import ser_toolkit

    recipe, network = checkpoint.load_network(tiny_run.run_dir, ser_toolkit.registry())
    features = checkpoint.read_samples(tiny_run.run_dir)
    with torch.inference_mode():
        logits = network(**{k: torch.from_numpy(v) for k, v in features.items()})["emotion"]
        expected = torch.softmax(logits / recipe.calibration.temperature, -1).numpy()
    got = open_session(tiny_model, device="cpu").run("emotion", features)
    assert np.abs(got - expected).max() < 1e-5
    assert got.sum(axis=1) == pytest.approx(np.ones(len(got)), abs=1e-6)


def test_nothing_of_this_machine_is_inside(tiny_model):
    data = tiny_model.read_bytes()
    for trace in (b".py", b"site-packages", b"/home", b"/tmp", b"/usr", b"torch.nn"):
        assert trace not in data


def test_a_wrong_graph_is_refused_and_nothing_is_written(tiny_run, tmp_path, monkeypatch):
    from ser_toolkit.training import export_network

    right = export_network.convert_network

    def wrong(network, recipe, features):
        proto = right(network, recipe, features)
        weight = next(t for t in proto.graph.initializer if len(t.dims) == 4)
        array = onnx.numpy_helper.to_array(weight).copy()
        array += 0.05
        weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
        return proto

    monkeypatch.setattr(export_network, "convert_network", wrong)
    with pytest.raises(ModelError, match="other probabilities.*Nothing was written"):
        export(tiny_run.run_dir, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", ["svm", "random-forest", "logistic-regression"])
@pytest.mark.parametrize("settings", [{}, {"features": {"mel": {"name": "melspec", "n_mels": 8, "hop_length": 1600}}}])
def test_classical_models(tiny_corpus, tmp_path, model, settings):
    config = {
        "features": {"gemaps": {"name": "egemaps"}},
        "model": {"name": model},
        "segments": {"window_s": 1.0},
        **settings,
    }
    if model == "random-forest":
        config["model"]["n_trees"] = 20
    run = train(tiny_corpus, config=config, out=tmp_path / "run")
    result = export(run.run_dir, tmp_path / "m.onnx")
    assert result.difference < 1e-4
    assert result.n_checked == 6
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    features = checkpoint.read_samples(run.run_dir)
    for n in (1, 5):
        rows = session.run(None, {k: v[:n] for k, v in features.items()})[0]
        assert rows.shape == (n, 2)
        assert rows.sum(axis=1) == pytest.approx(np.ones(n), abs=1e-5)


def test_only_onnx_files_are_written(tiny_run):
    before = (tiny_run.run_dir / "recipe.json").read_bytes()
    with pytest.raises(ModelError, match="ends with .onnx"):
        export(tiny_run.run_dir, tiny_run.run_dir / "recipe.json")
    assert (tiny_run.run_dir / "recipe.json").read_bytes() == before


def test_a_tree_that_leads_outside_is_refused(tiny_corpus, tmp_path):
    """Following such an index would end the process."""
    import skops.io

    config = {"features": {"gemaps": {"name": "egemaps"}}, "model": {"name": "random-forest", "n_trees": 3}}
    run = train(tiny_corpus, config=config, out=tmp_path / "run").run_dir
    forest = skops.io.loads((run / "estimator.skops").read_bytes(), trusted=["sklearn.tree._tree.Tree"])
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 2**40
    tree.__setstate__(state)
    (run / "estimator.skops").write_bytes(skops.io.dumps(forest))
    with pytest.raises(ModelError, match="leads outside itself"):
        export(run, tmp_path / "m.onnx")


def test_damaged_run_folders(tiny_run, tmp_path):
    import shutil

    def damaged(name, change):
        folder = tmp_path / name
        shutil.copytree(tiny_run.run_dir, folder)
        change(folder)
        return folder

    cases = {
        "no recipe": (lambda f: (f / "recipe.json").unlink(), "has not finished"),
        "cut weights": (lambda f: (f / "weights.safetensors").write_bytes(b"\x08"), "damaged"),
        "no weights": (lambda f: (f / "weights.safetensors").unlink(), "missing or damaged"),
        "no samples": (lambda f: (f / "samples.safetensors").unlink(), "missing or damaged"),
        "other network": (lambda f: _edit(f, ["model", "config", "erp"], [17]), "does not fit"),
    }
    for name, (change, said) in cases.items():
        with pytest.raises(ModelError, match=said):
            export(damaged(name, change), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="is no folder"):
        export(tmp_path / "nowhere", tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="no run folder"):
        export(tmp_path, tmp_path / "m.onnx")


def _edit(folder, path, value):
    data = json.loads((folder / "recipe.json").read_text())
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (folder / "recipe.json").write_text(json.dumps(data))


def test_an_estimator_file_of_other_types_is_not_loaded(tiny_corpus, tmp_path):
    import skops.io

    config = {"features": {"gemaps": {"name": "egemaps"}}, "model": {"name": "svm"}}
    run = train(tiny_corpus, config=config, out=tmp_path / "run")
    (run.run_dir / "estimator.skops").write_bytes(skops.io.dumps({"x": __import__("pathlib").PurePosixPath("x")}))
    with pytest.raises(ModelError, match="not trusted"):
        export(run.run_dir, tmp_path / "m.onnx")


def test_variants_of_the_front_end_export_too(tiny_corpus, tmp_path):
    """A spectrogram of free length through mean pooling: the frame axis is free in the graph."""
    config = {
        **TINY,
        "features": {"mel": {"name": "melspec", "n_mels": 32, "hop_length": 256}},
        "model": {**TINY["model"], "pooling": "mean", "branches": "image"},
        "segments": {"preset": "utterance"},
        "training": {**TINY["training"], "epochs": 1},
    }
    run = train(tiny_corpus, config=config, out=tmp_path / "run", device="cpu")
    result = export(run.run_dir, tmp_path / "m.onnx")
    assert result.difference < 1e-4
    session = open_session(tmp_path / "m.onnx", device="cpu")
    assert session.inputs["mel"] == (None, 1, 32, None)
    assert session.inputs["mel_length"] == (None,)

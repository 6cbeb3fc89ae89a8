"""A model with dimensions as one file: it matches torch, says its scales, and hostile recipes are refused."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from ser_toolkit.errors import ModelError, RecipeError
from ser_toolkit.inference.batch_runner import BatchRunner
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.session import open_session
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe import METADATA_KEY, Recipe, Scale
from ser_toolkit.training import checkpoint
from ser_toolkit.training.export import export


def test_both_outputs_match_torch(both, both_model):
    assert [o.name for o in onnx.load(both_model).graph.output] == ["emotion", "dimensions"]
    recipe, network = checkpoint.load_network(both.run_dir, default_registry())
    features = checkpoint.read_samples(both.run_dir)
    with torch.inference_mode():
        outputs = network(**{k: torch.from_numpy(v) for k, v in features.items()})
    p = torch.softmax(outputs["emotion"] / recipe.calibration.temperature, -1).numpy()
    low, high = np.array([(s.low, s.high) for s in recipe.scales]).T
    v = np.clip((low + high) / 2 + (high - low) / 2 * outputs["dimensions"].numpy(), low, high)
    session = open_session(both_model, device="cpu")
    got = session.run(recipe.outputs, features)
    np.testing.assert_allclose(got, np.concatenate([p, v], axis=1), atol=1e-4)
    np.testing.assert_array_equal(session.run("emotion", features), got[:, :2])
    runner = BatchRunner(session, recipe.outputs, network.specs, pinned=True, sizes=(4,))
    np.testing.assert_allclose(runner.run(features), got, atol=1e-5)


def test_without_this_toolkit(alone_model):
    session = onnxruntime.InferenceSession(str(alone_model))
    recipe = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    (target,) = recipe["targets"]
    assert target["labels"] == ["valence", "arousal"] and target["scales"][0] == {"low": 1.0, "high": 5.0}
    far = np.array([[0.01, 0.01, 0.0], [1.0, 1.0, 0.9]], dtype=np.float32)
    (values,) = session.run(None, {"vector": far})
    assert values.shape == (2, 2)
    assert (values[:, 0] >= 1).all() and (values[:, 0] <= 5).all()  # cut off at the ends of the scale


def test_a_wrong_graph_is_refused(alone, tmp_path, monkeypatch):
    from ser_toolkit.training import export_network

    right = export_network.network_outputs
    monkeypatch.setattr(export_network, "network_outputs", lambda *given: right(*given) + 0.01)
    with pytest.raises(ModelError, match="gives other values than the trained model"):
        export(alone.run_dir, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def rewritten(model, path, change):
    proto = onnx.load(model)
    recipe = json.loads(proto.metadata_props[0].value)
    change(recipe)
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(recipe)})
    path.write_bytes(proto.SerializeToString())
    return path


HOSTILE = {
    "no scales": (lambda r: r["targets"][1].update(scales=[]), RecipeError, "scale for each dimension"),
    "a scale too few": (lambda r: r["targets"][1]["scales"].pop(), RecipeError, "scale for each dimension"),
    "no range": (lambda r: r["targets"][1]["scales"][0].update(high=1.0), RecipeError, "has no range"),
    "dimensions first": (lambda r: r["targets"].reverse(), RecipeError, "both in this order"),
    "one name": (lambda r: r["targets"][1].update(name="emotion"), RecipeError, "both targets are called"),
    "scales of classes": (
        lambda r: r["targets"][0].update(scales=[{"low": 0, "high": 1}]), RecipeError, "belong to a target of kind",
    ),
    "another output": (
        lambda r: r["targets"][1].update(name="feelings"), ModelError, "no output 'feelings' of 2 values",
    ),
    "one dimension": (
        lambda r: [r["targets"][1][k].pop() for k in ("labels", "scales")], ModelError, "'dimensions' of 1 values",
    ),
    "calibration without classes": (lambda r: r["targets"].pop(0), RecipeError, "no calibration"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_recipes_that_do_not_fit(both_model, tmp_path, case):
    change, error, said = HOSTILE[case]
    with pytest.raises(error, match=said):
        Model.open(rewritten(both_model, tmp_path / "m.onnx", change), device="cpu")


def test_recipes_of_classes_are_what_they_were():
    text = json.dumps({"name": "emotion", "kind": "class", "labels": ["a", "b"]})
    from ser_toolkit.recipe import Target

    assert Target.model_validate_json(text).model_dump_json() == text.replace(": ", ":").replace(", ", ",")
    assert Scale(low=1, high=5).centre == 3 and Scale(low=1, high=5).half == 2


def test_the_recipe_survives(both, both_model):
    assert Model.open(both_model, device="cpu").recipe == both.recipe == Recipe.from_json(both.recipe.to_json())

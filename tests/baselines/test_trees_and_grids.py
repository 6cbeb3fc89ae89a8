"""Trees, and settings of which a learner is given several values; from training to analysis of the run folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from test_classical import VECTOR, data, target

import ser_toolkit
from ser_toolkit.components import create, to_config
from ser_toolkit.data.files import find_audio
from ser_toolkit.errors import ConfigError, DeviceError, ModelError, RecipeError
from ser_toolkit.evaluation.finished import evaluate_model
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.options import Options
from ser_toolkit.inference.session import open_session
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.checkpoint import load_classifier, read_samples
from ser_toolkit.training.export import export
from ser_toolkit.training.export_classical import probabilities
from ser_toolkit.training.grid_search import fit_by_speaker
from ser_toolkit.training.run import train
from ser_toolkit_baselines.classical import LogisticRegression, RandomForest, Svm
from ser_toolkit_baselines.neighbours import KNearestNeighbours
from ser_toolkit_baselines.search import searched
from ser_toolkit_baselines.trees import DecisionTree, ExtraTrees

SEARCHED = [
    Svm(C=(0.25, 4.0), gamma=("scale", 0.01)),
    Svm(kernel="linear", C=(0.01, 1.0)),
    LogisticRegression(C=(0.01, 1.0)),
    RandomForest(n_trees=10, min_samples_leaf=(1, 5)),
    KNearestNeighbours(k=(1, 5)),
    KNearestNeighbours(k=(1, 5), pca=None),
    DecisionTree(),
    ExtraTrees(n_trees=10, min_samples_leaf=(1, 5)),
]


@pytest.mark.parametrize("model", [DecisionTree(min_samples_leaf=1), DecisionTree(max_depth=5, min_samples_leaf=1),
                                   ExtraTrees(n_trees=20), SEARCHED[0], SEARCHED[4]], ids=repr)  # fmt: skip
def test_contract(model):
    assert_model(model)


@pytest.mark.parametrize("model", SEARCHED, ids=repr)
def test_several_values_are_searched_and_one_is_kept(model):
    x, y, _ = data(2, 200)
    made = model.estimator(VECTOR, target(2), seed=0)
    assert isinstance(made, GridSearchCV)
    with pytest.raises(ValueError, match="groups"):
        made.fit(x, y)  # not without its speakers
    best = fit_by_speaker(made, x, y, groups=np.arange(len(y)) % 4)
    assert type(best) is type(made.estimator)
    assert create(type(model), to_config(model)) == model


def test_single_values_are_not_searched():
    kept = DecisionTree(max_depth=3, ccp_alpha=0.01).estimator(VECTOR, target(2), seed=3)
    assert (kept.max_depth, kept.ccp_alpha, kept.min_samples_leaf, kept.random_state) == (3, 0.01, 5, 3)
    forest = ExtraTrees(n_trees=7, max_features=0.5, class_weight=None).estimator(VECTOR, target(2), seed=4)
    assert (forest.n_estimators, forest.max_features, forest.class_weight) == (7, 0.5, None)
    assert searched(kept, max_depth=None).max_depth is None


@pytest.mark.parametrize(
    ("cls", "config"), [(DecisionTree, {"max_depth": []}), (DecisionTree, {"max_depth": 0}), (Svm, {"C": [1, 0]})]
)
def test_bad_configuration(cls, config):
    with pytest.raises(ConfigError, match=cls.name):
        create(cls, config)


CONFIG = {
    "features": {"mel": {"name": "mel-functionals", "n_mels": 16, "hop_length": 512}},
    "segments": {"window_s": 1.0, "hop_s": 0.5},
    "training": {"workers": 1},
}


def test_a_chosen_setting_is_exported(tiny_corpus, tmp_path):
    run = train(tiny_corpus, config={**CONFIG, "model": {"name": "svm", "C": [0.1, 1.0]}}, out=tmp_path / "run")
    assert load_classifier(run.run_dir)[1].estimator.estimator.C in (0.1, 1.0)
    assert export(run.run_dir, tmp_path / "m.onnx").difference < 1e-4


@pytest.fixture(scope="module")
def tree_run(tiny_corpus, tmp_path_factory):
    """A run of a model that has no ONNX form."""
    out = tmp_path_factory.mktemp("lee") / "run"
    return train(tiny_corpus, config={**CONFIG, "model": {"name": "lee-2011"}}, out=out).run_dir


def test_a_model_without_onnx_form_is_analyzed_from_its_run_folder(tree_run, tiny_corpus, tmp_path):
    with pytest.raises(ModelError, match="BinaryTree has no exact ONNX form.*analyze --model RUN_DIR"):
        export(tree_run, tmp_path / "m.onnx")
    recipe, classifier = load_classifier(tree_run)
    model = ser_toolkit.load(tree_run)
    assert (model.device, model.labels, model.name) == ("cpu", recipe.labels, "run")
    batch = read_samples(tree_run)
    said = model.session.run("emotion", batch)
    np.testing.assert_allclose(said, probabilities(classifier, recipe, batch), atol=1e-6)
    file = tiny_corpus.parent / "audio" / "s0-anger-0.wav"
    with Analysis(find_audio([file]), Options(model=tree_run, device="cpu", workers=0, speech="off")) as analysis:
        ((_, row),) = analysis.results()
    assert row.status == "ok"
    assert row.probabilities == pytest.approx(ser_toolkit.load(tree_run, speech="off").predict(file).probabilities)
    assert evaluate_model(tree_run, tiny_corpus, seen="mark", workers=1).utterances()[0].shape == (24, 2)


def test_run_folders_that_cannot_be_used(tree_run, tmp_path):
    with pytest.raises(DeviceError, match="runs on the CPU"):
        open_session(tree_run, device="cuda")
    for name in ("recipe.json", "estimator.skops", "weights.safetensors"):
        (tmp_path / name).write_bytes((tree_run / name).read_bytes())
    said = json.loads((tmp_path / "recipe.json").read_text())
    said["model"]["version"] = 99
    (tmp_path / "recipe.json").write_text(json.dumps(said))
    with pytest.raises(RecipeError, match="version 99"):
        ser_toolkit.load(tmp_path)
    said["model"]["name"] = "unheard-of"
    (tmp_path / "recipe.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match="not trusted"):
        ser_toolkit.load(tmp_path)

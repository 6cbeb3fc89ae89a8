"""k-NN and boosted trees: scored like all others; exported exactly, or refused in one sentence."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from test_classical import VECTOR, data, fit, target

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError, ModelError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model, check_model
from ser_toolkit.training.export import export
from ser_toolkit.training.run import train
from ser_toolkit.training.stored_estimator import check_storable, dump, load
from ser_toolkit_baselines.boosting import GradientBoosting
from ser_toolkit_baselines.neighbours import KNearestNeighbours

NEIGHBOURS = [KNearestNeighbours(), KNearestNeighbours(k=1, pca=None), KNearestNeighbours(weights="distance")]
SMALL = {"min_samples_leaf": 4, "lr": 0.2}  # the contract has few segments
MODELS = [
    *NEIGHBOURS,
    GradientBoosting(max_iter=30, **SMALL),
    GradientBoosting(max_iter=10, early_stopping=None, **SMALL),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_contract(model):
    assert_model(model)
    assert_model(model, {"a": FeatureSpec(shape=(1, 6, 5), axes=("channel", "mel", "frame"), unit="dB")}, target(2))


@pytest.mark.parametrize("n_classes", [2, 4, 7])
@pytest.mark.parametrize("model", NEIGHBOURS[:2], ids=repr)
def test_uniform_neighbours_have_an_exact_onnx_form(model, n_classes):
    import onnxruntime
    from skl2onnx import to_onnx

    x, y, both = data(n_classes)
    fitted = fit(model, n_classes, x, y)
    assert model.exportable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_onnx(fitted, x[:1], options={id(fitted): {"zipmap": False}})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for rows in (both, both[:1]):
        np.testing.assert_allclose(session.run(None, {"X": rows})[1], fitted.predict_proba(rows), rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_stored_and_learnt(model):
    x, y, both = data(4, 600)
    fitted = fit(model, 4, x, y)
    np.testing.assert_array_equal(load(dump(fitted)).predict_proba(both), fitted.predict_proba(both))
    assert np.mean(fitted.predict(x) == y) > 0.6
    check_storable(model.estimator(VECTOR, target(4), seed=0), n_features=88, n_classes=4)


def test_settings_reach_the_estimator():
    made = KNearestNeighbours(k=5, weights="distance", pca=0.5).estimator(VECTOR, target(4), seed=0)
    pca, neighbours = (step for _, step in made.steps)
    assert (pca.n_components, neighbours.n_neighbors, neighbours.weights) == (0.5, 5, "distance")
    settings = {"lr": 0.2, "max_iter": 7, "max_leaf_nodes": 9, "min_samples_leaf": 3, "l2": 0.5, "early_stopping": 0.2}
    made = GradientBoosting(**settings, patience=4, class_weight=None).estimator(VECTOR, target(4), seed=5)
    assert (made.learning_rate, made.max_iter, made.max_leaf_nodes, made.min_samples_leaf) == (0.2, 7, 9, 3)
    assert (made.l2_regularization, made.early_stopping, made.validation_fraction) == (0.5, True, 0.2)
    assert (made.n_iter_no_change, made.class_weight, made.random_state) == (4, None, 5)
    assert not GradientBoosting(early_stopping=None).estimator(VECTOR, target(4), seed=5).early_stopping


def test_boosting_stops_early():
    x, y, _ = data(2, 600)
    fitted = fit(GradientBoosting(lr=0.5, patience=3), 2, x, y)
    assert fitted.n_iter_ < 300
    assert fit(GradientBoosting(max_iter=20, early_stopping=None), 2, x, y).n_iter_ == 20


@pytest.mark.parametrize("model", MODELS[2:4], ids=repr)
def test_refuses_what_it_cannot_use(model):
    with pytest.raises(ComponentError, match="no input"):
        model.estimator({}, target(4), seed=0)
    with pytest.raises(ComponentError, match="class target of at least two labels"):
        model.estimator(VECTOR, TargetSpec(name="arousal", kind="regression", labels=("arousal",)), seed=0)


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (KNearestNeighbours, {"k": 0}),
        (KNearestNeighbours, {"weights": "even"}),
        (KNearestNeighbours, {"pca": 1.0}),
        (GradientBoosting, {"lr": 0}),
        (GradientBoosting, {"early_stopping": 0.9}),
        (GradientBoosting, {"max_leaf_nodes": 1}),
    ],
)
def test_bad_configuration(cls, config):
    with pytest.raises(ConfigError, match=cls.name):
        create(cls, config)


def test_configuration_from_json():
    for made in MODELS:
        assert create(type(made), to_config(made)) == made


@dataclass(frozen=True, kw_only=True)
class Boastful:
    """Cannot be exported and does not say so."""

    name: ClassVar[str] = "boastful"
    version: ClassVar[int] = 1

    def estimator(self, inputs, target, *, seed):
        return GradientBoosting(max_iter=3).estimator(inputs, target, seed=seed)


def test_a_model_without_onnx_form_has_to_say_so():
    detail = {r.name: r for r in check_model(Boastful())}
    assert not detail["ONNX"].passed
    assert "say so: exportable: ClassVar[bool] = False" in detail["ONNX"].detail
    assert len(detail["ONNX"].detail) < 300
    honest = {r.name: r for r in check_model(GradientBoosting(max_iter=3))}
    assert honest["ONNX"].passed
    assert "as the model says" in honest["ONNX"].detail


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"name": "k-nn", "k": 3}, None),
        ({"name": "k-nn", "k": 3, "weights": "distance"}, "weights 'distance' has no exact ONNX form"),
        ({"name": "gradient-boosting", "max_iter": 5}, "HistGradientBoostingClassifier has no exact ONNX form"),
    ],
)
def test_trained_scored_and_exported_or_refused(tiny_corpus, tmp_path, model, said):
    features = {"mel": {"name": "mel-functionals", "n_mels": 16, "hop_length": 512}, "loud": {"name": "egemaps"}}
    run = train(tiny_corpus, config={"features": features, "model": model}, out=tmp_path / "run")
    assert run.test.utterance.n == 4
    if said is None:
        assert export(run.run_dir, tmp_path / "m.onnx").difference < 1e-6
        return
    with pytest.raises(ModelError, match=said) as caught:
        export(run.run_dir, tmp_path / "m.onnx")
    assert "can be exported" in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "m.onnx").exists()

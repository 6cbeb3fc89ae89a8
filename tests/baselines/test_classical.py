"""The classical learners: they convert to ONNX without loss, keep no secrets, and refuse what they cannot use."""

from __future__ import annotations

import warnings

import numpy as np
import onnxruntime
import pytest
import skops.io
from skl2onnx import to_onnx

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model
from ser_toolkit_baselines.classical import LogisticRegression, RandomForest, Svm

VECTOR = {"gemaps": FeatureSpec(shape=(88,), axes=("feature",), unit="mixed")}
MODELS = [Svm(), Svm(kernel="linear"), RandomForest(n_trees=50), LogisticRegression()]
OPTIONS = {
    "OneVsRestClassifier": {"zipmap": False, "raw_scores": True},
    "LinearSVC": {"raw_scores": True},
    "RandomForestClassifier": {"zipmap": False},
    "LogisticRegression": {"zipmap": False},
}


def target(n: int) -> TargetSpec:
    return TargetSpec(name="emotion", kind="class", labels=tuple(f"e{i}" for i in range(n)))


def data(n_classes: int, n: int = 400):
    """Standardized features as GeMAPS are: correlated, heavy-tailed, clipped at 10, classes overlapping."""
    rng = np.random.default_rng(n_classes)
    y = rng.integers(n_classes, size=n)
    hidden = rng.standard_t(4, (n, 20)) + 1.2 * rng.standard_normal((n_classes, 20))[y]
    x = hidden @ rng.standard_normal((20, 88)) / 4 + 0.5 * rng.standard_t(3, (n, 88))
    x = np.clip((x - x.mean(0)) / x.std(0), -10, 10).astype(np.float32)
    return x[: n // 2], y[: n // 2], x


def fit(model, n_classes, x, y):
    return model.estimator(VECTOR, target(n_classes), seed=0).fit(x, y)


@pytest.mark.parametrize("n_classes", [2, 4, 7])
@pytest.mark.parametrize("model", [*MODELS, Svm(C=100.0), Svm(kernel="linear", C=100.0)], ids=repr)
def test_onnx_gives_the_scores_of_scikit_learn(model, n_classes):
    x, y, both = data(n_classes)
    fitted = fit(model, n_classes, x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        graph = to_onnx(fitted, x[:1], options={id(fitted): OPTIONS[type(fitted).__name__]})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == ["label", "probabilities"]
    label, scores = session.run(None, {"X": both})
    kind = "predict_proba" if hasattr(fitted, "predict_proba") else "decision_function"
    wanted = getattr(fitted, kind)(both)
    if wanted.ndim == 1:
        wanted = np.stack([-wanted, wanted], axis=1)
    assert scores.shape == wanted.shape == (len(both), n_classes)
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(label.ravel(), fitted.predict(both))
    np.testing.assert_array_equal(scores.argmax(1), wanted.argmax(1))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_contract(model):
    assert_model(model)
    assert_model(model, {"a": FeatureSpec(shape=(1, 6, 5), axes=("channel", "mel", "frame"), unit="dB")}, target(2))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_skops_loads_without_trusted_types_but_for_trees(model):
    x, y, both = data(4)
    fitted = fit(model, 4, x, y)
    saved = skops.io.dumps(fitted)
    untrusted = skops.io.get_untrusted_types(data=saved)
    assert untrusted == (["sklearn.tree._tree.Tree"] if isinstance(model, RandomForest) else [])
    again = skops.io.loads(saved, trusted=untrusted)
    np.testing.assert_array_equal(again.predict(both), fitted.predict(both))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_learns_and_weighs_rare_classes(model):
    x, y, _ = data(2, 600)
    keep = (y == 1) | (np.arange(len(y)) % 6 == 0)  # five of six segments of class 0 go
    fitted = fit(model, 2, x[keep], y[keep])
    recalls = [np.mean(fitted.predict(x[~keep]) == 0), np.mean(fitted.predict(x[y == 1]) == 1)]
    assert min(recalls) > 0.5


def test_settings_reach_the_estimator():
    inputs, of = VECTOR, target(4)
    svc = Svm(C=3.0, gamma=0.1, class_weight=None).estimator(inputs, of, seed=5).estimator
    assert (svc.kernel, svc.C, svc.gamma, svc.class_weight, svc.random_state) == ("rbf", 3.0, 0.1, None, 5)
    linear = Svm(kernel="linear", C=2.0).estimator(inputs, of, seed=6)
    assert (linear.C, linear.class_weight, linear.random_state) == (2.0, "balanced", 6)
    forest = RandomForest(n_trees=7, max_depth=3, min_samples_leaf=2, max_features=0.5).estimator(inputs, of, seed=7)
    assert (forest.n_estimators, forest.max_depth, forest.min_samples_leaf, forest.max_features) == (7, 3, 2, 0.5)
    assert forest.random_state == 7
    logistic = LogisticRegression(C=0.1, max_iter=50, class_weight=None).estimator(inputs, of, seed=8)
    assert (logistic.C, logistic.max_iter, logistic.class_weight, logistic.random_state) == (0.1, 50, None, 8)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_refuses_what_it_cannot_use(model):
    varying = {"frames": FeatureSpec(shape=(None, 40), axes=("frame", "feature"), unit="dB")}
    with pytest.raises(ComponentError, match=r"'frames'.*one fixed size"):
        model.estimator(varying, target(4), seed=0)
    with pytest.raises(ComponentError, match="no input"):
        model.estimator({}, target(4), seed=0)
    with pytest.raises(ComponentError, match="class target of at least two labels"):
        model.estimator(VECTOR, TargetSpec(name="arousal", kind="regression", labels=("arousal",)), seed=0)


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (Svm, {"C": 0}),
        (Svm, {"kernel": "poly"}),
        (Svm, {"gamma": -1}),
        (RandomForest, {"n_trees": 0}),
        (RandomForest, {"max_features": 1.5}),
        (LogisticRegression, {"class_weight": "even"}),
    ],
)
def test_bad_configuration(cls, config):
    with pytest.raises(ConfigError, match=cls.name):
        create(cls, config)


def test_configuration_from_json():
    for made in (Svm(gamma=0.5, class_weight=None), RandomForest(max_depth=4, max_features=0.3), LogisticRegression()):
        assert create(type(made), to_config(made)) == made

"""Gaussian mixtures and hidden Markov models of frames: what order tells, plain arrays, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError, ModelError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.stored_estimator import dump, load
from ser_toolkit_baselines.generative import frames_of
from ser_toolkit_baselines.gmm import Gmm
from ser_toolkit_baselines.hmm import Hmm

TWO = TargetSpec(name="emotion", kind="class", labels=("falling", "rising"))
SEQUENCE = {"mel": FeatureSpec(shape=(12, 2), axes=("frame", "mel"), unit="dB")}
IMAGE = {"mel": FeatureSpec(shape=(1, 2, 12), axes=("channel", "mel", "frame"), unit="dB")}
MODELS = [Gmm(n_components=4), Hmm(n_states=2, max_iter=3), Hmm(n_states=2, max_iter=3, topology="ergodic")]


def glides(n: int, seed: int = 0):
    """Values that rise or fall within a segment: the frames are the same, their order is not."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    ramp = np.linspace(-1, 1, 12)
    x = np.where(y[:, None], ramp, -ramp)[:, :, None] + 0.4 * rng.standard_normal((n, 12, 2))
    return x.reshape(n, -1).astype(np.float32), y


def levels(n: int, seed: int = 0):
    """Values whose mean is that of the class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return (0.6 * (2 * y[:, None] - 1) + rng.standard_normal((n, 24))).astype(np.float32), y


def accuracy(model, data):
    x, y = data(120)
    new, truth = data(120, seed=1)
    return np.mean(model.estimator(SEQUENCE, TWO, seed=0).fit(x, y).predict(new) == truth)


@pytest.mark.parametrize("topology", ["left-right", "ergodic"])
def test_order_is_heard_by_states_not_by_mixtures(topology):
    assert accuracy(Hmm(n_states=3, topology=topology, max_iter=5), glides) > 0.95
    assert accuracy(Gmm(n_components=4), glides) < 0.7
    assert accuracy(Hmm(n_states=2, topology=topology, max_iter=5), levels) > 0.95
    assert accuracy(Gmm(n_components=2), levels) > 0.95


@pytest.mark.parametrize("model", [Gmm(), Hmm(n_states=3, max_iter=3)], ids=repr)
def test_contract(model):
    assert_model(model)


def test_frames_again():
    """Flattened inputs become frames, whatever axis time is on, and several are joined frame by frame."""
    rng = np.random.default_rng(0)
    mel, lld = rng.standard_normal((5, 1, 2, 12)), rng.standard_normal((5, 12, 3))
    flat = np.concatenate([mel.reshape(5, -1), lld.reshape(5, -1)], axis=1)
    joined = frames_of(flat, ((1, 2, 12), (12, 3)), (2, 0))
    assert joined.shape == (5, 12, 5)
    np.testing.assert_array_equal(joined[3, 7], [*mel[3, 0, :, 7], *lld[3, 7]])
    with pytest.raises(ValueError, match="rows of 59 values"):
        frames_of(flat[:, 1:], ((1, 2, 12), (12, 3)), (2, 0))


def test_an_image_is_frames_too():
    x, y = glides(40)
    turned = x.reshape(40, 12, 2).transpose(0, 2, 1).reshape(40, -1)
    one = Hmm(n_states=2, max_iter=2).estimator(SEQUENCE, TWO, seed=0).fit(x, y)
    other = Hmm(n_states=2, max_iter=2).estimator(IMAGE, TWO, seed=0).fit(turned, y)
    np.testing.assert_allclose(one.decision_function(x), other.decision_function(turned))


@pytest.mark.parametrize("topology", ["left-right", "ergodic"])
def test_scores_are_those_of_hmmlearn(topology):
    x, y = glides(30)
    fitted = Hmm(n_states=3, topology=topology, max_iter=3).estimator(SEQUENCE, TWO, seed=0).fit(x, y)
    scores = fitted.decision_function(x[:6])
    for c in range(2):
        model = GaussianHMM(3, covariance_type="diag")
        model.startprob_, model.transmat_ = fitted.start_[c], fitted.transition_[c]
        model.means_, model.covars_ = fitted.mean_[c], fitted.variance_[c]
        np.testing.assert_allclose(scores[:, c], [model.score(row.reshape(12, 2)) / 12 for row in x[:6]], rtol=1e-6)
    if topology == "left-right":
        assert np.all(np.tril(fitted.transition_[0], -1) == 0)
        assert fitted.start_[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_stored_without_pickle(model):
    x, y = glides(40)
    fitted = model.estimator(SEQUENCE, TWO, seed=0).fit(x, y)
    stored = dump(fitted, also=model.stored_types)
    np.testing.assert_array_equal(
        load(stored, also=model.stored_types).decision_function(x), fitted.decision_function(x)
    )
    with pytest.raises(ModelError, match="not trusted: ser_toolkit_baselines.generative"):
        load(stored)  # the file alone cannot say whom to trust
    assert b"hmmlearn" not in stored


def test_rare_classes_are_weighed_and_many_frames_drawn():
    x, y = levels(120)
    keep = (y == 1) | (np.arange(120) % 12 == 0)
    balanced = Gmm(n_components=1).estimator(SEQUENCE, TWO, seed=0).fit(x[keep], y[keep])
    frequent = Gmm(n_components=1, class_weight=None).estimator(SEQUENCE, TWO, seed=0).fit(x[keep], y[keep])
    lead = [f.decision_function(x)[:, 1] - f.decision_function(x)[:, 0] for f in (balanced, frequent)]
    np.testing.assert_allclose(lead[1] - lead[0], np.log(60 / 10) / 12)
    some = Gmm(n_components=1, max_frames=120).estimator(SEQUENCE, TWO, seed=0).fit(x, y)
    assert not np.allclose(some.mixtures_[0].means_, balanced.mixtures_[0].means_)
    assert np.mean(some.predict(x) == y) > 0.9


@pytest.mark.parametrize("model", [Gmm(), Hmm()], ids=repr)
def test_refusals(model):
    with pytest.raises(ComponentError, match="models frames in time"):
        model.estimator({"v": FeatureSpec(shape=(8,), axes=("feature",), unit="mixed")}, TWO, seed=0)
    other = {**SEQUENCE, "lld": FeatureSpec(shape=(11, 3), axes=("frame", "feature"), unit="mixed")}
    with pytest.raises(ComponentError, match="numbers of frames differ: 'mel' 12, 'lld' 11"):
        model.estimator(other, TWO, seed=0)
    with pytest.raises(ComponentError, match="one fixed size"):
        model.estimator({"m": FeatureSpec(shape=(None, 3), axes=("frame", "mel"), unit="dB")}, TWO, seed=0)


def test_too_few_frames_for_the_states():
    x, y = glides(10)
    with pytest.raises(ValueError, match="13 states need as many frames; segments have 12"):
        Hmm(n_states=13).estimator(SEQUENCE, TWO, seed=0).fit(x, y)


def test_configuration():
    for made in (*MODELS, Gmm(n_components=(4, 8)), Hmm(n_states=(2, 3))):
        assert create(type(made), to_config(made)) == made
    for cls, config in ((Gmm, {"n_components": []}), (Gmm, {"variance_floor": 0}), (Hmm, {"topology": "ring"})):
        with pytest.raises(ConfigError, match=cls.name):
            create(cls, config)

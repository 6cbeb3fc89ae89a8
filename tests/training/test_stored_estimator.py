"""Estimators as bytes: what was fitted comes back, nothing else is loaded, and no index leads outside."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from ser_toolkit.errors import ModelError
from ser_toolkit.training.stored_estimator import check_storable, dump, load

N_CLASSES = 3
TRUSTED = ["sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def data():
    rng = np.random.default_rng(0)
    y = np.arange(90) % N_CLASSES
    return (rng.standard_normal((90, 4)) + y[:, None]).astype(np.float32), y


ESTIMATORS = [
    make_pipeline(PCA(0.95), KNeighborsClassifier(5, algorithm="brute")),
    HistGradientBoostingClassifier(max_iter=5),
    RandomForestClassifier(5),
    GradientBoostingClassifier(n_estimators=3),
    OneVsRestClassifier(ExtraTreesClassifier(3)),
    DecisionTreeClassifier(),
    make_pipeline(PolynomialFeatures(3), RandomForestClassifier(20)),  # more features inside than outside
    OneVsRestClassifier(SVC()),
    NearestCentroid(),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_round_trip(estimator):
    x, y = data()
    fitted = estimator.fit(x, y)
    np.testing.assert_array_equal(load(dump(fitted)).predict(x), fitted.predict(x))


class Own:
    """A type of somebody's own."""

    def __init__(self, depth=1):
        self.depth = depth

    def get_params(self, deep=True):
        return {"depth": self.depth}

    def fit(self, x, y):
        self.inner_ = pathlib.PurePosixPath("x")
        return self


class Unpredictable(Own):
    def fit(self, x, y):
        raise ValueError("wants more data")


def test_what_cannot_be_stored_shows_before_training():
    for estimator in (LogisticRegression(), HistGradientBoostingClassifier(max_iter=2), RandomForestClassifier(3)):
        check_storable(estimator, n_features=88, n_classes=2)
        assert not hasattr(estimator, "classes_")
    with pytest.raises(ModelError, match=r"Own cannot be stored: it holds .*Own, which reading"):
        check_storable(Own(), n_features=3, n_classes=2)
    check_storable(Unpredictable(), n_features=3, n_classes=2)


def test_skops_refusals_are_said():
    class Local:
        def __reduce__(self):
            raise TypeError("no way")

    with pytest.raises(ModelError, match="cannot be stored"):
        dump(make_pipeline(PCA(), Local()))


def test_untrusted_types_are_not_loaded():
    with pytest.raises(ModelError, match="not trusted: .*PurePosixPath"):
        load(skops.io.dumps({"x": pathlib.PurePosixPath("x")}))
    x, y = data()
    with pytest.raises(ModelError, match="KDTree"):
        load(skops.io.dumps(KNeighborsClassifier(5, algorithm="kd_tree").fit(x, y)))
    with pytest.raises(ModelError, match="cannot be stored"):
        dump(CalibratedClassifierCV(SVC(), cv=2).fit(x, y))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_damaged_bytes(content):
    with pytest.raises(ValueError):
        load(content)


def _bad_forest(forest, field, value):
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)


@pytest.mark.parametrize(("field", "value"), [("left_child", 2**40), ("right_child", 0), ("feature", 4)])
@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: make_pipeline(PCA(), f), lambda f: [{"deep": (f,)}]])
def test_a_tree_that_leads_outside(wrap, field, value):
    x, y = data()
    forest = RandomForestClassifier(3, random_state=0).fit(x, y)
    _bad_forest(forest, field, value)
    with pytest.raises(ValueError, match="Tree leads outside itself"):
        load(skops.io.dumps(wrap(forest)))


def test_a_tree_whose_owner_lies_about_its_features():
    x, y = data()
    forest = RandomForestClassifier(3, random_state=0).fit(x, y)
    forest.estimators_[1].n_features_in_ = 1000
    _bad_forest(forest, "feature", 500)
    with pytest.raises(ValueError, match="leads outside"):
        load(skops.io.dumps(forest))


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10_000), ("right", 0), ("feature_idx", 4), ("is_categorical", 1)]
)
def test_a_boosted_tree_that_leads_outside(field, value):
    x, y = data()
    fitted = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5).fit(x, y)
    fitted._predictors[1][2].nodes[field][0] = value
    with pytest.raises(ValueError, match="TreePredictor leads outside itself"):
        load(skops.io.dumps(fitted))


@pytest.mark.parametrize(
    ("attribute", "value"), [("_y", np.full(90, 7)), ("_y", np.zeros(5, int)), ("n_samples_fit_", 10**6)]
)
def test_neighbours_that_are_not_there(attribute, value):
    x, y = data()
    fitted = KNeighborsClassifier(5, algorithm="brute").fit(x, y)
    setattr(fitted, attribute, value)
    with pytest.raises(ValueError, match="KNeighborsClassifier leads outside itself"):
        load(skops.io.dumps(fitted))

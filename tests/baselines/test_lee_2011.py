"""The tree of binary decisions: on data where it is known what is easy, and its probabilities by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.stored_estimator import check_storable, dump, load
from ser_toolkit_baselines.binary_tree import BinaryTree
from ser_toolkit_baselines.lee_2011 import PAPER_TREE, Lee2011

FUNCTIONALS = {"is09": FeatureSpec(shape=(12,), axes=("feature",), unit="mixed")}
FOUR = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))


def data(n: int = 40):
    """Anger and sadness lie far apart, happiness nearer to anger, and neutral among all of them."""
    rng = np.random.default_rng(0)
    centres = np.zeros((4, 12))
    centres[0, :2] = 3.0
    centres[3, :2] = -3.0
    centres[1, 1:3] = 1.6
    y = np.arange(4 * n) % 4
    x = centres[y] + rng.standard_normal((4 * n, 12))
    return x.astype(np.float32), y, np.arange(4 * n) // 4 % 5


def test_contract():
    assert_model(Lee2011())
    assert_model(Lee2011(tree="paper", selection_C=1.0, C=1.0), FUNCTIONALS, FOUR)


@pytest.mark.parametrize("tree", ["auto", "paper"])
def test_easy_decisions_come_first(tree):
    x, y, speakers = data()
    fitted = Lee2011(tree=tree).estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y, groups=speakers)
    assert [FOUR.labels[i] for i in fitted.order_] == list(PAPER_TREE)
    assert np.mean(fitted.predict(x) == y) > 0.8
    unlike = Lee2011(last=None).estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y, groups=speakers)
    assert set(unlike.order_[:2].tolist()) == {0, 3}


def test_probabilities_are_those_of_all_paths():
    """Every path down the tree by hand: at each level the winner so far meets the next class."""
    x, y, _ = data()
    fitted = Lee2011(tree="paper").estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y)
    row = x[7].astype(float)

    def beats(a, b):
        return 1 / (1 + np.exp(-(row @ fitted.coef_[a, b] + fitted.intercept_[a, b])))

    order, by_hand = [FOUR.labels.index(label) for label in PAPER_TREE], np.zeros(4)
    for wins in product((True, False), repeat=3):
        champion, probability = order[0], 1.0
        for challenger, won in zip(order[1:], wins, strict=True):
            stays = beats(champion, challenger)
            probability *= stays if won else 1 - stays
            champion = champion if won else challenger
        by_hand[champion] += probability
    assert by_hand.sum() == pytest.approx(1)
    np.testing.assert_allclose(fitted.predict_proba(x[7:8])[0], by_hand, atol=1e-12)


def test_each_node_has_its_own_features():
    x, y, _ = data()
    fitted = Lee2011(tree="paper", n_features=2).estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y)
    used = {(a, b): np.flatnonzero(fitted.coef_[a, b]).tolist() for a in range(4) for b in range(a)}
    assert used[3, 0] == [0, 1]
    assert all(1 <= len(some) <= 2 for some in used.values())
    assert used[1, 0] != used[3, 0]
    np.testing.assert_array_equal(fitted.coef_[0, 3], -fitted.coef_[3, 0])


def test_speakers_are_kept_whole_where_an_order_is_sought(monkeypatch):
    x, y, speakers = data()
    seen = []
    node = BinaryTree._node

    def spy(self, some, of, a, b):
        seen.append(some)
        return node(self, some, of, a, b)

    monkeypatch.setattr(BinaryTree, "_node", spy)
    Lee2011().estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y, groups=speakers)
    row = {tuple(r): s for r, s in zip(x.astype(float).tolist(), speakers.tolist(), strict=True)}
    folds = [{row[tuple(r)] for r in some.tolist()} for some in seen]
    assert {len(f) for f in folds[:18]} <= {3, 4}  # of five speakers: three inner folds of six pairs
    assert all(f == set(range(5)) for f in folds[18:])
    for some in seen[:18]:  # a speaker that is there is there with all segments of the two classes
        counts = np.unique([row[tuple(r)] for r in some.tolist()], return_counts=True)[1]
        assert set(counts.tolist()) == {16}


def test_few_segments_and_classes():
    x, y, _ = data()
    two = Lee2011().estimator(FUNCTIONALS, FOUR, seed=0).fit(x[y < 2], y[y < 2])
    assert two.predict_proba(x[:3]).shape == (3, 2)
    few = Lee2011().estimator(FUNCTIONALS, FOUR, seed=0).fit(x[:8], y[:8])
    np.testing.assert_allclose(few.predict_proba(x).sum(axis=1), 1)
    with pytest.raises(ValueError, match="two classes"):
        Lee2011().estimator(FUNCTIONALS, FOUR, seed=0).fit(x[:4], np.zeros(4, int))
    missing = Lee2011(tree="paper").estimator(FUNCTIONALS, FOUR, seed=0).fit(x[y != 1], y[y != 1])
    assert missing.predict_proba(x[:2]).shape == (2, 3)


def test_stored_without_pickle():
    x, y, speakers = data()
    fitted = Lee2011().estimator(FUNCTIONALS, FOUR, seed=0).fit(x, y, groups=speakers)
    again = load(dump(fitted, also=Lee2011.stored_types), also=Lee2011.stored_types)
    np.testing.assert_array_equal(again.predict_proba(x), fitted.predict_proba(x))
    check_storable(
        Lee2011().estimator(FUNCTIONALS, FOUR, seed=0), n_features=12, n_classes=4, also=Lee2011.stored_types
    )


def test_refusals():
    three = TargetSpec(name="emotion", kind="class", labels=("anger", "boredom", "sadness"))
    with pytest.raises(ComponentError, match=r"the labels are anger, boredom, sadness.*auto"):
        Lee2011(tree="paper").estimator(FUNCTIONALS, three, seed=0)
    Lee2011(tree=("boredom", "sadness", "anger")).estimator(FUNCTIONALS, three, seed=0)
    with pytest.raises(ComponentError, match="no input"):
        Lee2011().estimator({}, FOUR, seed=0)
    with pytest.raises(ConfigError, match="lee-2011"):
        create(Lee2011, {"tree": ["anger"]})
    for made in (Lee2011(), Lee2011(tree=("a", "b"), last=None)):
        assert create(Lee2011, to_config(made)) == made

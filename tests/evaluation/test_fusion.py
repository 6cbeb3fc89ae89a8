"""Fusion of cross-validated models: by hand, and with weights that know nothing of the test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import certain

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.fusion import confidence, fuse, fuse_folders
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.evaluation.run_folds import development_file

TEST = [("t", "anger", "anger"), ("t", "sadness", "neutral"), ("u", "neutral", "anger")]
OTHER = [("t", "anger", "sadness"), ("t", "sadness", "sadness"), ("u", "neutral", None)]


def dev(right: str, n: int = 12, *, wrong: str = "neutral") -> Predictions:
    """What a model says of development speakers that knows one class, and calls all else by another name."""
    labels = ("anger", "neutral", "sadness")
    rows = [("d", labels[i % 3], right if labels[i % 3] == right else wrong) for i in range(n)]
    return certain(rows)


def said(predictions: Predictions) -> list[str]:
    return [predictions.labels[i] if i >= 0 else "" for i in predictions.predicted()]


def test_the_mean_and_the_product_by_hand():
    a, b = certain(TEST, sure=0.8), certain(OTHER, sure=0.6)
    mean = fuse([a, b], [dev("anger"), dev("anger")], method="mean")
    plain = replace(mean, items=tuple(replace(i, temperature=1.0) for i in mean.items)).windows()
    np.testing.assert_allclose(plain[0], [0.5, 0.15, 0.35], atol=1e-9)
    np.testing.assert_allclose(plain[2], [0.8, 0.1, 0.1], atol=1e-9)  # the second did not hear it
    product = fuse([a, b], [dev("anger"), dev("anger")], method="product")
    plain = replace(product, items=tuple(replace(i, temperature=1.0) for i in product.items)).windows()
    np.testing.assert_allclose(plain[0], np.array([0.16, 0.02, 0.06]) / 0.24, atol=1e-9)
    assert mean.alpha is None
    assert mean.sets() is None


def test_confidence_is_precision_on_development_utterances():
    good = dev("anger")  # of 12: 4 times anger, rightly; 8 times neutral, 4 of them rightly
    p, has, truth = np.stack([good.windows()] * 2), np.ones((2, 12), bool), good.truth
    p[1] = p[1][:, [2, 1, 0]]  # the second says sadness where the first says anger
    weights = confidence(p, has, truth)
    precision = (
        np.array([4 + 1 / 3, 1 / 3]) / [5, 1],
        np.array([4 + 1 / 3] * 2) / 9,
        np.array([1 / 3, 1 / 3]) / [1, 5],
    )
    np.testing.assert_allclose(weights, np.stack([w / w.sum() for w in precision], axis=1))


def test_each_model_is_heard_where_it_is_right():
    knows, guesses = (
        certain([("d", t, t) for t in ("anger", "neutral", "sadness") * 4]),
        dev("sadness", wrong="sadness"),
    )
    test = [certain(TEST, sure=0.7), certain(OTHER, sure=0.7)]
    assert said(fuse(test, [knows, guesses], method="confidence")) == ["anger", "neutral", "anger"]
    assert said(fuse(test, [guesses, knows], method="confidence"))[:2] == ["sadness", "sadness"]


@pytest.mark.parametrize("method", ["confidence", "stacking", "mean", "product"])
def test_what_is_tested_has_no_say_in_the_weights(method):
    test, of_dev = [certain(TEST), certain(OTHER)], [dev("anger"), dev("sadness")]
    wrong = [replace(p, items=tuple(replace(i, emotion="anger") for i in p.items)) for p in test]
    one, other = fuse(test, of_dev, method=method), fuse(wrong, of_dev, method=method)
    np.testing.assert_array_equal(one.logits, other.logits)
    assert one.items[0].temperature == other.items[0].temperature
    assert [i.emotion for i in one.items] == [row[1] for row in TEST]


def test_stacking_learns_who_is_to_be_believed():
    noise, knows = dev("sadness", wrong="sadness"), certain([("d", t, t) for t in ("anger", "neutral", "sadness") * 4])
    test = [certain([("t", "anger", "sadness")]), certain([("t", "anger", "anger")])]
    assert said(fuse(test, [noise, knows], method="stacking")) == ["anger"]
    only = replace(knows, items=tuple(replace(i, emotion="anger") for i in knows.items))
    with pytest.raises(ModelError, match="two classes"):
        fuse(test, [only, only], method="stacking")


def test_an_utterance_that_nobody_heard_is_an_error():
    nobody = [("t", "anger", None), ("t", "sadness", "sadness")]
    fused = fuse([certain(nobody)] * 2, [dev("anger")] * 2)
    assert said(fused) == ["", "sadness"]


def test_refusals():
    test, of_dev = [certain(TEST), certain(OTHER)], [dev("anger"), dev("sadness")]
    with pytest.raises(ModelError, match="no fusion 'vote'"):
        fuse(test, of_dev, method="vote")
    with pytest.raises(ModelError, match="different labels"):
        fuse([test[0], replace(test[1], labels=("anger", "neutral", "joy"))], of_dev)
    with pytest.raises(ModelError, match="tested on different utterances"):
        fuse([test[0], certain(TEST[:2])], of_dev)
    with pytest.raises(ModelError, match="calibrated on different utterances"):
        fuse(test, [of_dev[0], dev("anger", 9)])
    heard = [replace(p, items=tuple(replace(i, speaker="t") for i in p.items)) for p in of_dev]
    with pytest.raises(ModelError, match="t is a development speaker and tested"):
        fuse(test, heard)


def test_dimensions_are_left_out(tmp_path):
    def rated(p: Predictions) -> Predictions:
        items = tuple(replace(item, ratings=(0.5,)) for item in p.items)
        return replace(p, items=items, dimensions=("valence",), values=np.zeros((len(p.owner), 1)))

    fused = fuse([rated(certain(TEST)), certain(OTHER)], [rated(dev("anger")), dev("sadness")])
    fused.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet")
    assert (again.dimensions, again.values, again.items[0].ratings) == ((), None, ())
    alone = [replace(rated(p), labels=(), logits=np.zeros((len(p.owner), 0))) for p in (certain(TEST), dev("anger"))]
    with pytest.raises(ModelError, match="dimensions alone"):
        fuse(alone[:1] * 2, alone[1:] * 2)


def evaluation(folder: Path, rows, of_dev: Predictions, folds=(1, 2)) -> Path:
    for fold in folds:
        path = folder / "folds" / f"seed-0-fold-{fold}.parquet"
        development_file(folder / "folds", path.stem).parent.mkdir(parents=True, exist_ok=True)
        certain(rows, fold=f"fold {fold}").save(path)
        of_dev.save(development_file(folder / "folds", path.stem))
    return folder


def test_folders_are_fused_fold_by_fold(tmp_path):
    a = evaluation(tmp_path / "a", TEST, dev("anger"))
    b = evaluation(tmp_path / "b", OTHER, dev("sadness"), folds=(1,))
    fused = fuse_folders([a, b], method="mean")
    assert {item.fold for item in fused.items} == {"fold 1"}
    assert fused.notes == ("1 folds or seeds that not all models have were left out",)
    (tmp_path / "b/folds/dev/seed-0-fold-1.parquet").unlink()
    with pytest.raises(ModelError, match="run the evaluation again"):
        fuse_folders([a, b])
    with pytest.raises(ModelError, match="no folds of an evaluation"):
        fuse_folders([a, tmp_path])
    with pytest.raises(ModelError, match="two evaluations or more"):
        fuse_folders([a])
    c = evaluation(tmp_path / "c", TEST, dev("anger"), folds=(3,))
    with pytest.raises(ModelError, match="no fold and seed in common"):
        fuse_folders([a, c])

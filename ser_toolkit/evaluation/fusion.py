"""Several cross-validated models as one: late fusion, fold by fold, with weights from development speakers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate
from ser_toolkit.evaluation.run_folds import development_file
from ser_toolkit.training.metrics import fit_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Method", "confidence", "fuse", "fuse_folders"]

Method = Literal["confidence", "mean", "product", "stacking"]

_TINY = 1e-12


def fuse_folders(folders: Sequence[Path], *, method: Method = "confidence") -> Predictions:
    """Fuse the models of several cross-validations of the same split.

    Parameters
    ----------
    folders : sequence of Path
        ``out`` of `ser_toolkit.evaluation.crossval.cross_validate`, two or more.
    method : {"confidence", "mean", "product", "stacking"}, optional
        See `fuse`.

    Returns
    -------
    Predictions
        Of every fold and seed that all folders have; one row per utterance.

    Raises
    ------
    ModelError
        If a folder is no evaluation, they have no fold in common, or were made by a version that kept no predictions of
        development speakers; if labels, utterances or speakers differ.
    """
    if len(folders) < 2:
        raise ModelError("fusion needs the folders of two evaluations or more")
    names = [{path.stem for path in (folder / "folds").glob("seed-*-fold-*.parquet")} for folder in folders]
    common = sorted(set.intersection(*names))
    for folder, found in zip(folders, names, strict=True):
        if not found:
            raise ModelError(f"{folder}: no folds of an evaluation; make them with `ser-toolkit evaluate`")
    if not common:
        raise ModelError("the evaluations have no fold and seed in common")
    parts = []
    for name in common:
        test, dev = [], []
        for folder in folders:
            path = development_file(folder / "folds", name)
            if not path.is_file():
                raise ModelError(
                    f"{path}: there are no predictions of development speakers, which fusion takes its weights from; "
                    "run the evaluation again in another folder"
                )
            test.append(Predictions.load(folder / "folds" / f"{name}.parquet"))
            dev.append(Predictions.load(path))
        if test[0].items:
            parts.append(fuse(test, dev, method=method))
    if not parts:
        raise ModelError("the evaluations tested nothing")
    fused = concatenate(parts)
    left_out = len(set.union(*names)) - len(common)
    notes = (f"{left_out} folds or seeds that not all models have were left out",) if left_out else ()
    return replace(fused, notes=(*notes, *fused.notes))


def fuse(test: Sequence[Predictions], dev: Sequence[Predictions], *, method: Method = "confidence") -> Predictions:
    """Fuse the models of one fold and seed.

    Parameters
    ----------
    test : sequence of Predictions
        Of each model, of the same utterances; their windows may differ.
    dev : sequence of Predictions
        Of each model, of the same development utterances. Weights and temperature come from these alone.
    method : {"confidence", "mean", "product", "stacking"}, optional
        ``"confidence"``: the score of a class is the sum over models of its probability times the `confidence` of the
        model in that class. ``"mean"`` and ``"product"`` of the probabilities. ``"stacking"``: a logistic regression on
        the log probabilities of all models, fitted to the development utterances.

    Returns
    -------
    Predictions
        One row per utterance, in the order of the first model; no prediction sets and no dimensions. A model without a
        window of an utterance has no say in it; an utterance of which none has one counts as an error.

    Raises
    ------
    ModelError
        If labels or utterances differ, there are no labels, or a development speaker is tested.
    """
    if method not in get_args(Method):
        raise ModelError(f"there is no fusion {method!r}: choose {', '.join(get_args(Method))}")
    _check(test, dev)
    (p_test, has_test), (p_dev, has_dev) = _aligned(test), _aligned(dev)
    truth = dev[0].truth
    known = has_dev.any(axis=0)
    if method == "stacking":
        fused, temperature = _stacked(p_dev[:, known], truth[known], p_test), 1.0
    else:
        weights = np.ones((len(test), p_test.shape[2]))
        if method == "confidence":
            weights = confidence(p_dev, has_dev, truth)
        fused = _joined(p_test, has_test, weights, product=method == "product")
        of_dev = _joined(p_dev, has_dev, weights, product=method == "product")[known]
        temperature = 1.0
        if len(of_dev):
            temperature = fit_temperature(np.log(of_dev + _TINY), truth[known], np.ones(len(of_dev)))
    heard = np.flatnonzero(has_test.any(axis=0))
    return replace(
        test[0],
        items=tuple(replace(item, temperature=float(temperature), thresholds=(), ratings=()) for item in test[0].items),
        owner=heard,
        logits=np.log(fused[heard] + _TINY),
        alpha=None,
        dimensions=(),
        values=None,
    )


def confidence(
    probabilities: NDArray[np.float64], has: NDArray[np.bool_], truth: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far each model is right where it names a class: its precision on development utterances.

    Parameters
    ----------
    probabilities : ndarray, shape (n_models, n_utterances, n_labels)
        Of development utterances.
    has : ndarray of bool, shape (n_models, n_utterances)
        Which utterances each model has heard.
    truth : ndarray of int64, shape (n_utterances,)
        Their classes.

    Returns
    -------
    ndarray of float64, shape (n_models, n_labels)
        Precision with one utterance more that is right by chance, so that a class that is never named has a weight;
        each column sums to 1.
    """
    n_labels = probabilities.shape[2]
    named = probabilities.argmax(axis=2)
    weights = np.empty((len(probabilities), n_labels))
    for m, (said, heard) in enumerate(zip(named, has, strict=True)):
        for c in range(n_labels):
            chosen = heard & (said == c)
            weights[m, c] = (np.sum(truth[chosen] == c) + 1 / n_labels) / (chosen.sum() + 1)
    return np.asarray(weights / weights.sum(axis=0))


def _joined(
    p: NDArray[np.float64], has: NDArray[np.bool_], weights: NDArray[np.float64], *, product: bool
) -> NDArray[np.float64]:
    """Probabilities (n_utterances, n_labels) of all models that heard an utterance; uniform if none did."""
    if product:
        scores = np.exp(np.where(has[:, :, None], np.log(p + _TINY), 0.0).sum(axis=0))
    else:
        scores = (weights[:, None] * has[:, :, None] * p).sum(axis=0)
        scores[~has.any(axis=0)] = 1.0
    return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), _TINY**4))


def _stacked(p_dev: NDArray[np.float64], truth: NDArray[np.int64], p_test: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(truth)) < 2:
        raise ModelError("stacking needs development utterances of two classes or more")

    def rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
        flat: NDArray[np.float64] = np.log(p + 1e-3).transpose(1, 0, 2).reshape(p.shape[1], -1)
        return flat

    fitted = LogisticRegression(class_weight="balanced", max_iter=2000).fit(rows(p_dev), truth)
    fused = np.zeros(p_test.shape[1:])
    fused[:, fitted.classes_] = fitted.predict_proba(rows(p_test))
    return fused


def _aligned(models: Sequence[Predictions]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean probabilities (n_models, n_utterances, n_labels) in the order of the first, and which are of a window."""
    order = [item.key for item in models[0].items]
    probabilities, has = [], []
    for each in models:
        position = {item.key: i for i, item in enumerate(each.items)}
        mean, known = each.utterances()
        rows = np.array([position[key] for key in order], dtype=np.int64)
        probabilities.append(np.nan_to_num(mean[rows], nan=1 / len(each.labels)))
        has.append(known[rows])
    return np.stack(probabilities), np.stack(has)


def _check(test: Sequence[Predictions], dev: Sequence[Predictions]) -> None:
    if len({p.labels for p in (*test, *dev)}) > 1:
        raise ModelError("no fusion of models of different labels")
    if not test[0].labels:
        raise ModelError("no fusion: these models predict dimensions alone, and fusion joins probabilities of emotions")
    for part, name in ((test, "tested on"), (dev, "calibrated on")):
        of_each = {tuple(sorted((*item.key[:2], str(item.key[2:])) for item in p.items)) for p in part}
        if len(of_each) > 1:
            raise ModelError(f"no fusion: the models were {name} different utterances, see the splits of their jobs")
    if shared := _voices(dev[0].items) & _voices(test[0].items):
        raise ModelError(
            f"no fusion: {', '.join(sorted(shared)[:3])} is a development speaker and tested, so weights would be "
            "fitted to the test"
        )


def _voices(items: Sequence[Item]) -> set[str]:
    return {item.speaker for item in items if item.speaker is not None}

"""Scores, by the names of the field: WA is accuracy, UA is the mean of the recalls of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scores", "aggregate", "fit_temperature", "score", "softmax"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one set of predictions.

    Parameters
    ----------
    n : int
        Number of items.
    wa : float
        Weighted accuracy: correct / all (plain accuracy), 0 to 1.
    ua : float
        Unweighted accuracy: mean recall over the classes that occur, 0 to 1 (balanced accuracy, UAR).
    f1 : float
        Mean F1 over the classes that occur or are predicted, 0 to 1.
    majority : float
        Accuracy of always naming the most frequent class: what WA has to beat.
    recall : dict
        Recall per class that occurs, 0 to 1.
    confusion : tuple of tuple of int
        Rows are true classes, columns predicted ones, in the order of the labels.
    precision : dict
        Precision per class that is predicted, 0 to 1; empty in files of earlier versions.
    """

    n: int
    wa: float
    ua: float
    f1: float
    majority: float
    recall: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    precision: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "n": self.n,
            "WA (accuracy)": self.wa,
            "UA (macro recall)": self.ua,
            "macro F1": self.f1,
            "majority baseline": self.majority,
            "recall": self.recall,
            "precision": self.precision,
            "confusion": [list(row) for row in self.confusion],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scores:
        """Read what `to_json` wrote."""
        return cls(
            n=data["n"],
            wa=data["WA (accuracy)"],
            ua=data["UA (macro recall)"],
            f1=data["macro F1"],
            majority=data["majority baseline"],
            recall=data["recall"],
            confusion=tuple(tuple(row) for row in data["confusion"]),
            precision=data.get("precision", {}),
        )


def score(truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[str]) -> Scores:
    """Scores of predicted against true classes.

    Parameters
    ----------
    truth, predicted : ndarray of int64, shape (n,)
        Class indices; n at least 1. A prediction of -1 stands for none and is an error.
    labels : sequence of str
        Names of the classes.

    Returns
    -------
    Scores
        A class absent from `truth` has no recall and does not enter UA; one never predicted has no precision.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    every = list(range(len(labels)))
    present, said = np.unique(truth), np.unique(predicted[predicted >= 0])
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0.0)
    return Scores(
        n=len(truth),
        wa=float(accuracy_score(truth, predicted)),
        ua=float(np.mean(recall[present])),
        f1=float(np.mean(f1[np.union1d(present, said)])),
        majority=float(np.bincount(truth).max() / len(truth)),
        recall={labels[i]: float(recall[i]) for i in present},
        confusion=tuple(tuple(int(v) for v in row) for row in confusion_matrix(truth, predicted, labels=every)),
        precision={labels[i]: float(precision[i]) for i in said},
    )


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax over the last axis in float64."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def aggregate(
    probabilities: NDArray[np.float64], owner: NDArray[np.int64], n_utterances: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Utterance probabilities as the mean over their windows.

    Parameters
    ----------
    probabilities : ndarray, shape (n_windows, n_classes)
        Per window.
    owner : ndarray of int64, shape (n_windows,)
        Utterance of each window.
    n_utterances : int
        Number of utterances.

    Returns
    -------
    mean : ndarray, shape (n_utterances, n_classes)
        Rows of utterances without a window are NaN.
    has_window : ndarray of bool, shape (n_utterances,)
        Which utterances have at least one.
    """
    total = np.zeros((n_utterances, probabilities.shape[1]))
    np.add.at(total, owner, probabilities)
    count = np.bincount(owner, minlength=n_utterances)
    with np.errstate(invalid="ignore"):
        return total / count[:, None], count > 0


def fit_temperature(logits: NDArray[np.floating[Any]], truth: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """Temperature that makes probabilities fit best.

    Parameters
    ----------
    logits : ndarray, shape (n, n_classes)
        Per window, from development speakers.
    truth : ndarray of int64, shape (n,)
        True classes.
    weight : ndarray, shape (n,)
        Weight of each window; 1 / windows of its utterance lets every utterance count once.

    Returns
    -------
    float
        Minimiser of the weighted negative log likelihood of softmax(logits / temperature), 0.05 to 20.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    z = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(z))

    def loss(log_temperature: float) -> float:
        return float(-np.average(log_softmax(z / np.exp(log_temperature), axis=1)[rows, truth], weights=weight))

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))

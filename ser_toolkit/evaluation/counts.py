"""Scores of many confusion matrices at once, which resampling needs; tests hold them equal to scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rates", "confusion_counts", "mean_over_seeds", "rates"]


def confusion_counts(
    unit: NDArray[np.int64],
    seed: NDArray[np.int64],
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    *,
    n_units: int,
    n_seeds: int,
    n_labels: int,
) -> NDArray[np.int64]:
    """Confusion counts for each unit and seed.

    Parameters
    ----------
    unit, seed, truth, predicted : ndarray of int64, shape (n,)
        Positions from 0; a prediction of -1 stands for none.
    n_units, n_seeds, n_labels : int
        How many there are.

    Returns
    -------
    ndarray of int64, shape (n_units, n_seeds, n_labels, n_labels + 1)
        Rows are true classes, columns predicted ones; the last column counts items without a prediction.
    """
    column = np.where(predicted < 0, n_labels, predicted)
    shape = (n_units, n_seeds, n_labels, n_labels + 1)
    cell = np.ravel_multi_index((unit, seed, truth, column), shape)
    return np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Scores of many confusion matrices at once; NaN where undefined.

    Parameters
    ----------
    ua, wa, f1 : ndarray, shape (...)
        Macro recall over the classes that occur, accuracy, macro F1 over those that occur or are predicted.
    recall, precision : ndarray, shape (..., n_labels)
        NaN for a class that does not occur, or is never predicted.
    """

    ua: NDArray[np.float64]
    wa: NDArray[np.float64]
    f1: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]


def rates(counts: NDArray[Any]) -> Rates:
    """Scores from confusion counts, equal to scikit-learn's on the same items.

    Parameters
    ----------
    counts : ndarray, shape (..., n_labels, n_labels + 1)
        As of `confusion_counts`; any leading axes.

    Returns
    -------
    Rates
        With the leading axes of `counts`.
    """
    counts = np.asarray(counts, dtype=np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, named = counts.sum(axis=-1), counts[..., :-1].sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = right / true, right / named
        f1 = 2 * right / (true + named)
        wa = right.sum(axis=-1) / true.sum(axis=-1)
    return Rates(ua=_nanmean(recall), wa=wa, f1=_nanmean(f1), recall=recall, precision=precision)


def mean_over_seeds(values: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Mean over the seeds for which a score is defined; NaN if it is for none."""
    return _nanmean(np.moveaxis(values, axis, -1))


def _nanmean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis, NaN without a word if all are NaN."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0.0).sum(axis=-1) / defined.sum(axis=-1))

"""Whether probabilities mean what they say: calibration error, likelihood, Brier score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.evaluation.results import Bin, Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["N_BINS", "calibration", "expected_calibration_error", "perfect_calibration_errors", "reliability"]

N_BINS = 15
"""Bins of equal width, as in most publications."""

_EDGES = np.linspace(0.0, 1.0, N_BINS + 1)
_CHUNK = 8_000_000


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bin of each confidence: above its lower edge, at most its upper one."""
    return np.clip(np.searchsorted(_EDGES, confidence, side="left") - 1, 0, N_BINS - 1)


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean distance between confidence and accuracy over 15 bins of equal width, weighted by their items.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the likeliest class, 0 to 1; n at least 1.
    correct : ndarray of bool, shape (n,)
        Whether that class is the true one.

    Returns
    -------
    float
        0 to 1.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3.
    """
    off = np.bincount(_bins(confidence), weights=correct - confidence, minlength=N_BINS)
    return float(np.abs(off).sum() / len(confidence))


def perfect_calibration_errors(
    confidence: NDArray[np.float64], *, owner: NDArray[np.int64] | None = None, draws: int = 500, seed: int = 0
) -> NDArray[np.float64]:
    """Calibration errors that a perfectly calibrated model shows by chance alone.

    The error is never zero on finite data: a bin of few items misses its confidence by luck. Labels are drawn from
    the model's own probabilities; of a drawn label only matters whether it is the likeliest class, which happens with
    the probability `confidence`.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the likeliest class.
    owner : ndarray of int64, shape (n,), optional
        Items with the same number share their luck, as the windows of one utterance do.
    draws : int, optional
        Number of draws.
    seed : int, optional
        Of the draws.

    Returns
    -------
    ndarray, shape (draws,)
        Values of `expected_calibration_error`.

    References
    ----------
    Vaicenavicius et al., "Evaluating model calibration in classification", AISTATS 2019, section 5.
    """
    bins = _bins(confidence)
    order = np.argsort(bins, kind="stable")
    sure = confidence[order]
    own = np.arange(len(order)) if owner is None else np.unique(owner, return_inverse=True)[1]
    own, n_owners = own[order], int(own.max()) + 1
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    expected = np.add.reduceat(sure, starts)
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(order))
    found = []
    for start in range(0, draws, step):
        luck = rng.random((min(step, draws - start), n_owners))
        hits = np.add.reduceat(luck[:, own] < sure, starts, axis=1, dtype=np.int64)
        found.append(np.abs(hits - expected).sum(axis=1) / len(order))
    return np.concatenate(found)


def reliability(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of a reliability diagram.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the likeliest class.
    correct : ndarray of bool, shape (n,)
        Whether that class is the true one.

    Returns
    -------
    tuple of Bin
        All 15, also those without items.
    """
    place = _bins(confidence)
    n = np.bincount(place, minlength=N_BINS)
    sure = np.bincount(place, weights=confidence, minlength=N_BINS)
    right = np.bincount(place, weights=correct, minlength=N_BINS)
    return tuple(
        Bin(
            low=float(_EDGES[i]),
            high=float(_EDGES[i + 1]),
            n=int(n[i]),
            confidence=float(sure[i] / n[i]) if n[i] else None,
            accuracy=float(right[i] / n[i]) if n[i] else None,
        )
        for i in range(N_BINS)
    )


def calibration(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    model: NDArray[np.int64],
    *,
    owner: NDArray[np.int64] | None = None,
    draws: int = 500,
    seed: int = 0,
) -> Calibration | None:
    """Calibration scores, averaged over models.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_labels)
        Rows of NaN (no prediction) are left out.
    truth : ndarray of int64, shape (n,)
        True classes.
    model : ndarray of int64, shape (n,)
        Which model (seed) said it; each is scored by itself, and all meet the same luck in the draws.
    owner : ndarray of int64, shape (n,), optional
        See `perfect_calibration_errors`.
    draws, seed : int, optional
        See `perfect_calibration_errors`.

    Returns
    -------
    Calibration or None
        None without predictions.

    References
    ----------
    Brier, "Verification of forecasts expressed in terms of probability", 1950: summed over classes, 0 to 2.
    """
    from sklearn.metrics import brier_score_loss, log_loss

    has = ~np.isnan(probabilities).any(axis=1)
    labels = list(range(probabilities.shape[1]))
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    eces, perfect, nlls, briers = [], [], [], []
    models = np.unique(model[has])
    for m in models:
        rows = has & (model == m)
        shares = None if owner is None else owner[rows]
        eces.append(expected_calibration_error(confidence[rows], correct[rows]))
        perfect.append(perfect_calibration_errors(confidence[rows], owner=shares, draws=draws, seed=seed))
        nlls.append(log_loss(truth[rows], probabilities[rows], labels=labels))
        briers.append(brier_score_loss(truth[rows], probabilities[rows], labels=labels, scale_by_half=False))
    if not eces:
        return None
    chance = np.mean(perfect, axis=0)
    return Calibration(
        n=round(int(has.sum()) / len(models)),
        ece=float(np.mean(eces)),
        perfect=float(chance.mean()),
        perfect_p95=float(np.percentile(chance, 95)),
        nll=float(np.mean(nlls)),
        brier=float(np.mean(briers)),
        bins=reliability(confidence[has], correct[has]),
    )

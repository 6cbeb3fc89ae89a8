"""What is fitted on the development speakers after training: a temperature, and thresholds of prediction sets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.recipe import Calibration, Conformal
from ser_toolkit.training.metrics import aggregate, fit_temperature, softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ser_toolkit.training.config import CalibrationConfig

__all__ = ["calibrate", "conformal", "threshold"]

_DIGITS = 1e6  # thresholds are rounded up to this, so that the graph's float32 does not push a recording out

_PROMISE = {
    "lac": "The share is over all recordings and labels together: single labels and single speakers may be far off it",
    "class-conditional": "The share is over all recordings of a label together: single speakers may be far off it",
}
_EXCHANGEABLE = (
    "It holds for recordings that are exchangeable with those the thresholds come from, which those of another speaker "
    "are not: expect less there. The same recordings chose the temperature, and the epoch if there are any, which "
    "favours them a little"
)


def calibrate(
    logits: NDArray[np.floating[Any]],
    owner: NDArray[np.int64],
    classes: NDArray[np.int64],
    *,
    labels: Sequence[str],
    config: CalibrationConfig,
    fitted_on: str,
) -> Calibration:
    """Fit everything that turns logits into probabilities and sets.

    Parameters
    ----------
    logits : ndarray, shape (n_windows, n_labels)
        Of the windows of the development speakers.
    owner : ndarray of int64, shape (n_windows,)
        Utterance of each window, an index into `classes`.
    classes : ndarray of int64, shape (n_utterances,)
        True class of each utterance. Utterances that no window belongs to do not count: they may be those of other
        parts, or too short for a window.
    labels : sequence of str
        Names of the classes.
    config : CalibrationConfig
        Method and alpha of the sets.
    fitted_on : str
        The data in words: ``"development speakers"``.

    Returns
    -------
    Calibration
        The temperature is fitted on windows, each utterance counting once; the thresholds on utterances, whose
        probabilities are the mean over their windows, as users see them.

    Raises
    ------
    ModelError
        If there is no window.
    """
    if not len(logits):
        raise ModelError("no development recording has a window to calibrate on: give longer or more recordings to dev")
    n_windows = np.bincount(owner, minlength=len(classes))
    temperature = float(f"{fit_temperature(logits, classes[owner], 1.0 / n_windows[owner]):.6g}")
    sets = None
    if config.method != "none":
        mean, has_window = aggregate(softmax(np.asarray(logits, dtype=np.float64) / temperature), owner, len(classes))
        sets = conformal(
            mean[has_window],
            classes[has_window],
            labels=labels,
            method=config.method,
            alpha=config.alpha,
            fitted_on=fitted_on,
        )
    return Calibration(temperature=temperature, fitted_on=fitted_on, conformal=sets)


def conformal(
    probabilities: NDArray[np.floating[Any]],
    classes: NDArray[np.int64],
    *,
    labels: Sequence[str],
    method: Literal["lac", "class-conditional"],
    alpha: float,
    fitted_on: str,
) -> Conformal:
    """Thresholds of split-conformal prediction sets.

    A recording's score is 1 - p of its true label. A label is later in the set if its own 1 - p is at most the
    threshold; the likeliest is always in it, so that no set is empty, which can only add labels.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_labels)
        Calibrated probabilities of recordings that took no part in fitting weights, n at least 1.
    classes : ndarray of int64, shape (n,)
        Their true classes.
    labels : sequence of str
        Names of the classes.
    method : {"lac", "class-conditional"}
        One threshold from all recordings: the smallest sets on average. Or one per label from its recordings only
        (Mondrian): rare and difficult labels are covered too, by larger sets.
    alpha : float
        Share of recordings whose set may lack the truth, above 0 and below 1.
    fitted_on : str
        The data in words.

    Returns
    -------
    Conformal
        With the limits of the promise in `note`.

    References
    ----------
    Vovk, Gammerman, Shafer, "Algorithmic learning in a random world", Springer 2005, chapter 4: inductive and Mondrian
    conformal predictors.

    Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal of the
    American Statistical Association 114(525), 2019: the score, and both methods.
    """
    scores = 1.0 - np.asarray(probabilities, dtype=np.float64)[np.arange(len(classes)), classes]
    if method == "lac":
        found = [threshold(scores, alpha)] * len(labels)
        few = [] if _rank(len(scores), alpha) <= len(scores) else [f"all labels ({len(scores)})"]
    else:
        groups = [scores[classes == i] for i in range(len(labels))]
        found = [threshold(group, alpha) for group in groups]
        few = [f"{x} ({len(g)})" for x, g in zip(labels, groups, strict=True) if _rank(len(g), alpha) > len(g)]
    note = f"{_PROMISE[method]}. {_EXCHANGEABLE}"
    if few:
        shown = ", ".join(few[:20]) + (", ..." if len(few) > 20 else "")
        note += f". Too few recordings for alpha = {alpha:g}, so always in the set: {shown}"
    return Conformal(
        method=method, alpha=alpha, thresholds=tuple(found), n=len(scores), fitted_on=fitted_on, note=note[:4000]
    )


def threshold(scores: NDArray[np.float64], alpha: float) -> float:
    """The k-th smallest score, k = ceil((n + 1)(1 - alpha)): a new one is at most that with probability 1 - alpha.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        0 to 1.
    alpha : float
        Above 0 and below 1.

    Returns
    -------
    float
        0 to 1, rounded up to six decimals; 1, which lets everything in, if k > n.
    """
    k = _rank(len(scores), alpha)
    if k > len(scores):
        return 1.0
    return min(1.0, math.ceil(float(np.sort(scores)[k - 1]) * _DIGITS) / _DIGITS)


def _rank(n: int, alpha: float) -> int:
    # 0.3 * 10 is 3.0000000000000004: without the allowance its ceiling would be 4
    return max(1, math.ceil((n + 1) * (1 - alpha) - 1e-9))

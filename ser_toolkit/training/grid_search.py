"""Fitting an estimator with its speakers known: settings are chosen by cross-validation that keeps speakers whole."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["N_FOLDS", "fit_by_speaker", "groups_of"]

N_FOLDS = 5
"""Most inner folds; fewer where there are fewer training speakers."""


def groups_of(owner: NDArray[np.int64], speakers: Sequence[str | None] | None) -> NDArray[np.int64]:
    """Which windows may not be on two sides of an inner fold.

    Parameters
    ----------
    owner : ndarray of int64, shape (n_windows,)
        Utterance of each window.
    speakers : sequence of str or None, optional
        Speaker of every utterance.

    Returns
    -------
    ndarray of int64, shape (n_windows,)
        One number per speaker; per utterance where the speaker is not known, or all windows are of one speaker.
    """
    if speakers is None:
        return owner
    names = np.array([f"speaker {s}" if s is not None else f"utterance {i}" for i, s in enumerate(speakers)])
    groups = np.unique(names[owner], return_inverse=True)[1].astype(np.int64)
    return groups if len(np.unique(groups)) > 1 else owner


def fit_by_speaker(estimator: Any, x: NDArray[Any], y: NDArray[Any], *, groups: NDArray[np.int64]) -> Any:
    """Fit an estimator; of a grid search, keep the best one.

    A ``GridSearchCV`` or ``RandomizedSearchCV`` of scikit-learn gets the folds of this function in place of its own
    ``cv``: at most `N_FOLDS`, each with the windows of whole groups. What it finds is fitted to all windows. Any other
    estimator whose ``fit`` has a parameter ``groups`` is given them.

    Parameters
    ----------
    estimator : object
        Of scikit-learn, unfitted.
    x : ndarray of float32, shape (n_windows, n_features)
        Standardized features.
    y : ndarray of int64, shape (n_windows,)
        Classes.
    groups : ndarray of int64, shape (n_windows,)
        From `groups_of`.

    Returns
    -------
    object
        The fitted estimator: `estimator` itself, or the best one of a search.

    Raises
    ------
    ValueError
        As the estimator; or if a search has one group only.
    """
    from sklearn.model_selection import GridSearchCV, GroupKFold, RandomizedSearchCV

    if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise ValueError("settings cannot be chosen by cross-validation: all windows are of one utterance")
        folds = list(GroupKFold(min(N_FOLDS, n_groups)).split(x, y, groups))
        estimator.set_params(cv=folds)
        with warnings.catch_warnings():  # a speaker need not utter all classes
            warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
            estimator.fit(x, y)
        return estimator.best_estimator_
    if "groups" in inspect.signature(estimator.fit).parameters:
        estimator.fit(x, y, groups=groups)
    else:
        estimator.fit(x, y)
    return estimator

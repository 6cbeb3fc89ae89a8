"""The estimator of `ser_toolkit_baselines.lee_2011`, in scikit-learn. Import only where one is fitted or read."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BinaryTree"]

N_FOLDS = 3
"""Inner folds by which pairs of classes are compared."""


class BinaryTree(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classes enter one after the other; each level sets the winner so far against the next.

    Any class that entered may be the winner, so the tree of n classes has a node for each of its n (n - 1) / 2 pairs.

    Parameters
    ----------
    order : tuple of int
        Classes in the order in which they enter; empty: found from the data.
    last : int
        Class that is kept for the end where the order is found; -1: none.
    n_features : int
        Most features of a node.
    selection_C, C : float
        Inverse strength of the penalties of selection and node.
    seed : int
        Of the solver that selects.

    Attributes
    ----------
    classes_ : ndarray
        The classes that were seen, sorted.
    order_ : ndarray of int64
        Indices into `classes_` in the order in which they enter.
    coef_ : ndarray of float64, shape (n_classes, n_classes, n_features)
        Weights of the log odds that the first class beats the second; 0 for features that the node does not use.
    intercept_ : ndarray of float64, shape (n_classes, n_classes)
        Their constants.
    """

    def __init__(
        self,
        order: tuple[int, ...] = (),
        last: int = -1,
        n_features: int = 60,
        selection_C: float = 0.05,
        C: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.order = order
        self.last = last
        self.n_features = n_features
        self.selection_C = selection_C
        self.C = C
        self.seed = seed

    def fit(self, X: NDArray[Any], y: NDArray[Any], groups: NDArray[np.int64] | None = None) -> Self:
        """Fit all nodes; `groups` (n,) are the speakers, whom the search for an order keeps whole."""
        X = np.asarray(X, dtype=np.float64)
        self.classes_, y = np.unique(y, return_inverse=True)
        self.n_features_in_ = X.shape[1]
        n = len(self.classes_)
        if n < 2:
            raise ValueError("a tree needs segments of two classes")
        given = [int(np.flatnonzero(self.classes_ == c)[0]) for c in self.order if c in self.classes_]
        groups = np.arange(len(y)) if groups is None else groups
        self.order_ = np.array(given or self._found_order(X, y, groups), dtype=np.int64)
        self.coef_, self.intercept_ = np.zeros((n, n, X.shape[1])), np.zeros((n, n))
        for a, b in combinations(range(n), 2):
            coef, intercept = self._node(X, y, a, b)
            self.coef_[a, b], self.coef_[b, a] = coef, -coef
            self.intercept_[a, b], self.intercept_[b, a] = intercept, -intercept
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of each class, (n, n_classes): of all paths through the tree that end at it."""
        X = np.asarray(X, dtype=np.float64)
        wins = np.zeros((len(X), len(self.classes_)))
        first, *others = self.order_.tolist()
        wins[:, first] = 1.0
        for level, challenger in enumerate(others, start=1):
            for champion in self.order_[:level].tolist():
                stays = wins[:, champion] * self._beats(X, champion, challenger)
                wins[:, challenger] += wins[:, champion] - stays
                wins[:, champion] = stays
        return wins

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """The likeliest class, (n,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _beats(self, X: NDArray[np.float64], a: int, b: int) -> NDArray[np.float64]:
        odds = X @ self.coef_[a, b] + self.intercept_[a, b]
        return np.asarray(0.5 * (1 + np.tanh(odds / 2)))

    def _node(self, X: NDArray[np.float64], y: NDArray[Any], a: int, b: int) -> tuple[NDArray[np.float64], float]:
        """Weights and constant of the log odds of `a` against `b`, by their segments alone."""
        rows = (y == a) | (y == b)
        X, won = X[rows], y[rows] == a
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a solver that did not converge: the ranking is what counts
            selector = LinearSVC(
                penalty="l1", dual=False, C=self.selection_C, class_weight="balanced", random_state=self.seed, tol=1e-3
            ).fit(X, won)
        weights = np.abs(selector.coef_[0])
        some = np.argsort(-weights, kind="stable")[: self.n_features]
        some = some[weights[some] > 0] if weights.any() else some
        node = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000).fit(X[:, some], won)
        coef = np.zeros(X.shape[1])
        coef[some] = node.coef_[0]
        return coef, float(node.intercept_[0])

    def _found_order(self, X: NDArray[np.float64], y: NDArray[Any], groups: NDArray[np.int64]) -> list[int]:
        n = len(self.classes_)
        apart = np.zeros((n, n))
        for a, b in combinations(range(n), 2):
            apart[a, b] = apart[b, a] = self._recall(X, y, groups, a, b)
        left = [c for c in range(n) if self.classes_[c] != self.last] if n > 2 else list(range(n))
        first: tuple[int, int] = max(combinations(left, 2), key=lambda pair: float(apart[pair]))
        order = [*first]
        while rest := [c for c in left if c not in order]:
            order.append(max(rest, key=lambda c: apart[c, order].mean()))
        return order + [c for c in range(n) if c not in order]

    def _recall(self, X: NDArray[np.float64], y: NDArray[Any], groups: NDArray[np.int64], a: int, b: int) -> float:
        """Mean recall of a pair on inner folds of whole groups; 0.5, chance, where it cannot be measured."""
        rows = (y == a) | (y == b)
        X, y, groups = X[rows], y[rows], groups[rows]
        if len(np.unique(groups)) < N_FOLDS or min(np.bincount(y)[[a, b]]) < N_FOLDS:
            return 0.5
        found = []
        for train, test in StratifiedGroupKFold(N_FOLDS).split(X, y, groups):
            if len(np.unique(y[train])) == 2:
                coef, intercept = self._node(X[train], y[train], a, b)
                said = np.where(X[test] @ coef + intercept > 0, a, b)
                found.append(recall_score(y[test], said, labels=np.unique(y[test]), average="macro"))
        return float(np.mean(found)) if found else 0.5

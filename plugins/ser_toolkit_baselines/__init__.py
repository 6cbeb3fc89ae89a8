"""Classical learners to compare networks with."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_baselines.classical import LogisticRegression, RandomForest, Svm

__all__ = ["LogisticRegression", "RandomForest", "Svm"]


@hookimpl
def ser_register_models() -> list[type]:
    """Support vector machine, random forest and logistic regression."""
    return [LogisticRegression, RandomForest, Svm]

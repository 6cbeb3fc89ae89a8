"""Classical learners, and a feature for them, to compare networks with."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_baselines.boosting import GradientBoosting
from ser_toolkit_baselines.classical import LogisticRegression, RandomForest, Svm
from ser_toolkit_baselines.mel_functionals import MelFunctionals
from ser_toolkit_baselines.neighbours import KNearestNeighbours

__all__ = ["GradientBoosting", "KNearestNeighbours", "LogisticRegression", "MelFunctionals", "RandomForest", "Svm"]


@hookimpl
def ser_register_features() -> list[type]:
    """Statistics of mel bands: what a spectrogram is to a learner of vectors."""
    return [MelFunctionals]


@hookimpl
def ser_register_models() -> list[type]:
    """Support vector machine, random forest, logistic regression, nearest neighbours and boosted trees."""
    return [LogisticRegression, RandomForest, Svm, KNearestNeighbours, GradientBoosting]

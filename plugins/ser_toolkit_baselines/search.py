"""Settings of which a learner may be given several values, to choose among by cross-validation over speakers."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from annotated_types import MinLen

__all__ = ["Several", "searched"]

T = TypeVar("T")

Several = Annotated[tuple[T, ...], MinLen(1)]
"""Values to choose among; in a configuration a list: ``C = [0.25, 1, 4]``."""


def searched(estimator: Any, **settings: Any) -> Any:
    """An estimator with its settings, or the search for those that are given several values.

    Parameters
    ----------
    estimator : object
        Of scikit-learn, unfitted; changed.
    **settings : object
        Its parameters. A tuple holds the values to choose among.

    Returns
    -------
    object
        The estimator; or, if there is anything to choose, a ``GridSearchCV`` around it that takes the combination of
        the highest UA per segment. `ser_toolkit.training.grid_search.fit_by_speaker` gives it folds of whole speakers;
        fitted without, it refuses.
    """
    estimator.set_params(**{key: value for key, value in settings.items() if not isinstance(value, tuple)})
    grid = {key: list(value) for key, value in settings.items() if isinstance(value, tuple)}
    if not grid:
        return estimator
    from sklearn.model_selection import GridSearchCV, GroupKFold

    return GridSearchCV(estimator, grid, scoring="balanced_accuracy", cv=GroupKFold(), error_score="raise")

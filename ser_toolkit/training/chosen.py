"""Which settings the inner cross-validation of a learner chose, read from what was fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.training.checkpoint import is_classical, load_classifier

if TYPE_CHECKING:
    from ser_toolkit.training.plan import Plan

__all__ = ["chosen_in_folds", "chosen_settings"]


def chosen_settings(plan: Plan, estimator: Any) -> dict[str, str]:
    """Values of the settings that there was a choice of.

    Parameters
    ----------
    plan : Plan
        Of the model, whose search says what there was to choose.
    estimator : object
        As fitted, or read from a run folder.

    Returns
    -------
    dict
        Setting, as scikit-learn calls it, to its value as text; empty for a network, and where nothing was chosen.
    """
    if not isinstance(plan.model, ClassicalModel):
        return {}
    search = plan.model.estimator(plan.features.specs(), plan.target, seed=0)
    grids = getattr(search, "param_grid", None) or getattr(search, "param_distributions", None) or {}
    names = dict.fromkeys(name for grid in (grids if isinstance(grids, list) else [grids]) for name in grid)
    params = estimator.get_params() if names else {}
    return {name.rpartition("__")[2]: _text(params[name]) for name in names if name in params}


def chosen_in_folds(plan: Plan, folders: Iterable[Path]) -> str:
    """What was chosen in the folds of a cross-validation.

    Parameters
    ----------
    plan : Plan
        What was fitted.
    folders : iterable of Path
        Of the fold models; those that were not kept are left out.

    Returns
    -------
    str
        Such as ``"C = 1 (3 of 5 folds); C = 4 (2 of 5 folds)"``, the commonest first; empty where nothing was chosen.
    """
    if not isinstance(plan.model, ClassicalModel):
        return ""
    kept = [folder for folder in folders if is_classical(folder)]
    rows = [chosen_settings(plan, load_classifier(folder, plan.registry)[1].estimator) for folder in kept]
    counts = Counter(", ".join(f"{name} = {value}" for name, value in row.items()) for row in rows if row)
    return "; ".join(f"{text} ({n} of {len(rows)} folds)" for text, n in counts.most_common())


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

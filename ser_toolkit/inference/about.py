"""What is said of a run beside its results: the model, its windows and probabilities, and where it ran."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING

import ser_toolkit
from ser_toolkit.recipe_components import library_versions

if TYPE_CHECKING:
    from ser_toolkit.inference.aggregation import Aggregation
    from ser_toolkit.inference.front_end import FrontEnd
    from ser_toolkit.recipe import Recipe

__all__ = ["about_model", "about_probabilities", "about_sets", "environment"]


def about_model(recipe: Recipe) -> dict[str, str]:
    """Lines of a model's card that its recipe carries: network, steps, protocol, scores on held-out speakers, terms."""
    lines = {"network": recipe.model.name, "made with": f"ser-toolkit {recipe.ser_toolkit}"}
    if recipe.preprocess:
        lines["preprocess"] = ", ".join(step.name for step in recipe.preprocess)
    if losses := [entry.name for entry in (recipe.loss, *(t.loss for t in recipe.targets)) if entry is not None]:
        lines["loss"] = " + ".join(losses)
    if recipe.training is not None:
        lines["protocol"] = recipe.training.protocol
        lines |= _scores(recipe.training.metrics)
    if recipe.license:
        lines["licence"] = recipe.license
    return lines


def _scores(metrics: Mapping[str, object]) -> dict[str, str]:
    test = metrics.get("test")
    level, dimensions = (test.get(key) if isinstance(test, Mapping) else None for key in ("utterance", "dimensions"))
    found: list[tuple[str, object]] = []
    if isinstance(level, Mapping):
        found += [("UA", level.get("UA (macro recall)")), ("WA", level.get("WA (accuracy)"))]
    if isinstance(dimensions, Mapping):
        found += [(f"CCC of {name}", each.get("ccc")) for name, each in dimensions.items() if isinstance(each, Mapping)]
    shown = [f"{name} {value:.3f}" for name, value in found if isinstance(value, float)]
    return {"scores": f"{', '.join(shown)} on held-out speakers"} if shown else {}


def about_probabilities(recipe: Recipe) -> str:
    """How probabilities came about; empty if the model gives none."""
    if not recipe.labels:
        return ""
    return f"calibrated on {recipe.calibration.fitted_on}" if recipe.calibration else "raw (never calibrated)"


def about_sets(recipe: Recipe, aggregation: Aggregation) -> str:
    """What prediction sets promise, and where from; or why there are none."""
    sets = recipe.conformal
    if not recipe.labels:
        return ""
    if sets is None:
        return "none (the model has no thresholds)"
    if aggregation != "mean":
        return f"none for files (the thresholds belong to the mean over windows, not to {aggregation})"
    share = f"{100 * (1 - sets.alpha):.3g} % of recordings"
    each = " of each emotion" if sets.method == "class-conditional" else ""
    return (
        f"hold the true emotion in {share}{each} like the {sets.n} that they were calibrated on "
        f"({sets.fitted_on}); for other voices and rooms less often"
    )


def environment(front: FrontEnd) -> dict[str, str]:
    """Versions behind the numbers, and the kind of machine."""
    versions = library_versions(dict(front.features.extractors), preprocess=front.features.preprocess)
    for name in ("onnxruntime-gpu", "onnxruntime"):
        try:
            versions["onnxruntime"] = importlib.metadata.version(name)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "ser-toolkit": ser_toolkit.__version__,
        "Python": platform.python_version(),
        **versions,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }

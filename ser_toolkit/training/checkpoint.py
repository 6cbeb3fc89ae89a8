"""A run folder: recipe.json beside weights that hold numbers only (safetensors, or skops for estimators)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.errors import MissingTierError, ModelError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.recipe import Recipe
from ser_toolkit.recipe_components import extractors_of, resolve
from ser_toolkit.training import stored_estimator
from ser_toolkit.training.standardize import Standardization

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.network import StandardizedNetwork

__all__ = [
    "ESTIMATOR",
    "RECIPE",
    "WEIGHTS",
    "Classifier",
    "load_classifier",
    "load_network",
    "read_recipe",
    "save_run",
]

RECIPE = "recipe.json"
WEIGHTS = "weights.safetensors"
ESTIMATOR = "estimator.skops"
SAMPLES = "samples.safetensors"


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A fitted scikit-learn estimator with the standardization of its inputs.

    Parameters
    ----------
    estimator : object
        Fitted.
    standardization : dict
        Input name to statistics, in the order in which inputs are concatenated.
    n_classes : int
        Columns of the logits.
    stored_types : tuple of str
        Types of its plugin's own that the estimator may hold, see `ser_toolkit.interfaces.ClassicalModel`.
    """

    estimator: Any
    standardization: dict[str, Standardization]
    n_classes: int
    stored_types: tuple[str, ...] = ()

    def flatten(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """Standardize, flatten and concatenate features (batch, *shape) into float32 (batch, n)."""
        parts = [s(batch[key]).reshape(len(batch[key]), -1) for key, s in self.standardization.items()]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def logits(self, flat: np.ndarray) -> np.ndarray:
        """Logits of flattened features, float64 (batch, n_classes): log probabilities, or decision scores.

        Raises
        ------
        ModelError
            If the estimator gives something else than one column a class.
        """
        if hasattr(self.estimator, "predict_proba"):
            given = np.log(np.clip(self.estimator.predict_proba(flat), 1e-7, 1.0))
        else:
            given = np.asarray(self.estimator.decision_function(flat))
            if given.ndim == 1:  # scikit-learn's shape for two classes
                given = np.stack([-given, given], axis=1)
        if given.shape != (len(flat), self.n_classes):
            raise ModelError(
                f"{type(self.estimator).__name__} gave scores of shape {given.shape}, not (n, {self.n_classes})"
            )
        return np.asarray(given, dtype=np.float64)


def save_run(folder: Path, recipe: Recipe, weights: dict[str, torch.Tensor] | Classifier) -> None:
    """Write weights, then the recipe, each as a whole; a folder with a recipe is complete.

    Parameters
    ----------
    folder : Path
        Run folder.
    recipe : Recipe
        Recipe with training and calibration.
    weights : dict of Tensor, or Classifier
        State of a `StandardizedNetwork`, or a fitted estimator.

    Raises
    ------
    ModelError
        If the estimator holds a type that cannot be stored; see `stored_estimator.check_storable`.
    """
    if isinstance(weights, Classifier):
        from safetensors.numpy import save

        atomic.write_bytes(folder / ESTIMATOR, stored_estimator.dump(weights.estimator, also=weights.stored_types))
        arrays = {
            f"{part}_{k}": getattr(s, part) for k, s in weights.standardization.items() for part in ("mean", "scale")
        }
        atomic.write_bytes(folder / WEIGHTS, save(arrays))
    else:
        from safetensors.torch import save as save_tensors

        atomic.write_bytes(folder / WEIGHTS, save_tensors({k: v.contiguous() for k, v in weights.items()}))
    atomic.write_text(folder / RECIPE, recipe.to_json() + "\n")


def read_recipe(folder: Path) -> Recipe:
    """Recipe of a finished run.

    Parameters
    ----------
    folder : Path
        Run folder.

    Returns
    -------
    Recipe
        Checked.

    Raises
    ------
    ModelError
        If this is no run folder, or its training has not finished.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder: give the run folder that `ser-toolkit train --out` wrote")
    path = folder / RECIPE
    if not path.is_file():
        unfinished = (folder / "config.json").is_file()
        hint = (
            "its training has not finished; go on with `ser-toolkit train ... --resume`"
            if unfinished
            else "no run folder"
        )
        raise ModelError(f"{folder} has no {RECIPE}: {hint}")
    try:
        return Recipe.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def save_samples(folder: Path, batch: dict[str, np.ndarray]) -> None:
    """Keep the features of a few real windows, which an export is compared on.

    Parameters
    ----------
    folder : Path
        Run folder.
    batch : dict of str to ndarray
        From `ser_toolkit.inference.collate.collate`.
    """
    from safetensors.numpy import save

    atomic.write_bytes(folder / SAMPLES, save(batch))


def read_samples(folder: Path) -> dict[str, np.ndarray]:
    """Features of the windows that `save_samples` kept.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(folder / SAMPLES))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder / SAMPLES}: missing or damaged: {error}") from error


def specs_of(recipe: Recipe, registry: Registry) -> dict[str, FeatureSpec]:
    """Shapes of the model's inputs, from its extractors."""
    from ser_toolkit.features import FeatureSet

    return FeatureSet(
        extractors=extractors_of(recipe, registry),
        segmentation=recipe.segments,
        sr=recipe.sr,
        scopes={key: entry.scope for key, entry in recipe.features.items()},
    ).specs()


def load_network(folder: Path, registry: Registry) -> tuple[Recipe, StandardizedNetwork]:
    """Network of a finished run, in eval mode on CPU.

    Parameters
    ----------
    folder : Path
        Run folder.
    registry : Registry
        Where components are looked up.

    Returns
    -------
    recipe : Recipe
        Its recipe.
    network : StandardizedNetwork
        With the weights of the best epoch.

    Raises
    ------
    ModelError
        If the weights are missing, damaged, or of another network.
    MissingTierError
        If torch is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from ser_toolkit.training.network import StandardizedNetwork
    except ImportError as error:
        raise MissingTierError("a network in a run folder", "train", error.name) from error

    recipe = read_recipe(folder)
    specs = specs_of(recipe, registry)
    component = resolve(registry, "model", recipe.model)
    network = StandardizedNetwork(component.build(specs, [t.spec() for t in recipe.targets]), specs)
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder / WEIGHTS}: missing or damaged: {error}") from error
    except RuntimeError as error:
        raise ModelError(f"{folder / WEIGHTS} does not fit the network of its recipe: {str(error)[:300]}") from error
    return recipe, network.eval()


def load_classifier(folder: Path, registry: Registry | None = None) -> tuple[Recipe, Classifier]:
    """Estimator of a finished run; nothing but types of scikit-learn, numpy and the model's own plugin is loaded.

    Parameters
    ----------
    folder : Path
        Run folder.
    registry : Registry, optional
        Where the model is looked up, for the types of its own; default: the installed plugins.

    Returns
    -------
    recipe : Recipe
        Its recipe.
    classifier : Classifier
        Fitted.

    Raises
    ------
    ModelError
        If the files are missing, damaged, or hold types that are not trusted.
    RecipeError
        If the model has types of its own, and the installed plugin is of another version.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingTierError("a classical model in a run folder", "train", error.name) from error

    recipe = read_recipe(folder)
    own = _stored_types(recipe, registry)
    try:
        estimator = stored_estimator.load((folder / ESTIMATOR).read_bytes(), also=own)
        arrays = load_file(folder / WEIGHTS)
        standardization = {
            key: Standardization(mean=arrays[f"mean_{key}"], scale=arrays[f"scale_{key}"]) for key in recipe.features
        }
    except ModelError as error:
        raise ModelError(f"{folder / ESTIMATOR}: {error}") from error
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: {ESTIMATOR} or {WEIGHTS} is missing or damaged: {error}") from error
    return recipe, Classifier(
        estimator=estimator, standardization=standardization, n_classes=len(recipe.labels), stored_types=own
    )


def _stored_types(recipe: Recipe, registry: Registry | None) -> tuple[str, ...]:
    """Types of its own that the installed model says it stores; none if it is not installed."""
    from ser_toolkit.plugin_registry import default_registry

    registry = registry or default_registry()
    if recipe.model.name not in {c.name for c in registry.components("model")}:
        return ()
    types: tuple[str, ...] = tuple(getattr(registry.find("model", recipe.model.name).cls, "stored_types", ()))
    if types:
        resolve(registry, "model", recipe.model)
    return types


def is_classical(folder: Path) -> bool:
    """Whether a run folder holds a scikit-learn estimator."""
    return (folder / ESTIMATOR).is_file()

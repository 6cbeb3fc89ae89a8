"""Finished models of any kind as functions from a batch of features to calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError, RecipeError
from ser_toolkit.inference.session import open_session, recipe_text
from ser_toolkit.models import bundled
from ser_toolkit.recipe import Recipe
from ser_toolkit.training import checkpoint
from ser_toolkit.training.export import calibrated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.plugin_registry import Registry

    Ask = Callable[[dict[str, NDArray[Any]]], NDArray[np.float64]]

__all__ = ["open_teacher", "recipe_of"]


def recipe_of(name: str) -> tuple[Recipe, Path]:
    """Recipe of a finished model, and where the model is.

    Parameters
    ----------
    name : str
        A run folder, an exported ``.onnx`` file, or the name of a bundled model.

    Returns
    -------
    recipe : Recipe
        Checked.
    path : Path
        Folder or file.

    Raises
    ------
    ModelError, RecipeError
        If there is none, or it cannot be read.
    """
    if name not in bundled.names() and Path(name).is_dir():
        return checkpoint.read_recipe(Path(name)), Path(name)
    path = bundled.resolve(name)
    try:
        return Recipe.from_json(recipe_text(open_session(path, device="cpu"), path)), path
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def open_teacher(path: Path, recipe: Recipe, *, device: str, registry: Registry) -> Ask:
    """Load a finished model.

    Parameters
    ----------
    path : Path
        From `recipe_of`.
    recipe : Recipe
        Its recipe.
    device : str
        Where a network runs: ``"cpu"``, ``"cuda"``, ``"cuda:0"``; estimators and ONNX files run on the CPU.
    registry : Registry
        Where components are looked up.

    Returns
    -------
    callable
        From a batch of `ser_toolkit.inference.collate.collate` to probabilities, float64 (batch, n_labels).

    Raises
    ------
    ModelError
        If the weights are missing, damaged, or give something else than probabilities.
    """
    if path.is_file():
        session, target = open_session(path, device="cpu"), recipe.targets[0].name
        return lambda batch: np.asarray(session.run(target, batch), dtype=np.float64)
    if checkpoint.is_classical(path):
        _, classifier = checkpoint.load_classifier(path, registry)
        return lambda batch: calibrated(classifier.logits(classifier.flatten(batch)), recipe)
    import torch

    _, network = checkpoint.load_network(path, registry)
    network = network.to(device)

    def ask(batch: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        with torch.inference_mode():
            outputs = network(**{key: torch.from_numpy(array).to(device) for key, array in batch.items()})
            logits = outputs[recipe.targets[0].name]
        said = calibrated(logits.float().cpu().numpy(), recipe)
        if not np.isfinite(said).all():
            raise ModelError(f"{path}: the teacher gives values that are not finite")
        return said

    return ask

"""Fitted models as functions from the features of windows to logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.training import checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.inference.model import Model
    from ser_toolkit.plugin_registry import Registry

    Batch = dict[str, NDArray[Any]]
    Ask = Callable[[Batch], NDArray[np.float64]]

__all__ = ["finished_model", "fold_model"]

_TINY = 1e-12


def fold_model(folder: Path, *, device: str, registry: Registry) -> Ask:
    """Model of a fold, as cross-validation keeps it.

    Parameters
    ----------
    folder : Path
        With a recipe and weights.
    device : {"auto", "cpu", "cuda"}
        Where a network runs; estimators run on the CPU.
    registry : Registry
        Where components are looked up.

    Returns
    -------
    callable
        From a batch of `ser_toolkit.inference.collate.collate` to logits, float64 (batch, n_labels).

    Raises
    ------
    ModelError
        If the files are missing or damaged.
    """
    if checkpoint.is_classical(folder):
        _, classifier = checkpoint.load_classifier(folder, registry)
        return lambda batch: classifier.logits(classifier.flatten(batch))
    import torch

    recipe, network = checkpoint.load_network(folder, registry)
    place = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    network = network.to(place)

    def ask(batch: Batch) -> NDArray[np.float64]:
        with torch.inference_mode():
            given = {key: torch.from_numpy(array).to(place) for key, array in batch.items()}
            logits = network(**given)[recipe.targets[0].name]
            return np.asarray(logits.double().cpu().numpy())

    return ask


def finished_model(model: Model) -> Ask:
    """An open model: log probabilities times its temperature, which are logits but for a constant.

    Parameters
    ----------
    model : Model
        Open on a device.

    Returns
    -------
    callable
        As of `fold_model`.
    """
    target = model.recipe.targets[0].name
    temperature = model.recipe.calibration.temperature if model.recipe.calibration else 1.0

    def ask(batch: Batch) -> NDArray[np.float64]:
        probabilities = np.asarray(model.session.run(target, batch), dtype=np.float64)
        return np.log(np.maximum(probabilities, _TINY)) * temperature

    return ask

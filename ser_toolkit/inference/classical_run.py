"""A run folder of a classical model, open like an exported model: for models that have no exact ONNX form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.recipe import METADATA_KEY
from ser_toolkit.training import checkpoint
from ser_toolkit.training.export_classical import probabilities

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ser_toolkit.inference.session import Session
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.checkpoint import Classifier

__all__ = ["ClassicalRun", "open_run"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output, as ONNX Runtime describes it.

    Parameters
    ----------
    name : str
        Name of the target.
    shape : tuple
        ``("batch", n_labels)``.
    """

    name: str
    shape: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class ClassicalRun:
    """A fitted estimator with the two methods of ``onnxruntime.InferenceSession`` that the toolkit calls.

    Parameters
    ----------
    recipe : Recipe
        Of the run.
    classifier : Classifier
        Estimator and standardization.
    """

    recipe: Recipe
    classifier: Classifier

    def run(self, outputs: Sequence[str], features: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Calibrated probabilities (batch, n_labels) of features (batch, *shape), once per name in `outputs`."""
        said = probabilities(self.classifier, self.recipe, dict(features)).astype(np.float32)
        return [said] * len(outputs)

    def get_outputs(self) -> list[Output]:
        """The probabilities."""
        return [Output(name=self.recipe.targets[0].name, shape=("batch", len(self.recipe.labels)))]


def open_run(folder: Path, *, fallback: str = "") -> Session:
    """Open the run folder of a classical model; it runs on the CPU.

    Parameters
    ----------
    folder : Path
        From ``ser-toolkit train``.
    fallback : str, optional
        Why it does not run on a GPU, as of `Session`.

    Returns
    -------
    Session
        Answers as the exported model would.

    Raises
    ------
    ModelError, RecipeError
        If the folder is damaged, or a plugin is missing.
    MissingTierError
        Without scikit-learn, skops or safetensors.
    """
    from ser_toolkit.inference.session import Session
    from ser_toolkit.plugin_registry import default_registry

    registry = default_registry()
    recipe, classifier = checkpoint.load_classifier(folder, registry)
    specs = checkpoint.specs_of(recipe, registry)
    return Session(
        session=ClassicalRun(recipe=recipe, classifier=classifier),
        device="cpu",
        metadata={METADATA_KEY: recipe.to_json()},
        inputs={key: (None, *spec.shape) for key, spec in specs.items()},
        fallback=fallback,
    )

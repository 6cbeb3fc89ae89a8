"""Scores of a run at both levels, and the files of a run folder."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.training import checkpoint
from ser_toolkit.training.agreement import Agreement, agreement
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.metrics import Scores, score
from ser_toolkit.training.run_files import utterance_means, utterance_probabilities, write_csv, write_predictions_csv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore

__all__ = ["PartScores", "TrainResult", "read_result", "score_part", "write_results"]

METRICS = "metrics.json"
EPOCHS = "epochs.csv"
_LOST = "utterances without a window (counted as errors)"
_DIMENSIONS = "dimensions"


@dataclass(frozen=True, kw_only=True)
class PartScores:
    """Scores of one part of the split at both levels.

    Parameters
    ----------
    window, utterance : Scores or None
        Per window; and per utterance, whose probabilities are the mean over its windows. An utterance without
        a window counts as an error. None without classes.
    n_without_window : int
        Utterances that the segmentation drops.
    dimensions : dict of str to Agreement
        Per utterance, whose values are the mean over its windows; those without a window or a rating do not count.
    """

    window: Scores | None
    utterance: Scores | None
    n_without_window: int
    dimensions: dict[str, Agreement] = field(default_factory=dict)

    @property
    def levels(self) -> dict[str, Scores]:
        """Scores of the classes per utterance and per window; empty without classes."""
        both = {"utterance": self.utterance, "window": self.window}
        return {name: scores for name, scores in both.items() if scores is not None}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        data: dict[str, Any] = {name: scores.to_json() for name, scores in self.levels.items()}
        data[_LOST] = self.n_without_window
        if self.dimensions:
            data[_DIMENSIONS] = {name: found.to_json() for name, found in self.dimensions.items()}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PartScores:
        """Read what `to_json` wrote."""
        return cls(
            utterance=Scores.from_json(data["utterance"]) if "utterance" in data else None,
            window=Scores.from_json(data["window"]) if "window" in data else None,
            n_without_window=data[_LOST],
            dimensions={name: Agreement.from_json(found) for name, found in data.get(_DIMENSIONS, {}).items()},
        )


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a finished run gave.

    Parameters
    ----------
    run_dir : Path
        The run folder.
    recipe : Recipe
        As stored there.
    protocol : str
        How the data were divided; belongs beside every score.
    dev : PartScores
        Scores on the speakers that chose the epoch: optimistic.
    test : PartScores or None
        Scores on speakers that nothing was chosen on; None without a test part.
    epochs : tuple of Epoch
        Empty for a classical model.
    excluded : dict
        Manifest key of each recording that could not be used, and why.
    warnings : tuple of str
        What a reader of the scores has to know.
    chosen : dict of str to str
        Settings that the inner cross-validation of a classical model chose; empty where it had no choice.
    """

    run_dir: Path
    recipe: Recipe
    protocol: str
    dev: PartScores
    test: PartScores | None
    epochs: tuple[Epoch, ...]
    excluded: dict[str, str]
    warnings: tuple[str, ...]
    chosen: dict[str, str] = field(default_factory=dict)


def score_part(
    logits: NDArray[np.floating[Any]],
    store: FeatureStore,
    indices: Sequence[int],
    classes: NDArray[np.int64],
    labels: tuple[str, ...],
    *,
    temperature: float = 1.0,
    values: NDArray[np.floating[Any]] | None = None,
    ratings: Mapping[str, NDArray[np.float64]] | None = None,
) -> PartScores:
    """Scores of one part.

    Parameters
    ----------
    logits : ndarray, shape (n_windows, n_classes)
        Of all windows of these utterances, in order.
    store : FeatureStore
        Which window belongs to which utterance.
    indices : sequence of int
        The utterances of the part, ascending; excluded ones are left out.
    classes : ndarray of int64
        Class of every utterance of the store.
    labels : tuple of str
        Names of the classes.
    temperature : float, optional
        Of the calibration; it can change which class has the highest mean over windows.
    values : ndarray, shape (n_windows, n_dimensions), optional
        Values of the dimensions of the same windows.
    ratings : mapping of str to ndarray, optional
        Dimension to ratings of every utterance of the store, in the order of the columns of `values`.

    Returns
    -------
    PartScores
        At both levels.
    """
    used = [i for i in indices if i not in store.excluded]
    dimensions: dict[str, Agreement] = {}
    if values is not None and ratings:
        means, has = utterance_means(values, store, used)
        dimensions = {name: agreement(rows[used], means[:, i]) for i, (name, rows) in enumerate(ratings.items())}
    if not labels:
        return PartScores(window=None, utterance=None, n_without_window=int((~has).sum()), dimensions=dimensions)
    truth = classes[store.owner[store.windows_of(indices)]]
    mean, has = utterance_probabilities(logits, store, used, temperature=temperature)
    predicted = np.where(has, np.nan_to_num(mean, nan=-1.0).argmax(axis=1), -1)
    return PartScores(
        window=score(truth, logits.argmax(axis=1), labels),
        utterance=score(classes[used], predicted, labels),
        n_without_window=int((~has).sum()),
        dimensions=dimensions,
    )


def write_results(
    result: TrainResult,
    weights: Any,
    samples: dict[str, NDArray[Any]],
    logits: Mapping[Part, NDArray[np.floating[Any]]],
    store: FeatureStore,
    utterances: Sequence[Utterance],
    parts: Split,
    *,
    values: Mapping[Part, NDArray[np.floating[Any]]] | None = None,
) -> None:
    """Write everything but ``config.json`` and ``split.csv``; the recipe comes last and marks the run as finished.

    Parameters
    ----------
    result : TrainResult
        What to write.
    weights : dict of Tensor, or Classifier
        As for `checkpoint.save_run`.
    samples : dict of str to ndarray
        Features of a few held-out windows, for the export to be compared on.
    logits : mapping of part to ndarray
        Logits of the windows of the held-out parts.
    store, utterances, parts : FeatureStore, sequence of Utterance, Split
        What the logits belong to.
    values : mapping of part to ndarray, optional
        Values of the dimensions of the same windows.
    """
    from ser_toolkit.report.figures import confusion_figure

    out, labels = result.run_dir, result.recipe.labels
    temperature = result.recipe.calibration.temperature if result.recipe.calibration else 1.0
    if result.epochs:
        rows = [e.to_row() for e in result.epochs]
        write_csv(out / EPOCHS, list(rows[0]), (list(row.values()) for row in rows))
    write_predictions_csv(out / "predictions.csv", result.recipe, logits, store, utterances, parts, values=values or {})
    scores, name = (result.test, "test") if result.test else (result.dev, "dev")
    if scores.utterance is not None:
        with atomic.replacing(out / "confusion.png") as path:
            confusion_figure(scores.utterance, labels, title=f"{name} utterances: {result.protocol}", path=path)
    metrics = {
        "protocol": result.protocol,
        "warnings": list(result.warnings),
        "dev": result.dev.to_json(),
        "test": result.test.to_json() if result.test else None,
        "temperature": temperature,
        "best epoch": next((e.epoch for e in reversed(result.epochs) if e.best), None),
        **({"chosen settings": result.chosen} if result.chosen else {}),
        "excluded": result.excluded,
    }
    atomic.write_text(out / METRICS, json.dumps(metrics, indent=2) + "\n")
    checkpoint.save_samples(out, samples)
    checkpoint.save_run(out, result.recipe, weights)
    shutil.rmtree(out / "work", ignore_errors=True)


def read_result(out: Path) -> TrainResult:
    """Read a finished run folder back.

    Parameters
    ----------
    out : Path
        Run folder.

    Returns
    -------
    TrainResult
        As `write_results` was given.

    Raises
    ------
    ModelError
        If the run has not finished.
    """
    recipe = checkpoint.read_recipe(out)
    metrics = json.loads((out / METRICS).read_text(encoding="utf-8"))
    epochs: tuple[Epoch, ...] = ()
    if (out / EPOCHS).is_file():
        with (out / EPOCHS).open(encoding="utf-8", newline="") as file:
            epochs = tuple(Epoch.from_row(row) for row in csv.DictReader(file))
    return TrainResult(
        run_dir=out,
        recipe=recipe,
        protocol=metrics["protocol"],
        dev=PartScores.from_json(metrics["dev"]),
        test=PartScores.from_json(metrics["test"]) if metrics["test"] else None,
        epochs=epochs,
        excluded=metrics["excluded"],
        warnings=tuple(metrics["warnings"]),
        chosen=metrics.get("chosen settings", {}),
    )

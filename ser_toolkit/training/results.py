"""Scores of a run at both levels, and the files of a run folder."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.training import checkpoint
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.metrics import Scores, aggregate, score, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore

__all__ = ["PartScores", "TrainResult", "read_result", "score_part", "write_csv", "write_results"]

METRICS = "metrics.json"
EPOCHS = "epochs.csv"
_LOST = "utterances without a window (counted as errors)"


@dataclass(frozen=True, kw_only=True)
class PartScores:
    """Scores of one part of the split at both levels.

    Parameters
    ----------
    window, utterance : Scores
        Per window; and per utterance, whose probabilities are the mean over its windows. An utterance without
        a window counts as an error.
    n_without_window : int
        Utterances that the segmentation drops.
    """

    window: Scores
    utterance: Scores
    n_without_window: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "utterance": self.utterance.to_json(),
            "window": self.window.to_json(),
            _LOST: self.n_without_window,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PartScores:
        """Read what `to_json` wrote."""
        return cls(
            utterance=Scores.from_json(data["utterance"]),
            window=Scores.from_json(data["window"]),
            n_without_window=data[_LOST],
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
    """

    run_dir: Path
    recipe: Recipe
    protocol: str
    dev: PartScores
    test: PartScores | None
    epochs: tuple[Epoch, ...]
    excluded: dict[str, str]
    warnings: tuple[str, ...]


def utterance_probabilities(
    logits: NDArray[np.floating[Any]],
    store: FeatureStore,
    indices: Sequence[int],
    *,
    temperature: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean probabilities of utterances over their windows, and which of them have any; see `aggregate`."""
    position = {utterance: i for i, utterance in enumerate(indices)}
    owner = np.array([position[u] for u in store.owner[store.windows_of(indices)].tolist()], dtype=np.int64)
    return aggregate(softmax(logits / temperature), owner, len(indices))


def score_part(
    logits: NDArray[np.floating[Any]],
    store: FeatureStore,
    indices: Sequence[int],
    classes: NDArray[np.int64],
    labels: tuple[str, ...],
    *,
    temperature: float = 1.0,
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

    Returns
    -------
    PartScores
        At both levels.
    """
    used = [i for i in indices if i not in store.excluded]
    truth = classes[store.owner[store.windows_of(indices)]]
    mean, has = utterance_probabilities(logits, store, used, temperature=temperature)
    predicted = np.where(has, np.nan_to_num(mean, nan=-1.0).argmax(axis=1), -1)
    return PartScores(
        window=score(truth, logits.argmax(axis=1), labels),
        utterance=score(classes[used], predicted, labels),
        n_without_window=int((~has).sum()),
    )


def write_results(
    result: TrainResult,
    weights: Any,
    samples: dict[str, NDArray[Any]],
    logits: Mapping[Part, NDArray[np.floating[Any]]],
    store: FeatureStore,
    utterances: Sequence[Utterance],
    parts: Split,
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
    """
    from ser_toolkit.report.figures import confusion_figure

    out, labels = result.run_dir, result.recipe.labels
    temperature = result.recipe.calibration.temperature if result.recipe.calibration else 1.0
    if result.epochs:
        names = [f.name for f in fields(Epoch)]
        write_csv(out / EPOCHS, names, ([asdict(e)[n] for n in names] for e in result.epochs))
    rows = []
    for part, values in logits.items():
        used = [i for i in parts.indices(part) if i not in store.excluded]
        means, has_window = utterance_probabilities(values, store, used, temperature=temperature)
        for i, mean, known in zip(used, means, has_window, strict=True):
            u = utterances[i]
            shown = [labels[int(mean.argmax())], *(f"{p:.6f}" for p in mean)] if known else [""] * (1 + len(labels))
            rows.append([part, u.key, u.speaker or "", u.emotion, *shown])
    write_csv(out / "predictions.csv", ["part", "file", "speaker", "emotion", "predicted", *labels], rows)
    scores, name = (result.test, "test") if result.test else (result.dev, "dev")
    with atomic.replacing(out / "confusion.png") as path:
        confusion_figure(scores.utterance, labels, title=f"{name} utterances: {result.protocol}", path=path)
    metrics = {
        "protocol": result.protocol,
        "warnings": list(result.warnings),
        "dev": result.dev.to_json(),
        "test": result.test.to_json() if result.test else None,
        "temperature": temperature,
        "best epoch": next((e.epoch for e in reversed(result.epochs) if e.best), None),
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
    )


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file as a whole; names that are not UTF-8 keep their bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    atomic.write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))

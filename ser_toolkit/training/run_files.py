"""What a run says of every held-out utterance, and its tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.training.metrics import aggregate, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore

__all__ = ["utterance_means", "utterance_probabilities", "write_csv", "write_predictions_csv"]


def utterance_probabilities(
    logits: NDArray[np.floating[Any]],
    store: FeatureStore,
    indices: Sequence[int],
    *,
    temperature: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean probabilities of utterances over their windows, and which of them have any; see `aggregate`."""
    return utterance_means(softmax(logits / temperature), store, indices)


def utterance_means(
    values: NDArray[np.floating[Any]], store: FeatureStore, indices: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Means of utterances over their windows, NaN without any, and which of them have any; see `aggregate`."""
    position = {utterance: i for i, utterance in enumerate(indices)}
    owner = np.array([position[u] for u in store.owner[store.windows_of(indices)].tolist()], dtype=np.int64)
    return aggregate(np.asarray(values, dtype=np.float64), owner, len(indices))


def write_predictions_csv(
    path: Path,
    recipe: Recipe,
    logits: Mapping[Part, NDArray[np.floating[Any]]],
    store: FeatureStore,
    utterances: Sequence[Utterance],
    parts: Split,
    *,
    values: Mapping[Part, NDArray[np.floating[Any]]],
) -> None:
    """Write a row for each held-out utterance: its labels and ratings, and what the model says.

    Parameters
    ----------
    path : Path
        The CSV file.
    recipe : Recipe
        Labels, temperature and dimensions.
    logits, values : mapping of part to ndarray
        Of the windows of the held-out parts.
    store, utterances, parts : FeatureStore, sequence of Utterance, Split
        What they belong to.
    """
    labels, names = recipe.labels, recipe.dimensions
    temperature = recipe.calibration.temperature if recipe.calibration else 1.0
    rows = []
    for part, outputs in logits.items():
        used = [i for i in parts.indices(part) if i not in store.excluded]
        shown: list[list[str]] = [[] for _ in used]
        if labels:
            for cells, mean, known in zip(
                shown, *utterance_probabilities(outputs, store, used, temperature=temperature), strict=True
            ):
                cells += (
                    [labels[int(mean.argmax())], *(f"{p:.6f}" for p in mean)] if known else [""] * (1 + len(labels))
                )
        if names:
            for cells, i, mean, known in zip(shown, used, *utterance_means(values[part], store, used), strict=True):
                for name, value in zip(names, mean, strict=True):
                    rating = getattr(utterances[i], name)
                    cells += ["" if rating is None else f"{rating:g}", f"{value:.6g}" if known else ""]
        for i, cells in zip(used, shown, strict=True):
            u = utterances[i]
            rows.append([part, u.key, u.speaker or "", u.emotion, *cells])
    header = ["part", "file", "speaker", "emotion", *(["predicted", *labels] if labels else [])]
    write_csv(path, [*header, *(text for name in names for text in (name, f"predicted {name}"))], rows)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file as a whole; names that are not UTF-8 keep their bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    atomic.write_bytes(path, text.getvalue().encode("utf-8", "surrogateescape"))

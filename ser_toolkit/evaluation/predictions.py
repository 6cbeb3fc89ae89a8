"""What models said about labelled utterances they had not seen: one table, from which every score is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import ConfigDict, Field

from ser_toolkit.errors import ModelError
from ser_toolkit.training.metrics import aggregate, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PREDICTIONS", "Item", "Predictions", "concatenate"]

PREDICTIONS = "predictions.parquet"
"""Where an evaluation keeps them in its folder."""

_Seconds = Annotated[float, Field(ge=0, strict=True)]
_Rating = Annotated[float, Field(ge=-1e9, le=1e9)]
_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One labelled utterance and the model that was asked about it.

    Parameters
    ----------
    file : str
        The recording as the manifest writes it.
    start_s, end_s : float or None
        Part of the recording in seconds.
    emotion : str
        True label.
    speaker, gender, language, corpus, session, text_id : str or None
        As in the manifest.
    fold : str
        Fold whose test part it belongs to; empty without folds.
    seed : int
        Seed of the model.
    temperature : float
        Calibration of the model, 1e-3 to 1e3; logits are divided by it.
    thresholds : tuple of float
        Conformal threshold of each label, 0 to 1: it is in the prediction set if 1 - p is at most this. Empty without.
    ratings : tuple of (float or None)
        Rating of each dimension in the units of the manifest, None where there is none. Empty without dimensions.

    Notes
    -----
    Fields are checked when a file is read, not when an item is made.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    file: str
    emotion: str
    start_s: _Seconds | None = None
    end_s: _Seconds | None = None
    speaker: str | None = None
    gender: str | None = None
    language: str | None = None
    corpus: str | None = None
    session: str | None = None
    text_id: str | None = None
    fold: str = ""
    seed: _Int64 = 0
    temperature: Annotated[float, Field(ge=1e-3, le=1e3, strict=True)] = 1.0
    thresholds: tuple[Annotated[float, Field(ge=0, le=1, strict=True)], ...] = ()
    ratings: tuple[_Rating | None, ...] = ()

    @property
    def key(self) -> tuple[str, str, float | None, float | None]:
        """What makes it the same utterance in two tables."""
        return self.corpus or "", self.file, self.start_s, self.end_s


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Logits of all windows of a set of utterances.

    Parameters
    ----------
    labels : tuple of str
        The classes; empty where models say nothing of emotions.
    protocol : str
        How training and test were kept apart, in words; belongs beside every score.
    items : tuple of Item
        The utterances; each once per seed.
    owner : ndarray of int64, shape (n_windows,)
        Utterance of each window, ascending. An utterance without a window counts as an error.
    logits : ndarray of float64, shape (n_windows, n_labels)
        Before calibration; log probabilities times the temperature will do.
    alpha : float or None
        Share of utterances whose prediction set may lack the truth; None without sets.
    notes : tuple of str
        What a reader of the scores has to know.
    dimensions : tuple of str
        Dimensions that the models predict.
    values : ndarray of float64, shape (n_windows, n_dimensions), or None
        Of each, in the units of the ratings; None without dimensions.
    """

    labels: tuple[str, ...]
    protocol: str
    items: tuple[Item, ...]
    owner: NDArray[np.int64]
    logits: NDArray[np.float64]
    alpha: float | None = None
    notes: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    values: NDArray[np.float64] | None = None

    @property
    def truth(self) -> NDArray[np.int64]:
        """True class of each utterance."""
        position = {label: i for i, label in enumerate(self.labels)}
        return np.array([position[item.emotion] for item in self.items], dtype=np.int64)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that occur, ascending."""
        return tuple(sorted({item.seed for item in self.items}))

    def windows(self, *, calibrated: bool = True) -> NDArray[np.float64]:
        """Probabilities of each window, (n_windows, n_labels)."""
        temperature = np.array([item.temperature for item in self.items])[self.owner] if calibrated else 1.0
        return softmax(self.logits / np.reshape(temperature, (-1, 1)))

    def utterances(self, *, calibrated: bool = True) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Mean probabilities of each utterance, NaN without a window; and which have one. See `aggregate`."""
        return aggregate(self.windows(calibrated=calibrated), self.owner, len(self.items))

    def predicted(self) -> NDArray[np.int64]:
        """Likeliest class of each utterance; -1 without a window."""
        mean, has = self.utterances()
        return np.where(has, np.nan_to_num(mean, nan=-1.0).argmax(axis=1), -1)

    def ratings(self) -> NDArray[np.float64]:
        """Ratings of each utterance, (n_utterances, n_dimensions), NaN where there is none."""
        rows = [item.ratings or (None,) * len(self.dimensions) for item in self.items]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.dimensions))

    def utterance_values(self) -> NDArray[np.float64]:
        """Values of each utterance, (n_utterances, n_dimensions): means over its windows, NaN without a window."""
        values = np.zeros((len(self.owner), 0)) if self.values is None else self.values
        return aggregate(values, self.owner, len(self.items))[0]

    def sets(self) -> NDArray[np.bool_] | None:
        """Prediction set of each utterance, (n_utterances, n_labels), never empty; None without thresholds.

        An utterance without a window has all labels in its set: nothing is known of it.
        """
        if self.alpha is None or not self.items or not all(item.thresholds for item in self.items):
            return None
        mean, has = self.utterances()
        inside = 1.0 - np.nan_to_num(mean, nan=1.0) <= np.array([item.thresholds for item in self.items])
        inside[np.arange(len(inside)), np.nan_to_num(mean).argmax(axis=1)] = True
        inside[~has] = True
        return np.asarray(inside)

    def select(self, wanted: NDArray[np.bool_]) -> Predictions:
        """Some of the utterances, by a mask of shape (n_utterances,), with their windows."""
        position = np.cumsum(wanted) - 1
        rows = wanted[self.owner]
        return replace(
            self,
            items=tuple(item for item, keep in zip(self.items, wanted.tolist(), strict=True) if keep),
            owner=position[self.owner[rows]],
            logits=self.logits[rows],
            values=None if self.values is None else self.values[rows],
        )

    def save(self, path: Path) -> None:
        """Write as one Parquet file: a row per window, and the utterances in its metadata.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from ser_toolkit.evaluation.predictions_file import write_predictions

        write_predictions(self, path)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If the file is missing, or holds something else; see `ser_toolkit.evaluation.predictions_file`.
        """
        from ser_toolkit.evaluation.predictions_file import read_predictions

        return read_predictions(path)


def concatenate(parts: Sequence[Predictions]) -> Predictions:
    """Tables of the same labels and dimensions, one after the other; protocol, alpha and notes are those of the first.

    Parameters
    ----------
    parts : sequence of Predictions
        At least one.

    Returns
    -------
    Predictions
        Of all utterances.

    Raises
    ------
    ModelError
        If labels or dimensions differ.
    """
    for names in ({p.labels for p in parts}, {p.dimensions for p in parts}):
        if len(names) != 1:
            raise ModelError(f"predictions of different labels: {sorted(names)}")
    values = [p.values for p in parts if p.values is not None]
    before = np.cumsum([0, *(len(p.items) for p in parts[:-1])])
    return replace(
        parts[0],
        items=tuple(item for p in parts for item in p.items),
        owner=np.concatenate([p.owner + n for p, n in zip(parts, before, strict=True)]),
        logits=np.concatenate([p.logits for p in parts]),
        values=np.concatenate(values) if values else None,
        notes=tuple(dict.fromkeys(note for p in parts for note in p.notes)),
    )

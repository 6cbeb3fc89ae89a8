"""What an evaluation says, as data: dataclasses that go to JSON and back, without any drawing or counting."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
from ser_toolkit.evaluation.result_parts import Estimate, Metric, Spread, plain, read

__all__ = [
    "Bin",
    "Calibration",
    "ClassScore",
    "Estimate",
    "Evaluation",
    "Gap",
    "GroupRow",
    "GroupTable",
    "LevelScores",
    "Metric",
    "SetScores",
    "Spread",
    "plain",
    "read",
]

_MEANINGS = {
    "wa": "WA (accuracy): correct / all",
    "ua": "UA (macro recall): mean recall over the classes that occur",
    "f1": "macro F1: mean F1 over the classes that occur or are predicted",
    "low, high": "95 % interval, percentile bootstrap over `unit`",
    "estimate": "pooled over folds and averaged over seeds",
    "folds, seeds": "mean, standard deviation and all values",
    "confusion": "rows are true classes, columns predicted ones; counts summed over seeds",
}


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """Scores of one class: `n` true items per seed; `recall` is None if it never occurs, `precision` if never named."""

    label: str
    n: int
    recall: Estimate | None
    precision: Estimate | None


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Items whose confidence is above `low` and at most `high`: how many, their mean confidence and accuracy."""

    low: float
    high: float
    n: int
    confidence: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether the probabilities mean what they say.

    Parameters
    ----------
    n : int
        Items with a prediction, per seed.
    ece : float
        Expected calibration error, 0 to 1; the mean over seeds.
    perfect, perfect_p95 : float
        ECE that a perfectly calibrated model with as many items and these confidences would show: mean and 95th
        percentile. An `ece` below the latter is no evidence of bad calibration.
    nll : float
        Mean negative log likelihood of the true class in nats.
    brier : float
        Mean squared distance of the probabilities from the truth, summed over classes, 0 to 2.
    bins : tuple of Bin
        Of the reliability diagram, pooled over seeds.
    """

    n: int
    ece: float
    perfect: float
    perfect_p95: float
    nll: float
    brier: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class LevelScores:
    """All scores at one level.

    Parameters
    ----------
    level : str
        ``"utterance"`` (mean of its windows' probabilities) or ``"window"``.
    n : int
        Items per seed.
    ua, wa, f1 : Metric
        Macro recall, accuracy, macro F1, 0 to 1.
    majority : float
        Accuracy of always naming the most frequent true class.
    chance : float
        UA of always naming one class: 1 / classes that occur.
    classes : tuple of ClassScore
        In the order of the labels.
    confusion : tuple of tuple of int
        Rows are true classes, columns predicted ones; summed over seeds.
    missing : tuple of int
        True items of each class that have no prediction, summed over seeds.
    calibrated, uncalibrated : Calibration or None
        With and without the temperature; None without predictions.
    """

    level: str
    n: int
    ua: Metric
    wa: Metric
    f1: Metric
    majority: float
    chance: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    missing: tuple[int, ...]
    calibrated: Calibration | None = None
    uncalibrated: Calibration | None = None


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """Prediction sets of utterances; those without a window are left out.

    Parameters
    ----------
    alpha : float
        Share that may miss the truth; the sets promise a coverage of 1 - alpha.
    n : int
        Sets per seed.
    coverage : Estimate
        Share of sets that hold the truth.
    size : float
        Mean number of labels.
    singletons : float
        Share of sets with one label.
    singletons_right : float or None
        Share of those that hold the truth; None if there is none.
    per_class, per_speaker : dict
        Coverage for each true class and each held-out speaker.
    """

    alpha: float
    n: int
    coverage: Estimate
    size: float
    singletons: float
    singletons_right: float | None
    per_class: dict[str, float]
    per_speaker: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """Utterance scores of one group.

    Parameters
    ----------
    name : str or None
        The group; None where the manifest does not say.
    n, n_speakers : int
        Utterances and speakers.
    complete : bool
        Whether every class occurs in it; otherwise its UA is over fewer classes and not comparable.
    ua, wa : Estimate
        0 to 1.
    """

    name: str | None
    n: int
    n_speakers: int
    complete: bool
    ua: Estimate
    wa: Estimate


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Difference in UA between the best and the worst of the complete groups; two groups always differ by something."""

    best: str
    worst: str
    ua: Estimate


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """Scores by gender, language, corpus or speaker; `gap` is None without two complete groups."""

    attribute: str
    rows: tuple[GroupRow, ...]
    gap: Gap | None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of models on utterances they had not seen.

    Parameters
    ----------
    labels : tuple of str
        The classes.
    protocol : str
        How training and test were kept apart; belongs beside every score.
    n, n_speakers : int
        Distinct utterances and known speakers.
    n_without_window : int
        Utterances that gave no window; they count as errors per utterance and are absent per window.
    seeds : tuple of int
        Of the models.
    folds : tuple of str
        Names; empty without folds.
    temperatures : tuple of float
        That occur, ascending.
    unit : str
        What the bootstrap draws: speakers or utterances.
    bootstraps : int
        Number of resamples.
    cautions : tuple of str
        What a reader of the scores has to know first.
    utterance : LevelScores
        Per utterance: the scores to quote.
    window : LevelScores or None
        Per window, as in the paper; None without windows.
    sets : SetScores or None
        Prediction sets, if the models have them.
    groups : tuple of GroupTable
        For each attribute with at least two values.
    dimensions : DimensionEvaluation or None
        Scores of dimensions, if the models predict any.
    """

    labels: tuple[str, ...]
    protocol: str
    n: int
    n_speakers: int
    n_without_window: int
    seeds: tuple[int, ...]
    folds: tuple[str, ...]
    temperatures: tuple[float, ...]
    unit: str
    bootstraps: int
    cautions: tuple[str, ...]
    utterance: LevelScores
    window: LevelScores | None
    sets: SetScores | None
    groups: tuple[GroupTable, ...]
    dimensions: DimensionEvaluation | None = None

    @property
    def levels(self) -> tuple[LevelScores, ...]:
        """Utterance first, then window if there is one."""
        return (self.utterance,) if self.window is None else (self.utterance, self.window)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; what is undefined is null."""
        return {"format": 1, "meanings": dict(_MEANINGS), **plain(dataclasses.asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evaluation:
        """Read what `to_json` wrote.

        Raises
        ------
        ModelError
            If something is missing or of another type.
        """
        return read(cls, data, "evaluation")

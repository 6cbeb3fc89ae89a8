"""From predictions to scores: pooled, per fold and seed, per class and group, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.calibration_error import calibration
from ser_toolkit.evaluation.counts import confusion_counts, mean_over_seeds, rates
from ser_toolkit.evaluation.dimensions import evaluate_dimensions
from ser_toolkit.evaluation.groups import group_tables
from ser_toolkit.evaluation.prediction_sets import set_scores
from ser_toolkit.evaluation.results import ClassScore, Evaluation, LevelScores, Metric, Spread
from ser_toolkit.evaluation.statistics import estimate, resample, units_of
from ser_toolkit.training.metrics import score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.evaluation.statistics import Units

__all__ = ["Evaluation", "evaluate", "evaluate_all"]

_NO_SPREAD = "the model does not depend on the seed: all seeds gave the same answers, and there is no spread over them"


def evaluate(predictions: Predictions, *, bootstraps: int = 2000, seed: int = 0) -> Evaluation:
    """Score what models said about utterances they had not seen.

    Pooled scores are scikit-learn's; those of folds and groups come from counts, which tests hold equal to it.
    Intervals come from resampling whole speakers, since utterances of one speaker and overlapping windows are not
    independent. With several seeds, values are means over the seeds, never the best.

    Parameters
    ----------
    predictions : Predictions
        At least one utterance.
    bootstraps : int, optional
        Resamples for each interval.
    seed : int, optional
        Of the resampling; the same predictions give the same evaluation.

    Returns
    -------
    Evaluation
        At utterance and at window level.

    Raises
    ------
    ModelError
        If there is no utterance, or one whose emotion is no label.
    """
    items, labels = predictions.items, predictions.labels
    if not items:
        raise ModelError("the predictions hold no utterance: there is nothing to score")
    unknown = sorted({item.emotion for item in items} - set(labels))
    if unknown:
        raise ModelError(
            f"the predictions hold emotions that are no label of theirs: {unknown}; labels: {list(labels)}"
        )
    units = units_of(items)
    folds = tuple(dict.fromkeys(item.fold for item in items if item.fold))
    mean, has = predictions.utterances()
    predicted = predictions.predicted()
    position = {name: i for i, name in enumerate(folds)}
    varied = _varies(predictions)
    whole = _Rows(
        truth=predictions.truth,
        predicted=predicted,
        calibrated=mean,
        uncalibrated=predictions.utterances(calibrated=False)[0],
        unit=units.of,
        seed=np.searchsorted(predictions.seeds, [item.seed for item in items]),
        fold=np.array([position.get(item.fold, -1) for item in items], dtype=np.int64),
        owner=None,
    )
    utterance = _level("utterance", whole, predictions, folds, units, bootstraps=bootstraps, random=seed, varied=varied)
    window = None
    if len(predictions.owner):
        windows = whole.windows(predictions)
        window = _level("window", windows, predictions, folds, units, bootstraps=bootstraps, random=seed, varied=varied)
    without = len({item.key for item, there in zip(items, has.tolist(), strict=True) if not there})
    return Evaluation(
        labels=labels,
        protocol=predictions.protocol,
        n=len({item.key for item in items}),
        n_speakers=len({(item.corpus, item.speaker) for item in items if item.speaker is not None}),
        n_without_window=without,
        seeds=predictions.seeds,
        folds=folds,
        temperatures=tuple(sorted({item.temperature for item in items})),
        unit=units.name,
        bootstraps=bootstraps,
        cautions=(
            *predictions.notes,
            *_cautions(predictions, whole, units, folds, without=without),
            *([] if varied or len(predictions.seeds) == 1 else [_NO_SPREAD]),
        ),
        utterance=utterance,
        window=window,
        sets=set_scores(predictions, units, bootstraps=bootstraps, seed=seed),
        groups=group_tables(predictions, predicted, bootstraps=bootstraps, seed=seed),
        dimensions=evaluate_dimensions(predictions, bootstraps=bootstraps, seed=seed)
        if predictions.dimensions
        else None,
    )


def evaluate_all(predictions: Predictions) -> Evaluation | DimensionEvaluation:
    """Scores of emotions, with those of dimensions if there are any; or of dimensions alone.

    Parameters
    ----------
    predictions : Predictions
        At least one utterance.

    Returns
    -------
    Evaluation or DimensionEvaluation
        As of `evaluate`, or of `ser_toolkit.evaluation.dimensions.evaluate_dimensions` where no emotion is predicted.

    Raises
    ------
    ModelError
        As those.
    """
    return evaluate(predictions) if predictions.labels else evaluate_dimensions(predictions)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Utterances or windows: truth, prediction, probabilities, and the unit, seed and fold they belong to."""

    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    calibrated: NDArray[np.float64]
    uncalibrated: NDArray[np.float64]
    unit: NDArray[np.int64]
    seed: NDArray[np.int64]
    fold: NDArray[np.int64]
    owner: NDArray[np.int64] | None

    def windows(self, predictions: Predictions) -> _Rows:
        """Rows of the windows of these utterances."""
        owner, calibrated = predictions.owner, predictions.windows()
        return _Rows(
            truth=self.truth[owner],
            predicted=calibrated.argmax(axis=1),
            calibrated=calibrated,
            uncalibrated=predictions.windows(calibrated=False),
            unit=self.unit[owner],
            seed=self.seed[owner],
            fold=self.fold[owner],
            owner=owner,
        )


def _level(
    level: str,
    rows: _Rows,
    predictions: Predictions,
    folds: Sequence[str],
    units: Units,
    *,
    bootstraps: int,
    random: int,
    varied: bool,
) -> LevelScores:
    labels, seeds = predictions.labels, predictions.seeds
    present = [s for s in range(len(seeds)) if (rows.seed == s).any()]
    each = {s: score(rows.truth[rows.seed == s], rows.predicted[rows.seed == s], labels) for s in present}
    counts = confusion_counts(
        rows.unit, rows.seed, rows.truth, rows.predicted,
        n_units=units.n, n_seeds=len(seeds), n_labels=len(labels),
    )  # fmt: skip
    drawn = rates(resample(counts, bootstraps=bootstraps, rng=np.random.default_rng(random)))
    per_fold = _fold_rates(rows, n_folds=len(folds), n_seeds=len(seeds), n_labels=len(labels))
    metrics = {}
    for name in ("ua", "wa", "f1"):
        pooled = {str(seeds[s]): float(getattr(found, name)) for s, found in each.items()}
        metrics[name] = Metric(
            estimate=estimate(list(pooled.values()), mean_over_seeds(getattr(drawn, name), axis=1)),
            folds=Spread.of(
                {f: float(x) for f, x in zip(folds, getattr(per_fold, name), strict=True) if not np.isnan(x)}
            ),
            seeds=Spread.of(pooled) if varied else None,
        )
    recall, precision = mean_over_seeds(drawn.recall, axis=1), mean_over_seeds(drawn.precision, axis=1)
    classes = tuple(
        ClassScore(
            label=label,
            n=round(int((rows.truth == i).sum()) / len(present)),
            recall=estimate([x.recall[label] for x in each.values() if label in x.recall], recall[:, i])
            if (rows.truth == i).any()
            else None,
            precision=estimate([x.precision[label] for x in each.values() if label in x.precision], precision[:, i])
            if (rows.predicted == i).any()
            else None,
        )
        for i, label in enumerate(labels)
    )
    return LevelScores(
        level=level,
        n=round(len(rows.truth) / len(present)),
        **metrics,
        majority=float(np.mean([x.majority for x in each.values()])),
        chance=float(np.mean([1 / len(x.recall) for x in each.values()])),
        classes=classes,
        confusion=tuple(tuple(row) for row in np.sum([x.confusion for x in each.values()], axis=0).tolist()),
        missing=tuple(int(x) for x in counts[..., -1].sum(axis=(0, 1))),
        calibrated=calibration(rows.calibrated, rows.truth, rows.seed, owner=rows.owner, seed=random),
        uncalibrated=calibration(rows.uncalibrated, rows.truth, rows.seed, owner=rows.owner, seed=random),
    )


def _varies(predictions: Predictions) -> bool:
    """Whether there are several seeds, of which any two gave different answers; a linear SVM's, say, are all alike."""
    seed = np.array([item.seed for item in predictions.items])
    first, *others = (predictions.select(seed == s) for s in predictions.seeds)
    keys = [item.key for item in first.items]
    return not all(
        [item.key for item in other.items] == keys
        and np.array_equal(other.owner, first.owner)
        and np.allclose(other.logits, first.logits)
        for other in others
    )


@dataclass(frozen=True, kw_only=True)
class _FoldRates:
    """Scores of each fold, averaged over the seeds that have it, (n_folds,) each."""

    ua: NDArray[np.float64]
    wa: NDArray[np.float64]
    f1: NDArray[np.float64]


def _fold_rates(rows: _Rows, *, n_folds: int, n_seeds: int, n_labels: int) -> _FoldRates:
    within = rows.fold >= 0
    counts = confusion_counts(
        rows.fold[within], rows.seed[within], rows.truth[within], rows.predicted[within],
        n_units=n_folds, n_seeds=n_seeds, n_labels=n_labels,
    )  # fmt: skip
    found = rates(counts)
    return _FoldRates(**{name: mean_over_seeds(getattr(found, name), axis=1) for name in ("ua", "wa", "f1")})


def _cautions(predictions: Predictions, rows: _Rows, units: Units, folds: Sequence[str], *, without: int) -> list[str]:
    said = []
    if without:
        n = len({item.key for item in predictions.items})
        said.append(f"{without} of {n} utterances gave no window: they count as errors per utterance, not per window")
    absent = [label for i, label in enumerate(predictions.labels) if not (rows.truth == i).any()]
    if absent:
        said.append(f"no utterance is {', '.join(absent)}: UA is the mean recall of the other classes")
    occur = len(np.unique(rows.truth))
    partial = sum(len(np.unique(rows.truth[rows.fold == f])) < occur for f in range(len(folds)))
    if partial:
        said.append(
            f"{partial} of {len(folds)} folds lack a class: their UA is over the classes they have; "
            "pooled UA is not affected"
        )
    sizes = {int((rows.seed == s).sum()) for s in range(len(predictions.seeds))}
    if len(sizes) > 1:
        said.append(f"the seeds do not hold the same utterances ({min(sizes)} to {max(sizes)} each)")
    if units.caution:
        said.append(units.caution)
    return said

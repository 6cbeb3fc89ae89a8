"""From predicted values to concordance and error of every dimension, with intervals over speakers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.counts import mean_over_seeds
from ser_toolkit.evaluation.dimension_results import DimensionEvaluation, DimensionScores
from ser_toolkit.evaluation.results import Metric, Spread
from ser_toolkit.evaluation.statistics import estimate, resample, units_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["agreement_of", "evaluate_dimensions", "moments"]


def evaluate_dimensions(predictions: Predictions, *, bootstraps: int = 2000, seed: int = 0) -> DimensionEvaluation:
    """Score the dimensions of utterances; values of an utterance are the means over its windows.

    Intervals come from resampling whole speakers. With several seeds, values are means over the seeds.

    Parameters
    ----------
    predictions : Predictions
        With at least one dimension. Utterances without a rating or a window do not count.
    bootstraps : int, optional
        Resamples for each interval.
    seed : int, optional
        Of the resampling; the same predictions give the same evaluation.

    Returns
    -------
    DimensionEvaluation
        Of all dimensions.

    Raises
    ------
    ModelError
        If a dimension has fewer than two rated utterances with a window.
    """
    items, seeds = predictions.items, predictions.seeds
    if not items:
        raise ModelError("the predictions hold no utterance: there is nothing to score")
    units = units_of(items)
    folds = tuple(dict.fromkeys(item.fold for item in items if item.fold))
    position = {name: i for i, name in enumerate(folds)}
    own_seed = np.searchsorted(seeds, [item.seed for item in items])
    own_fold = np.array([position.get(item.fold, -1) for item in items], dtype=np.int64)
    ratings, values = predictions.ratings(), predictions.utterance_values()
    without = len({item.key for i, item in enumerate(items) if np.isnan(values[i]).all()})
    scores, cautions = [], list(predictions.notes) if not predictions.labels else []
    for d, name in enumerate(predictions.dimensions):
        there = ~(np.isnan(ratings[:, d]) | np.isnan(values[:, d]))
        if len({items[i].key for i in np.flatnonzero(there)}) < 2:
            raise ModelError(f"fewer than two utterances with a rating of {name} were answered: it cannot be scored")
        unrated = len({item.key for item, x in zip(items, ratings[:, d], strict=True) if np.isnan(x)})
        if unrated:
            cautions.append(f"{unrated} of {len({item.key for item in items})} utterances have no rating of {name}")
        scores.append(
            _scores(
                name, ratings[there, d], values[there, d], units.of[there], own_seed[there], own_fold[there],
                n_units=units.n, seeds=seeds, folds=folds, bootstraps=bootstraps, random=seed,
            )
        )  # fmt: skip
    if without and not predictions.labels:
        cautions.append(f"{without} utterances gave no window: they have no scores")
    if units.caution and not predictions.labels:
        cautions.append(units.caution)
    return DimensionEvaluation(
        scores=tuple(scores),
        protocol=predictions.protocol,
        n=len({item.key for item in items}),
        n_speakers=len({(item.corpus, item.speaker) for item in items if item.speaker is not None}),
        n_without_window=without,
        seeds=seeds,
        folds=folds,
        unit=units.name,
        bootstraps=bootstraps,
        cautions=tuple(cautions),
    )


def _scores(
    name: str,
    ratings: NDArray[np.float64],
    values: NDArray[np.float64],
    unit: NDArray[np.int64],
    seed: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    n_units: int,
    seeds: Sequence[int],
    folds: Sequence[str],
    bootstraps: int,
    random: int,
) -> DimensionScores:
    # about 0 and 1, so that sums of squares lose no digits
    centre, scale = float(ratings.mean()), float(ratings.std()) or 1.0
    y, x = (ratings - centre) / scale, (values - centre) / scale
    counts = moments(y, x, unit, seed, shape=(n_units, len(seeds)))
    drawn = agreement_of(resample(counts, bootstraps=bootstraps, rng=np.random.default_rng(random)))
    pooled = agreement_of(counts.sum(axis=0))
    within = fold >= 0
    per_fold = agreement_of(moments(y[within], x[within], fold[within], seed[within], shape=(len(folds), len(seeds))))
    metrics = []
    for found, sampled, by_fold, factor in zip(pooled, drawn, per_fold, (1.0, scale), strict=True):
        of_seed = {str(s): float(v) * factor for s, v in zip(seeds, found, strict=True) if not np.isnan(v)}
        of_fold = mean_over_seeds(by_fold, axis=1) * factor
        metrics.append(
            Metric(
                estimate=estimate(list(of_seed.values()), mean_over_seeds(sampled, axis=1) * factor),
                folds=Spread.of({f: float(v) for f, v in zip(folds, of_fold, strict=True) if not np.isnan(v)}),
                seeds=Spread.of(of_seed) if len(seeds) > 1 else None,
            )
        )
    return DimensionScores(
        dimension=name,
        n=round(len(ratings) / len(np.unique(seed))),
        ccc=metrics[0],
        rmse=metrics[1],
        baseline=float(ratings.std()),
    )


def moments(
    ratings: NDArray[np.float64],
    values: NDArray[np.float64],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    *,
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Sums that concordance and error follow from, by two groupings at once.

    Parameters
    ----------
    ratings, values : ndarray, shape (n,)
        Of each item.
    row, column : ndarray of int64, shape (n,)
        Its groups, from 0.
    shape : tuple of int
        Number of groups of either grouping.

    Returns
    -------
    ndarray of float64, shape (*shape, 6)
        Number of items; sums of ratings, values, their squares, and their products.
    """
    each = np.stack([np.ones_like(ratings), ratings, values, ratings**2, values**2, ratings * values], axis=1)
    total = np.zeros((*shape, each.shape[1]))
    np.add.at(total, (row, column), each)
    return total


def agreement_of(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Concordance and root mean square error from `moments`.

    Parameters
    ----------
    sums : ndarray, shape (..., 6)
        Any leading axes.

    Returns
    -------
    ccc, rmse : ndarray, shape (...)
        As `ser_toolkit.training.agreement.agreement` of the same items; NaN for fewer than two.

    References
    ----------
    Lin: A concordance correlation coefficient to evaluate reproducibility. Biometrics 45(1), 1989.
    """
    n, y, x, yy, xx, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        my, mx = y / n, x / n
        spread = np.maximum(yy / n - my**2, 0.0) + np.maximum(xx / n - mx**2, 0.0) + (mx - my) ** 2
        ccc = np.where(spread > 0, 2 * (xy / n - mx * my) / spread, 0.0)
        rmse = np.sqrt(np.maximum(yy - 2 * xy + xx, 0.0) / n)
    return np.where(n < 2, np.nan, ccc), np.where(n < 2, np.nan, rmse)

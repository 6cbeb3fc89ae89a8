"""How far scores could have fallen otherwise: bootstrap over speakers, also of two models at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.counts import confusion_counts, mean_over_seeds, rates
from ser_toolkit.evaluation.matching import match
from ser_toolkit.evaluation.results import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.predictions import Item, Predictions

__all__ = [
    "METRICS",
    "Difference",
    "Units",
    "estimate",
    "interval",
    "paired_bootstrap",
    "paired_bootstraps",
    "resample",
    "units_of",
]

METRICS = ("ua", "wa", "f1")
"""Macro recall, accuracy, macro F1."""

_FEW_SPEAKERS = 10
_CHUNK = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Units:
    """What a bootstrap draws with replacement.

    Parameters
    ----------
    of : ndarray of int64, shape (n_items,)
        Unit of each item, from 0. The same utterance under several seeds is in one unit.
    n : int
        Number of units.
    name : str
        ``"speakers"`` or ``"utterances"``.
    caution : str
        What weakens the interval; empty if nothing does.
    """

    of: NDArray[np.int64]
    n: int
    name: str
    caution: str = ""


def units_of(items: Sequence[Item]) -> Units:
    """Units of a bootstrap: speakers, because what one speaker says is not independent; else utterances.

    Parameters
    ----------
    items : sequence of Item
        At least one. Speakers of the same name in different corpora are different people.

    Returns
    -------
    Units
        Utterances if fewer than two speakers are known. An utterance of an unknown speaker among known ones is a
        unit of its own.
    """
    speakers = {item.key: (item.corpus or "", item.speaker) for item in items if item.speaker is not None}
    known = len(set(speakers.values()))
    by_speaker = known >= 2
    ids: dict[Any, int] = {}
    names = [speakers.get(item.key, item.key) if by_speaker else item.key for item in items]
    of = np.array([ids.setdefault(name, len(ids)) for name in names], dtype=np.int64)
    lone = len({item.key for item in items} - speakers.keys())
    if not by_speaker:
        said = "there is one speaker only" if known else "the speakers are not known"
        caution = f"{said}: intervals come from resampling utterances and are too narrow"
    elif lone:
        caution = f"{lone} utterances have no speaker: the bootstrap draws each as if it were one"
    elif known < _FEW_SPEAKERS:
        caution = f"only {known} speakers: intervals are rough, and rather too narrow"
    else:
        caution = ""
    return Units(of=of, n=len(ids), name="speakers" if by_speaker else "utterances", caution=caution)


def resample(counts: NDArray[Any], *, bootstraps: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw as many units as there are, with replacement, and add up their counts; many times.

    Parameters
    ----------
    counts : ndarray, shape (n_units, ...)
        Of each unit.
    bootstraps : int
        Number of resamples.
    rng : numpy.random.Generator
        Random numbers.

    Returns
    -------
    ndarray of float64, shape (bootstraps, ...)
        Totals. Units with equal counts are drawn together by a multinomial, which is the same distribution.
    """
    n = len(counts)
    rows, times = np.unique(counts.reshape(n, -1), axis=0, return_counts=True)
    values = rows.astype(np.float64)
    step = max(1, _CHUNK // len(rows))
    totals = [
        rng.multinomial(n, times / n, size=min(step, bootstraps - start)).astype(np.float64) @ values
        for start in range(0, bootstraps, step)
    ]
    return np.concatenate(totals).reshape(bootstraps, *counts.shape[1:])


def interval(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval of 95 % over the first axis.

    Parameters
    ----------
    values : ndarray, shape (bootstraps, ...)
        Of a score; NaN where a resample does not define it.

    Returns
    -------
    low, high : ndarray, shape (...)
        NaN where no resample defines it.
    """
    empty = np.isnan(values).all(axis=0)
    low, high = np.nanpercentile(np.where(empty, 0.0, values), [2.5, 97.5], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def estimate(values: Sequence[float] | NDArray[np.float64], drawn: NDArray[np.float64]) -> Estimate:
    """Mean of the scores of each seed, with the interval of that mean.

    Parameters
    ----------
    values : sequence of float
        A score for each seed.
    drawn : ndarray, shape (bootstraps,)
        Its mean over the seeds in each resample.

    Returns
    -------
    Estimate
        Without interval where no resample defines the score.
    """
    low, high = interval(drawn)
    if np.isnan(low):
        return Estimate(value=float(np.mean(values)))
    return Estimate(value=float(np.mean(values)), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A score of two models on the same utterances.

    Parameters
    ----------
    metric : str
        ``"ua"``, ``"wa"``, ``"f1"`` or ``"recall:<label>"``.
    a, b, difference : float
        The scores, 0 to 1, and a - b.
    low, high : float
        95 % interval of the difference.
    share_not_above : float
        Share of resamples in which a is not better than b.
    p : float
        Two-sided, from the same resamples: 2 (1 + the rarer side) / (1 + resamples), at most 1.
    """

    metric: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    share_not_above: float
    p: float


def paired_bootstrap(
    a: Predictions, b: Predictions, *, metric: str = "ua", bootstraps: int = 10_000, seed: int = 0
) -> Difference:
    """Difference between two models, resampling the speakers of both at once.

    Parameters
    ----------
    a, b : Predictions
        Matched on their utterances; several seeds of one are averaged, not chosen from.
    metric : str, optional
        ``"ua"``, ``"wa"``, ``"f1"``, or ``"recall:<label>"`` of a label that occurs.
    bootstraps : int, optional
        Resamples.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    Difference
        Per utterance.

    Raises
    ------
    ModelError
        If the two cannot be matched.
    ConfigError
        If there is no such metric.
    """
    every = paired_bootstraps(a, b, bootstraps=bootstraps, seed=seed)
    if metric not in every:
        raise ConfigError(f"no metric {metric!r} to compare; there are: {', '.join(every)}")
    return every[metric]


def paired_bootstraps(
    a: Predictions, b: Predictions, *, bootstraps: int = 10_000, seed: int = 0
) -> dict[str, Difference]:
    """All that `paired_bootstrap` knows, from the same resamples; keys are the metrics.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapters 8.4 (clusters) and 13 (percentiles).
    """
    matched = match(a, b)
    both = (matched.a, matched.b)
    units = units_of([item for p in both for item in p.items])
    halves = (units.of[: len(both[0].items)], units.of[len(both[0].items) :])
    counts = [_counts(p, unit, units.n) for p, unit in zip(both, halves, strict=True)]
    joint = np.concatenate([c.reshape(units.n, -1) for c in counts], axis=1)
    totals = resample(joint, bootstraps=bootstraps, rng=np.random.default_rng(seed))
    cut = int(np.prod(counts[0].shape[1:]))
    drawn = [
        _named(part.reshape(bootstraps, *c.shape[1:]), matched.a.labels)
        for part, c in zip((totals[:, :cut], totals[:, cut:]), counts, strict=True)
    ]
    found = [_named(c.sum(axis=0)[None], matched.a.labels) for c in counts]
    return {
        name: _difference(name, float(found[0][name][0]), float(found[1][name][0]), drawn[0][name] - drawn[1][name])
        for name in found[0]
        if not np.isnan(found[0][name][0])
    }


def _counts(predictions: Predictions, unit: NDArray[np.int64], n_units: int) -> NDArray[np.int64]:
    seeds = np.searchsorted(predictions.seeds, [item.seed for item in predictions.items])
    return confusion_counts(
        unit, seeds, predictions.truth, predictions.predicted(),
        n_units=n_units, n_seeds=len(predictions.seeds), n_labels=len(predictions.labels),
    )  # fmt: skip


def _named(totals: NDArray[Any], labels: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Scores by name, (bootstraps,) each, averaged over the seeds of ``totals`` (bootstraps, seeds, ...)."""
    found = rates(totals)
    named = {metric: mean_over_seeds(getattr(found, metric), axis=1) for metric in METRICS}
    recall = mean_over_seeds(found.recall, axis=1)
    return named | {f"recall:{label}": recall[:, i] for i, label in enumerate(labels)}


def _difference(name: str, a: float, b: float, drawn: NDArray[np.float64]) -> Difference:
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Difference(
        metric=name,
        a=a,
        b=b,
        difference=a - b,
        low=float(low),
        high=float(high),
        share_not_above=float((drawn <= 0).mean()),
        p=min(1.0, 2 * (1 + rarer) / (1 + len(drawn))),
    )

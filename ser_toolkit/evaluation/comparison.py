"""Is one model better than another? Both on the same utterances, and the speakers resampled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.evaluation.matching import match
from ser_toolkit.evaluation.results import plain, read
from ser_toolkit.evaluation.statistics import METRICS, Difference, paired_bootstraps, units_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.matching import Matched
    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["Comparison", "McNemar", "compare", "mcnemar"]


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Utterances that only one of two models gets right.

    Parameters
    ----------
    seed : int or None
        Of both models; None for the mean probabilities over the seeds of each.
    only_a, only_b : int
        Right in one, wrong in the other.
    p : float
        Two-sided exact binomial test; takes utterances as independent, so it is rather too small.
    """

    seed: int | None
    only_a: int
    only_b: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on the same utterances; every difference is a - b.

    Parameters
    ----------
    labels : tuple of str
        The classes.
    protocol_a, protocol_b : str
        Belong beside the scores.
    n, only_a, only_b : int
        Common utterances, and those left out because one table lacks them.
    n_speakers : int
        Known speakers of the common utterances.
    seeds_a, seeds_b : tuple of int
        Averaged, not chosen from.
    folds_a, folds_b : tuple of str
        Names; empty without folds.
    unit : str
        What the bootstrap draws.
    bootstraps : int
        Resamples.
    metrics : tuple of Difference
        Of ua, wa, f1.
    recalls : tuple of Difference
        Of each class that occurs.
    mcnemar : tuple of McNemar
        For each common seed, else one.
    cautions : tuple of str
        What a reader has to know first.
    """

    labels: tuple[str, ...]
    protocol_a: str
    protocol_b: str
    n: int
    only_a: int
    only_b: int
    n_speakers: int
    seeds_a: tuple[int, ...]
    seeds_b: tuple[int, ...]
    folds_a: tuple[str, ...]
    folds_b: tuple[str, ...]
    unit: str
    bootstraps: int
    metrics: tuple[Difference, ...]
    recalls: tuple[Difference, ...]
    mcnemar: tuple[McNemar, ...]
    cautions: tuple[str, ...]

    @property
    def ua(self) -> Difference:
        """The difference that decides."""
        return self.metrics[0]

    def verdict(self, a: str = "A", b: str = "B") -> str:
        """One sentence in plain words; `a` and `b` name the models.

        One model counts as better if the 95 % interval of the difference in UA leaves out zero.
        """
        d = self.ua
        if d.low > 0:
            return f"{a} is better by {_points(d.difference)} of UA (95 % interval {_ends(d.low, d.high)})."
        if d.high < 0:
            return f"{b} is better by {_points(-d.difference)} of UA (95 % interval {_ends(-d.high, -d.low)})."
        said = f"No difference can be shown: {a} minus {b} is {100 * d.difference:+.1f} points of UA"
        return f"{said} (95 % interval {_ends(d.low, d.high)})."

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"format": 1, "verdict": self.verdict(), **plain(dataclasses.asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Comparison:
        """Read what `to_json` wrote.

        Raises
        ------
        ModelError
            If something is missing or of another type.
        """
        return read(cls, data, "comparison")


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _ends(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"


def compare(a: Predictions, b: Predictions, *, bootstraps: int = 10_000, seed: int = 0) -> Comparison:
    """Compare two models on the utterances that both were asked about.

    Parameters
    ----------
    a, b : Predictions
        Matched on corpus, file and part of the file.
    bootstraps : int, optional
        Resamples of the speakers.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    Comparison
        Differences a - b per utterance. Seeds of a model are averaged; the interval is over speakers, not over seeds.

    Raises
    ------
    ModelError
        If labels or true emotions differ, or no utterance is in both.
    """
    matched = match(a, b)
    a, b = matched.a, matched.b
    differences = paired_bootstraps(a, b, bootstraps=bootstraps, seed=seed)
    units = units_of([*a.items, *b.items])
    return Comparison(
        labels=a.labels,
        protocol_a=a.protocol,
        protocol_b=b.protocol,
        n=matched.n,
        only_a=matched.only_a,
        only_b=matched.only_b,
        n_speakers=len({(item.corpus or "", item.speaker) for item in a.items if item.speaker is not None}),
        seeds_a=a.seeds,
        seeds_b=b.seeds,
        folds_a=_folds(a),
        folds_b=_folds(b),
        unit=units.name,
        bootstraps=bootstraps,
        metrics=tuple(differences[name] for name in METRICS),
        recalls=tuple(d for name, d in differences.items() if name not in METRICS),
        mcnemar=mcnemar(a, b),
        cautions=_cautions(matched, units.caution),
    )


def mcnemar(a: Predictions, b: Predictions) -> tuple[McNemar, ...]:
    """Exact McNemar test on matched predictions.

    Parameters
    ----------
    a, b : Predictions
        Of `match`.

    Returns
    -------
    tuple of McNemar
        One for each seed that both have; else one for the mean probabilities over each one's seeds.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions
    or percentages", Psychometrika 12(2), 1947.
    """
    from scipy.stats import binomtest

    common: list[int | None] = [s for s in a.seeds if s in b.seeds]
    found = []
    for seed in common or [None]:
        right_a, right_b = _right(a, seed), _right(b, seed)
        keys = right_a.keys() & right_b.keys()
        only_a = sum(right_a[k] and not right_b[k] for k in keys)
        only_b = sum(right_b[k] and not right_a[k] for k in keys)
        p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
        found.append(McNemar(seed=seed, only_a=only_a, only_b=only_b, p=p))
    return tuple(found)


def _right(predictions: Predictions, seed: int | None) -> dict[Any, bool]:
    """Whether each utterance is right: for one seed, or by the mean of what the seeds say."""
    truth = predictions.truth
    if seed is not None:
        right = predictions.predicted() == truth
        return {
            item.key: bool(r) for item, r in zip(predictions.items, right.tolist(), strict=True) if item.seed == seed
        }
    mean, has = predictions.utterances()
    total: dict[Any, NDArray[np.float64]] = {}
    for item, row, there in zip(predictions.items, mean, has.tolist(), strict=True):
        total[item.key] = total.get(item.key, np.zeros(len(row))) + (row if there else 0.0)
    true = {item.key: t for item, t in zip(predictions.items, truth.tolist(), strict=True)}
    return {key: bool(row.any() and row.argmax() == true[key]) for key, row in total.items()}


def _folds(predictions: Predictions) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.fold for item in predictions.items if item.fold))


def _cautions(matched: Matched, about_units: str) -> tuple[str, ...]:
    a, b = matched.a, matched.b
    said = [f"A: {note}" for note in a.notes] + [f"B: {note}" for note in b.notes]
    if a.protocol != b.protocol:
        said.append("the protocols differ: the models did not learn from comparable data")
    folds_a = {item.key: item.fold for item in a.items}
    folds_b = {item.key: item.fold for item in b.items}
    elsewhere = sum(folds_a[key] != folds_b[key] for key in folds_a)
    if elsewhere:
        said.append(f"{elsewhere} of {matched.n} utterances were tested in other folds: training parts differ")
    if matched.only_a or matched.only_b:
        said.append(f"left out: {matched.only_a} utterances that only A has, {matched.only_b} that only B has")
    if len(a.seeds) == 1 or len(b.seeds) == 1:
        said.append("a model with one seed: the difference may be the luck of its initial weights")
    if about_units:
        said.append(about_units)
    return tuple(said)

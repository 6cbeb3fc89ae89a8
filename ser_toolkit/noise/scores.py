"""From answers under noise to scores: UA per condition, what is lost against clean speech, areas under curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.counts import confusion_counts, mean_over_seeds, rates
from ser_toolkit.evaluation.results import Estimate, plain, read
from ser_toolkit.evaluation.statistics import estimate, resample, units_of
from ser_toolkit.noise.conditions import ADDITIVE, KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.noise.bench import Benched
    from ser_toolkit.noise.conditions import Condition

__all__ = ["ConditionScore", "Curve", "NoiseScores", "RatioScore", "score_noise"]

_MEANINGS = {
    "ua": "UA (macro recall) per utterance: mean recall over the classes that occur",
    "wa": "WA (accuracy) per utterance",
    "lost": "UA on the clean recordings minus this UA; positive where the condition costs something",
    "area": "mean UA over the range of ratios: area under the curve of UA over SNR, divided by its width",
    "low, high": "95 % interval, percentile bootstrap over `unit`, the same resamples for clean and degraded",
}


@dataclass(frozen=True, kw_only=True)
class ConditionScore:
    """Scores under one condition.

    Parameters
    ----------
    name, title : str
        As written on the command line, and for people.
    kind : str
        Of `ser_toolkit.noise.conditions.KINDS`.
    value : float or None
        Of the condition.
    ua, wa : Estimate
        Per utterance, 0 to 1.
    lost : Estimate
        UA on clean recordings minus UA here.
    recalls : dict
        Label to recall, 0 to 1; labels that do not occur are absent.
    """

    name: str
    title: str
    kind: str
    value: float | None
    ua: Estimate
    wa: Estimate
    lost: Estimate
    recalls: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """UA over the ratio of speech to one kind of noise.

    Parameters
    ----------
    kind, title : str
        Of the noise.
    snrs_db : tuple of float
        Ascending, two or more.
    ua : tuple of float
        At these ratios, 0 to 1.
    area : Estimate
        Area under the curve divided by its width: the mean UA over the range, 0 to 1.
    lost : Estimate
        UA on clean recordings minus `area`.
    """

    kind: str
    title: str
    snrs_db: tuple[float, ...]
    ua: tuple[float, ...]
    area: Estimate
    lost: Estimate


@dataclass(frozen=True, kw_only=True)
class RatioScore:
    """Mean over all additive noise at one ratio, in dB: UA, and what is lost against clean recordings."""

    snr_db: float
    kinds: tuple[str, ...]
    ua: Estimate
    lost: Estimate


@dataclass(frozen=True, kw_only=True)
class NoiseScores:
    """Scores of models on degraded recordings.

    Parameters
    ----------
    protocol : str
        How training and test were kept apart; belongs beside every score.
    n, n_speakers : int
        Distinct utterances and known speakers.
    seeds : tuple of int
        Of the models; scores are means over them.
    noise_seed : int
        Of the noise.
    unit : str
        What the bootstrap draws: speakers or utterances.
    bootstraps : int
        Number of resamples.
    chance : float
        UA of always naming one class.
    clean : ConditionScore
        On the recordings as they are; its `lost` is 0.
    conditions : tuple of ConditionScore
        In the order of `ser_toolkit.noise.conditions.KINDS`.
    curves : tuple of Curve
        For each additive noise with two ratios or more.
    ratios : tuple of RatioScore
        For each ratio at which all the additive noises, two or more, were tried.
    cautions : tuple of str
        What a reader of the scores has to know first.
    """

    protocol: str
    n: int
    n_speakers: int
    seeds: tuple[int, ...]
    noise_seed: int
    unit: str
    bootstraps: int
    chance: float
    clean: ConditionScore
    conditions: tuple[ConditionScore, ...]
    curves: tuple[Curve, ...]
    ratios: tuple[RatioScore, ...]
    cautions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; what is undefined is null."""
        return {"format": 1, "meanings": dict(_MEANINGS), **plain(dataclasses.asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NoiseScores:
        """Read what `to_json` wrote.

        Raises
        ------
        ModelError
            If something is missing or of another type.
        """
        return read(cls, data, "noise scores")


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """A condition's UA and WA for each seed, and their means over the seeds in every resample."""

    ua: NDArray[np.float64]
    wa: NDArray[np.float64]
    recall: NDArray[np.float64]
    drawn_ua: NDArray[np.float64]
    drawn_wa: NDArray[np.float64]


def score_noise(benched: Benched, *, bootstraps: int = 2000, seed: int = 0) -> NoiseScores:
    """Score what a bench found.

    Parameters
    ----------
    benched : Benched
        Answers about clean and degraded recordings.
    bootstraps : int, optional
        Resamples of the speakers; each draws the same speakers for all conditions, so that what they share cancels.
    seed : int, optional
        Of the resampling.

    Returns
    -------
    NoiseScores
        Per utterance.

    Raises
    ------
    ModelError
        If a condition holds other utterances than the clean predictions.
    """
    clean, labels = benched.clean, benched.clean.labels
    units = units_of(clean.items)
    for condition, predictions in benched.noisy.items():
        if [(i.key, i.seed) for i in predictions.items] != [(i.key, i.seed) for i in clean.items]:
            raise ModelError(f"the answers under {condition.name} are of other utterances than the clean ones")
    every = [clean, *benched.noisy.values()]
    joint = np.stack(
        [_counts(p, units.of, units.n) for p in every], axis=1
    )  # (units, conditions, seeds, labels, labels + 1)
    totals = resample(joint, bootstraps=bootstraps, rng=np.random.default_rng(seed))
    found = []
    for i in range(len(every)):
        whole, drawn = rates(joint[:, i].sum(axis=0)), rates(totals[:, i])
        found.append(
            _Drawn(
                ua=whole.ua, wa=whole.wa, recall=mean_over_seeds(whole.recall, axis=0),
                drawn_ua=mean_over_seeds(drawn.ua, axis=1), drawn_wa=mean_over_seeds(drawn.wa, axis=1),
            )
        )  # fmt: skip
    base, noisy = found[0], dict(zip(benched.noisy, found[1:], strict=True))
    return NoiseScores(
        protocol=clean.protocol,
        n=len({item.key for item in clean.items}),
        n_speakers=len({(item.corpus, item.speaker) for item in clean.items if item.speaker is not None}),
        seeds=clean.seeds,
        noise_seed=benched.seed,
        unit=units.name,
        bootstraps=bootstraps,
        chance=1 / len(np.unique(clean.truth)),
        clean=_condition("clean", "clean", "clean", None, base, base, labels),
        conditions=tuple(
            _condition(c.name, c.title, c.kind, c.value, drawn, base, labels) for c, drawn in noisy.items()
        ),
        curves=_curves(noisy, base),
        ratios=_ratios(noisy, base),
        cautions=(*benched.notes, *([units.caution] if units.caution else [])),
    )


def _counts(predictions: Predictions, unit: NDArray[np.int64], n_units: int) -> NDArray[np.int64]:
    seeds = np.searchsorted(predictions.seeds, [item.seed for item in predictions.items])
    return confusion_counts(
        unit, seeds, predictions.truth, predictions.predicted(),
        n_units=n_units, n_seeds=len(predictions.seeds), n_labels=len(predictions.labels),
    )  # fmt: skip


def _condition(
    name: str, title: str, kind: str, value: float | None, here: _Drawn, base: _Drawn, labels: Sequence[str]
) -> ConditionScore:
    return ConditionScore(
        name=name,
        title=title,
        kind=kind,
        value=value,
        ua=estimate(here.ua, here.drawn_ua),
        wa=estimate(here.wa, here.drawn_wa),
        lost=estimate(base.ua - here.ua, base.drawn_ua - here.drawn_ua),
        recalls={label: float(r) for label, r in zip(labels, here.recall, strict=True) if not np.isnan(r)},
    )


def _curves(noisy: Mapping[Condition, _Drawn], base: _Drawn) -> tuple[Curve, ...]:
    from scipy.integrate import trapezoid

    curves = []
    for kind in ADDITIVE:
        points = [(c.value, drawn) for c, drawn in noisy.items() if c.kind == kind and c.value is not None]
        points.sort(key=lambda point: point[0])
        if len(points) < 2:
            continue
        snrs = np.array([snr for snr, _ in points])
        area, drawn = (
            trapezoid(np.stack(values), snrs, axis=0) / (snrs[-1] - snrs[0])
            for values in ([d.ua for _, d in points], [d.drawn_ua for _, d in points])
        )
        curves.append(
            Curve(
                kind=kind,
                title=KINDS[kind].title,
                snrs_db=tuple(snrs.tolist()),
                ua=tuple(float(np.mean(d.ua)) for _, d in points),
                area=estimate(area, drawn),
                lost=estimate(base.ua - area, base.drawn_ua - drawn),
            )
        )
    return tuple(curves)


def _ratios(noisy: Mapping[Condition, _Drawn], base: _Drawn) -> tuple[RatioScore, ...]:
    kinds = tuple(kind for kind in ADDITIVE if any(c.kind == kind for c in noisy))
    by_snr: dict[float, list[_Drawn]] = {}
    for condition, drawn in noisy.items():
        if condition.kind in kinds and condition.value is not None:
            by_snr.setdefault(condition.value, []).append(drawn)
    found = []
    for snr in sorted(by_snr, reverse=True):
        if len(kinds) > 1 and len(by_snr[snr]) == len(kinds):
            ua = np.mean([d.ua for d in by_snr[snr]], axis=0)
            drawn_ua = np.mean([d.drawn_ua for d in by_snr[snr]], axis=0)
            found.append(
                RatioScore(
                    snr_db=snr,
                    kinds=kinds,
                    ua=estimate(ua, drawn_ua),
                    lost=estimate(base.ua - ua, base.drawn_ua - drawn_ua),
                )
            )
    return tuple(found)

"""Whether prediction sets keep their promise: coverage, size, and coverage of every speaker and class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.evaluation.results import Estimate, SetScores
from ser_toolkit.evaluation.statistics import interval, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.evaluation.statistics import Units

__all__ = ["set_scores", "speaker_names"]


def speaker_names(predictions: Predictions) -> list[str | None]:
    """Speaker of each utterance, led by the corpus if there are several corpora; None if not known."""
    several = len({item.corpus for item in predictions.items}) > 1
    return [
        None if item.speaker is None else f"{item.corpus or '-'}/{item.speaker}" if several else item.speaker
        for item in predictions.items
    ]


def set_scores(predictions: Predictions, units: Units, *, bootstraps: int, seed: int) -> SetScores | None:
    """Scores of prediction sets.

    Parameters
    ----------
    predictions : Predictions
        All utterances, all seeds.
    units : Units
        What the bootstrap of the coverage draws.
    bootstraps, seed : int
        Resamples, and their random numbers.

    Returns
    -------
    SetScores or None
        None if the models have no sets, or no utterance has a window.

    References
    ----------
    Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 2019. The
    promised coverage is marginal over exchangeable utterances; across speakers it is not promised, hence measured.
    """
    inside = predictions.sets()
    has = predictions.utterances()[1]
    if inside is None or predictions.alpha is None or not has.any():
        return None
    truth = predictions.truth
    size = inside.sum(axis=1)
    covered = inside[np.arange(len(truth)), truth]
    single = has & (size == 1)
    counts = np.zeros((units.n, 2), dtype=np.int64)
    np.add.at(counts, units.of[has], np.stack([covered[has], np.ones(has.sum())], axis=1).astype(np.int64))
    drawn = resample(counts, bootstraps=bootstraps, rng=np.random.default_rng(seed))
    with np.errstate(invalid="ignore"):
        low, high = interval(drawn[:, 0] / drawn[:, 1])
    speakers = np.array([name or "" for name in speaker_names(predictions)], dtype=object)
    return SetScores(
        alpha=predictions.alpha,
        n=round(int(has.sum()) / len(predictions.seeds)),
        coverage=Estimate(value=float(covered[has].mean()), low=float(low), high=float(high)),
        size=float(size[has].mean()),
        singletons=float(single.sum() / has.sum()),
        singletons_right=float(covered[single].mean()) if single.any() else None,
        per_class=_shares(covered[has], np.array(predictions.labels, dtype=object)[truth[has]], predictions.labels),
        per_speaker=_shares(covered[has], speakers[has], sorted(set(speakers[has].tolist()) - {""})),
    )


def _shares(
    covered: NDArray[np.bool_], group: NDArray[np.object_], names: tuple[str, ...] | list[str]
) -> dict[str, float]:
    return {name: float(covered[group == name].mean()) for name in names if (group == name).any()}

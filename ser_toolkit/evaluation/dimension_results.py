"""What an evaluation says of dimensions, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ser_toolkit.evaluation.result_parts import Metric, plain, read

__all__ = ["DimensionEvaluation", "DimensionScores"]

_MEANINGS = {
    "ccc": "concordance correlation coefficient of Lin: 1 if every value is the rating",
    "rmse": "root mean square error, in the units of the ratings",
    "low, high": "95 % interval, percentile bootstrap over `unit`",
    "estimate": "pooled over folds and averaged over seeds",
    "folds, seeds": "mean, standard deviation and all values",
    "baseline": "RMSE of always saying the mean rating of what is tested",
}


@dataclass(frozen=True, kw_only=True)
class DimensionScores:
    """Scores of one dimension per utterance.

    Parameters
    ----------
    dimension : str
        Its name.
    n : int
        Utterances per seed that have a rating and a window.
    ccc, rmse : Metric
        Concordance, -1 to 1; root mean square error in the units of the ratings.
    baseline : float
        RMSE of always saying the mean rating: what `rmse` has to beat.
    """

    dimension: str
    n: int
    ccc: Metric
    rmse: Metric
    baseline: float


@dataclass(frozen=True, kw_only=True)
class DimensionEvaluation:
    """Scores of models that predict dimensions, on utterances they had not seen.

    Parameters
    ----------
    scores : tuple of DimensionScores
        Of each dimension.
    protocol, n, n_speakers, n_without_window, seeds, folds, unit, bootstraps
        As of `ser_toolkit.evaluation.results.Evaluation`.
    cautions : tuple of str
        What a reader of the scores has to know first.
    """

    scores: tuple[DimensionScores, ...]
    protocol: str
    n: int
    n_speakers: int
    n_without_window: int
    seeds: tuple[int, ...]
    folds: tuple[str, ...]
    unit: str
    bootstraps: int
    cautions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; what is undefined is null."""
        return {"format": 1, "meanings": dict(_MEANINGS), **plain(dataclasses.asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DimensionEvaluation:
        """Read what `to_json` wrote.

        Raises
        ------
        ModelError
            If something is missing or of another type.
        """
        return read(cls, data, "evaluation of dimensions")

"""How well values agree with ratings: concordance and root mean square error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Agreement", "agreement", "agreements"]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of one dimension.

    Parameters
    ----------
    n : int
        Items with a rating and a value.
    ccc : float
        Lin's concordance correlation coefficient, -1 to 1: 1 if all values are the ratings. NaN for fewer than two.
    rmse : float
        Root mean square error in the units of the ratings; NaN for none.
    """

    n: int
    ccc: float
    rmse: float

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; what is undefined is null."""
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Agreement:
        """Read what `to_json` wrote."""
        ccc, rmse = (math.nan if data[name] is None else data[name] for name in ("ccc", "rmse"))
        return cls(n=data["n"], ccc=ccc, rmse=rmse)


def agreement(ratings: NDArray[np.floating[Any]], values: NDArray[np.floating[Any]]) -> Agreement:
    """Agreement of values with ratings; items of which either is NaN are left out.

    Parameters
    ----------
    ratings, values : ndarray, shape (n,)
        In the same units.

    Returns
    -------
    Agreement
        Computed in float64, with variances that divide by n.

    References
    ----------
    Lin: A concordance correlation coefficient to evaluate reproducibility. Biometrics 45(1), 1989.
    """
    x, y = np.asarray(values, dtype=np.float64), np.asarray(ratings, dtype=np.float64)
    there = ~(np.isnan(x) | np.isnan(y))
    x, y = x[there], y[there]
    if not len(x):
        return Agreement(n=0, ccc=math.nan, rmse=math.nan)
    rmse = float(np.sqrt(np.mean((x - y) ** 2)))
    spread = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    both = float(np.mean((x - x.mean()) * (y - y.mean())))
    ccc = math.nan if len(x) < 2 else 2 * both / spread if spread > 0 else 0.0
    return Agreement(n=len(x), ccc=ccc, rmse=rmse)


def agreements(
    ratings: NDArray[np.floating[Any]], values: NDArray[np.floating[Any]], names: Sequence[str]
) -> dict[str, Agreement]:
    """Agreement of each dimension by name; ratings and values are (n, n_dimensions)."""
    return {name: agreement(ratings[:, i], values[:, i]) for i, name in enumerate(names)}

"""What results of evaluations are made of: numbers with intervals, spreads, and their way from and to JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ser_toolkit.errors import ModelError

__all__ = ["Estimate", "Metric", "Spread", "plain", "read"]

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its 95 % interval; None where it is undefined."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A score for each fold or each seed, their mean, and their standard deviation (n - 1; None for one value)."""

    mean: float
    sd: float | None
    values: dict[str, float]

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Spread | None:
        """Of these values; None without any."""
        if not values:
            return None
        array = np.array(list(values.values()))
        sd = float(array.std(ddof=1)) if len(array) > 1 else None
        return cls(mean=float(array.mean()), sd=sd, values=dict(values))


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score of one level.

    Parameters
    ----------
    estimate : Estimate
        Pooled over folds; with several seeds the mean of their pooled scores.
    folds : Spread or None
        Per fold, each the mean over seeds; None without folds.
    seeds : Spread or None
        Per seed, pooled over folds; None for one seed, and for a model whose answers do not depend on it.
    """

    estimate: Estimate
    folds: Spread | None = None
    seeds: Spread | None = None


def read(cls: type[_T], data: Mapping[str, Any], name: str) -> _T:
    """Dataclass from JSON values; `name` says what it is, for the message of a ModelError."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_python(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"no {name} of ser-toolkit: {where}: {first['msg']}") from error


def plain(value: Any) -> Any:
    """JSON values: tuples as lists, numbers that are not finite as null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

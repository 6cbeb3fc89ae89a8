"""One row of ``epochs.csv``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["Epoch"]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one epoch gave.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss, dev_loss : float
        Mean over windows of the loss that is trained with; over those of all processes.
    dev_wa, dev_ua : float
        Per utterance, 0 to 1.
    dev_window_wa, dev_window_ua : float
        Per window, 0 to 1.
    lr : float
        Learning rate of the last step.
    seconds : float
        Wall time.
    best : bool
        Whether its weights were kept, until those of a later one: the best so far by what ``training.select``
        names, or the last of all.
    dimensions : dict of str to float
        ``dev_ccc_<dimension>`` and ``dev_rmse_<dimension>`` per utterance; empty without dimensions. Without emotions
        WA and UA are NaN.
    """

    epoch: int
    train_loss: float
    dev_loss: float
    dev_wa: float
    dev_ua: float
    dev_window_wa: float
    dev_window_ua: float
    lr: float
    seconds: float
    best: bool
    dimensions: dict[str, float] = field(default_factory=dict)

    @property
    def dev_score(self) -> float:
        """What ``select = "ua"`` goes by: UA per utterance; without emotions the mean CCC of the dimensions."""
        if not math.isnan(self.dev_ua):
            return self.dev_ua
        found = [v for k, v in self.dimensions.items() if k.startswith("dev_ccc_") and not math.isnan(v)]
        return sum(found) / len(found) if found else -math.inf

    def to_row(self) -> dict[str, Any]:
        """As columns of the file, those of dimensions at the end."""
        row: dict[str, Any] = asdict(self)
        del row["dimensions"]
        return row | self.dimensions

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Epoch:
        """Read a row of the file."""
        own = {f.name for f in fields(cls)}
        numbers = {k: float(v) for k, v in row.items() if k not in ("epoch", "best")}
        return cls(
            epoch=int(row["epoch"]),
            best=row["best"] == "True",
            dimensions={k: v for k, v in numbers.items() if k not in own},
            **{k: v for k, v in numbers.items() if k in own},
        )

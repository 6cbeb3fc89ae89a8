"""One row of ``epochs.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Epoch:
        """Read a row of the file."""
        numbers = {k: float(v) for k, v in row.items() if k not in ("epoch", "best")}
        return cls(epoch=int(row["epoch"]), best=row["best"] == "True", **numbers)

"""What a cross-validation tells whoever watches; rendering is theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ser_toolkit.training.progress import Progress, Silent

__all__ = ["FoldDone", "JobProgress", "SilentJob"]


@dataclass(frozen=True, kw_only=True)
class FoldDone:
    """One finished fold, for whoever watches.

    Parameters
    ----------
    setting : str
        Name of the configuration; empty if there is only one.
    seed : int
        Seed of the model.
    fold : str
        Name of the fold.
    number, total : int
        Position in the job, from 1.
    ua, wa : float
        Per utterance, 0 to 1; NaN if no recording of the fold could be tested, and without emotions.
    ccc : float
        Mean CCC of the dimensions per utterance; NaN without any.
    epochs : int
        Epochs that were run; 0 for a classical model.
    seconds : float
        Wall time; 0 if it was done before.
    """

    setting: str
    seed: int
    fold: str
    number: int
    total: int
    ua: float
    wa: float
    epochs: int
    seconds: float
    ccc: float = math.nan


class JobProgress(Progress, Protocol):
    """Observer of a cross-validation; also sees the epochs of the fold that is being fitted."""

    def fold_starting(self, *, setting: str, seed: int, fold: str, number: int, total: int) -> None:
        """Before a fold is fitted."""

    def fold_done(self, done: FoldDone) -> None:
        """After each fold; after a resume also for the earlier ones."""


class SilentJob(Silent):
    """Observer that shows nothing."""

    def fold_starting(self, *, setting: str, seed: int, fold: str, number: int, total: int) -> None:
        """Ignore."""

    def fold_done(self, done: FoldDone) -> None:
        """Ignore."""

"""Counts over many files, taken in one pass."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult, Status

__all__ = ["Spread", "Tally"]


class Spread:
    """Mean and deviation of numbers that come one by one, and the least and the greatest.

    References
    ----------
    Welford: Note on a method for calculating corrected sums of squares and products. Technometrics 4(3), 1962.
    """

    def __init__(self) -> None:
        self.n, self.mean, self._squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, value: float) -> None:
        """Count a number."""
        self.n += 1
        before = value - self.mean
        self.mean += before / self.n
        self._squares += before * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)

    @property
    def sd(self) -> float:
        """Standard deviation (n - 1); 0 of a single number."""
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else 0.0


class Tally:
    """What a summary says, counted file by file; does not grow with their number.

    Parameters
    ----------
    n_kept : int, optional
        Most files of each status other than ``ok`` that are kept to be shown.

    Attributes
    ----------
    statuses : Counter of str
        Files by status.
    reasons : Counter of (str, str)
        Files that are not ``ok``, by status and reason.
    notes : Counter of str
        Files by note.
    predicted : Counter of str
        Files with status ``ok`` by what is predicted.
    audio_s : float
        Seconds of audio in them.
    n_windows : int
        Windows in them.
    n_sets, n_uncertain : int
        Files with a prediction set; with a set of several emotions.
    n_below : int
        Files whose confidence is below the least one that was asked for.
    values : dict of str to Spread
        Values of each dimension over the files with status ``ok``.
    """

    def __init__(self, *, n_kept: int = 50) -> None:
        self._n_kept = n_kept
        self._kept: dict[Status, list[FileResult]] = {"failed": [], "skipped": []}
        self._first = self._last = ""
        self.statuses: Counter[Status] = Counter()
        self.reasons: Counter[tuple[Status, str]] = Counter()
        self.notes: Counter[str] = Counter()
        self.predicted: Counter[str] = Counter()
        self.audio_s = 0.0
        self.n_windows = self.n_sets = self.n_uncertain = self.n_below = 0
        self.values: dict[str, Spread] = {}

    def add(self, result: FileResult) -> None:
        """Count a file."""
        self._first = min(self._first, result.file) if self.n else result.file
        self._last = max(self._last, result.file)
        self.statuses[result.status] += 1
        self.notes.update(result.notes)
        if result.status != "ok":
            self.reasons[result.status, result.reason] += 1
            if len(self._kept[result.status]) < self._n_kept:
                self._kept[result.status].append(result)
            return
        self.predicted[result.predicted or ""] += 1
        for name, value in result.dimensions.items():
            self.values.setdefault(name, Spread()).add(value)
        self.audio_s += result.duration_s or 0.0
        self.n_windows += len(result.windows)
        self.n_sets += result.prediction_set is not None
        self.n_uncertain += result.uncertain or False
        self.n_below += result.confidence is not None and result.confidence < result.min_confidence

    @property
    def n(self) -> int:
        """Files."""
        return self.statuses.total()

    @property
    def n_ok(self) -> int:
        """Files with an emotion."""
        return self.statuses["ok"]

    @property
    def not_analyzed(self) -> list[FileResult]:
        """The first of the files without an emotion, failed ones before skipped ones."""
        return [*self._kept["failed"], *self._kept["skipped"]][: self._n_kept]

    @property
    def folder(self) -> str:
        """Beginning that all names share, up to and with a slash; empty for a single file and for ``/``."""
        if self.n < 2:
            return ""
        pairs = zip(self._first, self._last, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(self._first), len(self._last)))
        end = self._first.rfind("/", 0, same) + 1
        return self._first[:end] if end > 1 else ""

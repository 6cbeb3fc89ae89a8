"""Counts for the HTML report, taken in one pass and in little memory."""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.report.html_summary import DimensionRange, Example, Group, Histogram, Share, Summary, split_name
from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.tally import Tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.evaluation.folder_labels import Truth
    from ser_toolkit.report.results import FileResult, Status

__all__ = ["EXAMPLES", "PROBLEMS", "Counting", "judged"]

EXAMPLES = 6
"""Files in the lists of the most and the least certain."""

PROBLEMS = 25
"""Files without a result that are listed by name."""

_CONFIDENCE_BINS = 20
_DURATION_BINS = 24


def judged(result: FileResult, truth: Truth | None, labels: Sequence[str]) -> bool | None:
    """Whether the likeliest emotion is the true one; None where that cannot be said."""
    if truth is None or truth.emotion not in labels or result.likeliest is None:
        return None
    return result.likeliest == truth.emotion


class Counting:
    """Counts results one by one.

    Parameters
    ----------
    labels : sequence of str
        Emotions of the model.
    folders : bool, optional
        Whether to count by folder and to name what all files lie in.
    """

    def __init__(self, labels: Sequence[str], *, folders: bool = True) -> None:
        self._labels = tuple(labels)
        self._tally = Tally(n_kept=0)
        self._total = _GroupCount()
        self._sizes: Counter[int] = Counter()
        self._sums = np.zeros(len(self._labels))
        self._confidence = np.zeros((len(self._labels), _CONFIDENCE_BINS), dtype=np.int64)
        self._durations = array("d")
        self._folders: dict[str, _GroupCount] | None = {} if folders else None
        self._speakers: dict[str, _GroupCount] = {}
        self._most: list[tuple[float, int, FileResult]] = []
        self._least: list[tuple[float, int, FileResult]] = []
        self._problems: list[Example] = []

    def add(self, result: FileResult, truth: Truth | None) -> None:
        """Count one file."""
        index, right = self._tally.n, judged(result, truth, self._labels)
        self._tally.add(result)
        self._total.add(result, right)
        if result.duration_s is not None and math.isfinite(result.duration_s):
            self._durations.append(result.duration_s)
        if self._folders is not None:
            self._folders.setdefault(split_name(result.file)[0], _GroupCount()).add(result, right)
        if truth is not None and truth.speaker is not None:
            self._speakers.setdefault(truth.speaker, _GroupCount()).add(result, right)
        if result.probabilities:
            self._add_emotion(index, result)
        elif result.status != "ok" and len(self._problems) < PROBLEMS:
            self._problems.append(Example(index=index, result=replace(result, windows=())))

    def _add_emotion(self, index: int, result: FileResult) -> None:
        p = [result.probabilities.get(label, 0.0) for label in self._labels]
        confidence = max(p)
        self._sums += p
        self._confidence[p.index(confidence), min(_CONFIDENCE_BINS - 1, int(confidence * _CONFIDENCE_BINS))] += 1
        if result.prediction_set is not None:
            self._sizes[len(result.prediction_set)] += 1
        for heap, key in ((self._most, confidence), (self._least, -confidence)):
            # of equals the earlier file stays
            if len(heap) < EXAMPLES or (key, -index) > heap[0][:2]:
                heapq.heappush(heap, (key, -index, replace(result, windows=())))
                if len(heap) > EXAMPLES:
                    heapq.heappop(heap)

    def summary(self) -> Summary:
        """What was counted."""
        tally = self._tally
        classes = [
            Share(label=label, n=tally.predicted[label], mean_probability=total / tally.n_ok if tally.n_ok else None)
            for label, total in zip(self._labels, self._sums.tolist(), strict=True)
        ]
        if tally.predicted[UNCERTAIN] and UNCERTAIN not in self._labels:
            classes.append(Share(label=UNCERTAIN, n=tally.predicted[UNCERTAIN], mean_probability=None))
        few = min(EXAMPLES, tally.n_ok // 2) if tally.n_ok >= 4 else 0
        by_label = dict(zip(self._labels, map(tuple, self._confidence.tolist()), strict=True))
        return Summary(
            labels=self._labels,
            folder=split_name(tally.folder)[0] if self._folders is not None else "",
            n=tally.n,
            n_ok=tally.n_ok,
            n_skipped=tally.statuses["skipped"],
            n_failed=tally.statuses["failed"],
            n_windows=tally.n_windows,
            audio_s=self._total.audio_s,
            classes=tuple(classes),
            set_sizes=dict(sorted(self._sizes.items())),
            confidence=Histogram(
                edges=tuple(i / _CONFIDENCE_BINS for i in range(_CONFIDENCE_BINS + 1)),
                counts=tuple(self._confidence.sum(axis=0).tolist()),
                by_label=by_label,
            ),
            durations=_durations(np.array(self._durations)),
            notes=dict(tally.notes.most_common()),
            skipped=self._reasons("skipped"),
            failed=self._reasons("failed"),
            folders=self._groups(self._folders or {}),
            speakers=self._groups(self._speakers),
            most_certain=_examples(self._most, few),
            least_certain=_examples(self._least, few),
            problems=tuple(self._problems),
            n_judged=self._total.n_judged,
            n_right=self._total.n_right,
            dimensions=tuple(
                DimensionRange(dimension=name, mean=found.mean, sd=found.sd, low=found.low, high=found.high)
                for name, found in tally.values.items()
            ),
        )

    def _reasons(self, status: Status) -> dict[str, int]:
        return {reason: n for (which, reason), n in self._tally.reasons.most_common() if which == status}

    def _groups(self, counts: dict[str, _GroupCount]) -> tuple[Group, ...]:
        if len(counts) < 2:
            return ()
        by_size = sorted(counts.items(), key=lambda item: (-item[1].n, item[0]))
        return tuple(count.group(name, (*self._labels, UNCERTAIN)) for name, count in by_size)


class _GroupCount:
    def __init__(self) -> None:
        self.n = self.n_ok = self.n_judged = self.n_right = 0
        self.audio_s = self.confidence = 0.0
        self.classes: Counter[str] = Counter()

    def add(self, result: FileResult, right: bool | None) -> None:
        self.n += 1
        self.audio_s += result.duration_s or 0.0
        self.n_judged += right is not None
        self.n_right += right is True
        if result.status == "ok":
            self.n_ok += 1
            self.confidence += result.confidence or 0.0
            self.classes[result.predicted or ""] += 1

    def group(self, name: str, labels: Sequence[str]) -> Group:
        return Group(
            name=name,
            n=self.n,
            n_ok=self.n_ok,
            audio_s=self.audio_s,
            confidence=self.confidence / self.n_ok if self.n_ok else None,
            classes={label: self.classes[label] for label in labels if self.classes[label]},
            n_judged=self.n_judged,
            n_right=self.n_right,
        )


def _examples(heap: list[tuple[float, int, FileResult]], n: int) -> tuple[Example, ...]:
    best = sorted(heap, key=lambda item: item[:2], reverse=True)[:n]
    return tuple(Example(index=-minus_index, result=result) for _, minus_index, result in best)


def _durations(seconds: NDArray[np.float64]) -> Histogram:
    """Lengths of recordings between round edges; the last bin holds the longest hundredth, however long.

    The edges are evenly spaced, or each is twice the one before where most lengths differ more than 20-fold.
    """
    if not seconds.size:
        return Histogram(edges=(), counts=())
    low, most = float(seconds.min()), float(np.quantile(seconds, 0.99))
    if np.quantile(seconds, 0.9) > 20 * max(np.quantile(seconds, 0.1), 0.1):
        first, last = (math.floor(math.log2(max(s, 0.1))) for s in (low, most))
        edges = 2.0 ** np.arange(first, last + 2)
    else:
        rough = max(most - low, 0.01) / _DURATION_BINS
        tens = 10.0 ** math.floor(math.log10(rough))
        step = next(tens * m for m in (1, 2, 2.5, 5, 10) if tens * m >= rough * 0.999)
        edges = np.arange(math.floor(low / step), math.floor(most / step) + 2) * step
    edges[0] = min(edges[0], low)
    edges[-1] = max(edges[-1], float(seconds.max()))
    counts = np.histogram(seconds, bins=edges)[0]
    return Histogram(edges=tuple(round(e, 6) for e in edges.tolist()), counts=tuple(counts.tolist()))

"""From the windows of a recording to the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.inference.smoothing import smooth
from ser_toolkit.report.results import FileResult, Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.recipe_calibration import Conformal

__all__ = ["AGGREGATIONS", "Aggregation", "Summary", "aggregate"]

Aggregation = Literal["mean", "log-mean", "vote"]
AGGREGATIONS: tuple[Aggregation, ...] = ("mean", "log-mean", "vote")

_TINY = 1e-12


def aggregate(probabilities: NDArray[np.float32], how: Aggregation = "mean") -> NDArray[np.float64]:
    """Probabilities of a recording from those of its windows.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n_windows, n_labels)
        Rows sum to 1; at least one.
    how : {"mean", "log-mean", "vote"}
        Mean of the probabilities; mean of their logarithms, normalised (a window that rules an emotion out weighs
        more); or the share of windows in which a label is the likeliest.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        Sums to 1.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    if how == "vote":
        return np.bincount(rows.argmax(axis=1), minlength=rows.shape[1]) / len(rows)
    if how == "mean":
        mean: NDArray[np.float64] = rows.mean(axis=0)
        return mean
    logs = np.log(np.maximum(rows, _TINY)).mean(axis=0)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How results of windows become those of a recording.

    Parameters
    ----------
    labels : tuple of str
        Emotions of the model; empty if it has none.
    sr : int
        Sample rate in Hz that windows are counted in.
    n_window : int or None
        Samples of a window; None: the whole recording.
    conformal : Conformal or None
        Thresholds of prediction sets. They belong to the mean: with another aggregation a file has no set.
    aggregation : {"mean", "log-mean", "vote"}
        See `aggregate`.
    smoothing_s : float
        Width of the smoothing of timelines in seconds; 0: none.
    min_confidence : float
        See `FileResult`.
    dimensions : tuple of str
        Dimensions of the model. A file's value is the mean over its windows, however emotions are aggregated.
    """

    labels: tuple[str, ...]
    sr: int
    n_window: int | None
    conformal: Conformal | None = None
    aggregation: Aggregation = "mean"
    smoothing_s: float = 0.0
    min_confidence: float = 0.0
    dimensions: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Outputs of the model for a window."""
        return len(self.labels) + len(self.dimensions)

    def windows(self, starts: NDArray[np.int64], outputs: NDArray[np.float32], *, n_samples: int) -> Windows:
        """Windows of a recording.

        Parameters
        ----------
        starts : ndarray of int64, shape (n_windows,)
            First sample of each, rising.
        outputs : ndarray of float32, shape (n_windows, n_labels + n_dimensions)
            Of each: probabilities, then values of the dimensions.
        n_samples : int
            Length of the recording: no window ends later.

        Returns
        -------
        Windows
            With smoothed probabilities if `smoothing_s` is above 0.
        """
        ends = np.minimum(starts + (self.n_window or n_samples), n_samples)
        starts_s, ends_s = starts / self.sr, ends / self.sr
        probabilities, values = outputs[:, : len(self.labels)], outputs[:, len(self.labels) :]
        smoothed = None
        if self.smoothing_s > 0 and self.labels:
            smoothed = smooth(probabilities, starts_s, ends_s, width_s=self.smoothing_s)
        return Windows(
            labels=self.labels,
            starts_s=starts_s,
            ends_s=ends_s,
            probabilities=probabilities,
            smoothed=smoothed,
            conformal=self.conformal,
            min_confidence=self.min_confidence,
            dimensions=self.dimensions,
            values=values if self.dimensions else None,
        )

    def file(self, name: str, windows: Windows, *, notes: Sequence[str], duration_s: float) -> FileResult:
        """Result of a recording with at least one window."""
        named: dict[str, float] = {}
        if self.labels:
            mean = aggregate(windows.probabilities, self.aggregation)
            named = dict(zip(self.labels, mean.tolist(), strict=True))
        values: dict[str, float] = {}
        if windows.values is not None:
            of_file = np.asarray(windows.values, dtype=np.float64).mean(axis=0)
            values = dict(zip(self.dimensions, of_file.tolist(), strict=True))
        sets = self.conformal if self.aggregation == "mean" else None
        return FileResult(
            file=name,
            status="ok",
            notes=tuple(notes),
            duration_s=duration_s,
            probabilities=named,
            windows=windows,
            prediction_set=sets.prediction_set(named) if sets else None,
            min_confidence=self.min_confidence,
            dimensions=values,
        )

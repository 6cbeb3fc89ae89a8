"""What `analyze` finds, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.recipe_calibration import Conformal

__all__ = ["UNCERTAIN", "FileResult", "Status", "WindowResult", "Windows", "normalized_entropy"]

Status = Literal["ok", "skipped", "failed"]

UNCERTAIN = "uncertain"
"""What is predicted where the highest probability is below the least one that was asked for."""


def normalized_entropy(probabilities: Mapping[str, float]) -> float:
    """Entropy of a distribution as a share of the highest possible one.

    Parameters
    ----------
    probabilities : mapping of str to float
        Label to probability; they sum to 1.

    Returns
    -------
    float
        -sum(p log p) / log(number of labels): 0 if one label has all, 1 if all are equally likely; 0 with one label.
    """
    if len(probabilities) < 2:
        return 0.0
    nats = -sum(p * math.log(p) for p in probabilities.values() if p > 0)
    return max(0.0, min(1.0, nats / math.log(len(probabilities))))


class _Distribution:
    """What follows from a distribution over labels; `probabilities` may be empty."""

    probabilities: dict[str, float]
    prediction_set: tuple[str, ...] | None
    min_confidence: float

    @property
    def likeliest(self) -> str | None:
        """Label of the highest probability, however low that is."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def predicted(self) -> str | None:
        """The likeliest label, or `UNCERTAIN` if its probability is below `min_confidence`."""
        if self.confidence is not None and self.confidence < self.min_confidence:
            return UNCERTAIN
        return self.likeliest

    @property
    def confidence(self) -> float | None:
        """The highest probability."""
        return max(self.probabilities.values()) if self.probabilities else None

    @property
    def entropy(self) -> float | None:
        """Uncertainty from 0 to 1, see `normalized_entropy`; None without probabilities."""
        return normalized_entropy(self.probabilities) if self.probabilities else None

    @property
    def uncertain(self) -> bool | None:
        """Whether the prediction set holds several emotions; None without a set."""
        return None if self.prediction_set is None else len(self.prediction_set) > 1

    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, the likeliest first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])


@dataclass(frozen=True, kw_only=True)
class WindowResult(_Distribution):
    """Emotion of one window.

    Parameters
    ----------
    start_s, end_s : float
        Place in the recording in seconds.
    probabilities : dict
        Label to probability; they sum to 1.
    prediction_set : tuple of str or None
        As of `FileResult`. The thresholds are those of whole recordings: for a window they are a guide, and their
        promise does not hold.
    smoothed : dict or None
        Probabilities averaged with those of neighbouring windows, for a timeline; None if they were not smoothed.
    min_confidence : float
        As of `FileResult`.
    dimensions : dict
        As of `FileResult`, of this window; not smoothed.
    """

    start_s: float
    end_s: float
    probabilities: dict[str, float]
    prediction_set: tuple[str, ...] | None = None
    smoothed: dict[str, float] | None = None
    min_confidence: float = 0.0
    dimensions: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One JSON object, as in the list ``windows`` of a file."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "predicted": self.predicted,
            "probabilities": self.probabilities,
            "smoothed": self.smoothed,
            "prediction_set": _listed(self.prediction_set),
            "entropy": self.entropy,
            **({"dimensions": self.dimensions} if self.dimensions else {}),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows(Sequence[WindowResult]):
    """All windows of a recording, kept as arrays: ten hours have 48,000 of them at a hop of 0.75 s.

    Parameters
    ----------
    labels : tuple of str
        Emotions of the model.
    starts_s, ends_s : ndarray of float64, shape (n_windows,)
        Places in the recording in seconds, rising.
    probabilities : ndarray of float32, shape (n_windows, n_labels)
        Of each label.
    smoothed : ndarray of float32, shape (n_windows, n_labels), or None
        See `WindowResult`.
    conformal : Conformal or None
        Thresholds of prediction sets; None: there are no sets.
    min_confidence : float
        As of `FileResult`.
    dimensions : tuple of str
        Dimensions of the model.
    values : ndarray of float32, shape (n_windows, n_dimensions), or None
        Of each dimension; None without any.
    """

    labels: tuple[str, ...]
    starts_s: NDArray[Any]
    ends_s: NDArray[Any]
    probabilities: NDArray[Any]
    smoothed: NDArray[Any] | None = None
    conformal: Conformal | None = None
    min_confidence: float = 0.0
    dimensions: tuple[str, ...] = ()
    values: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.starts_s)

    @overload
    def __getitem__(self, index: int) -> WindowResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[WindowResult, ...]: ...
    def __getitem__(self, index: int | slice) -> WindowResult | tuple[WindowResult, ...]:
        if isinstance(index, slice):
            return tuple(self._window(i) for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        return self._window(index % len(self))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def _window(self, i: int) -> WindowResult:
        named = self._named(self.probabilities[i])
        return WindowResult(
            start_s=float(self.starts_s[i]),
            end_s=float(self.ends_s[i]),
            probabilities=named,
            prediction_set=self.conformal.prediction_set(named) if self.conformal else None,
            smoothed=None if self.smoothed is None else self._named(self.smoothed[i]),
            min_confidence=self.min_confidence,
            dimensions=dict(zip(self.dimensions, self.values[i].tolist(), strict=True))
            if self.values is not None
            else {},
        )

    def _named(self, row: NDArray[Any]) -> dict[str, float]:
        return dict(zip(self.labels, row.tolist(), strict=True))


@dataclass(frozen=True, kw_only=True)
class FileResult(_Distribution):
    """Emotion of one recording, or why there is none.

    Parameters
    ----------
    file : str
        Name for people: bytes that are not UTF-8 are percent-encoded, control characters escaped.
    status : {"ok", "skipped", "failed"}
        ``skipped``: nothing to hear (too short, no speech); ``failed``: the file cannot be used.
    reason : str
        Short cause of a status other than ``ok``: ``"too short"``, ``"undecodable"``, ...
    detail : str
        The cause in a sentence.
    notes : tuple of str
        What was done to the audio or is odd about it: ``"resampled"``, ``"mixed down"``, ``"clipped"``, ...
    duration_s : float or None
        Length of the source in seconds.
    probabilities : dict
        Label to the probability of the whole file, aggregated over the windows; empty unless ``ok``.
    windows : sequence of WindowResult
        In order.
    prediction_set : tuple of str or None
        Labels that cannot be ruled out, the likeliest first; never empty. None if the model has no thresholds
        (`ser_toolkit.recipe.Conformal`), and unless ``ok``.
    min_confidence : float
        Confidence below which `predicted` is `UNCERTAIN`, 0 to 1.
    dimensions : dict
        Name of a dimension (``"valence"``) to its value in the units that the model was trained on, the mean over the
        windows; empty unless ``ok``, and for models without dimensions.
    """

    file: str
    status: Status
    reason: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    duration_s: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    windows: Sequence[WindowResult] = ()
    prediction_set: tuple[str, ...] | None = None
    min_confidence: float = 0.0
    dimensions: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One JSON object per file, as ``--format jsonl`` writes it."""
        return {
            "file": self.file,
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "notes": list(self.notes),
            "duration_s": self.duration_s,
            "n_windows": len(self.windows),
            "predicted": self.predicted,
            "confidence": self.confidence,
            "probabilities": self.probabilities,
            "ranked": [label for label, _ in self.ranked()],
            "prediction_set": _listed(self.prediction_set),
            "entropy": self.entropy,
            "uncertain": self.uncertain,
            **({"dimensions": self.dimensions} if self.dimensions else {}),
            "windows": [w.to_json() for w in self.windows],
        }


def _listed(labels: tuple[str, ...] | None) -> list[str] | None:
    return None if labels is None else list(labels)

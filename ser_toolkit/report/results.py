"""What `analyze` finds, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FileResult", "Status", "WindowResult", "normalized_entropy"]

Status = Literal["ok", "skipped", "failed"]


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


@dataclass(frozen=True, kw_only=True)
class WindowResult:
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
    """

    start_s: float
    end_s: float
    probabilities: dict[str, float]
    prediction_set: tuple[str, ...] | None = None

    @property
    def predicted(self) -> str:
        """Label of the highest probability."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return max(self.probabilities.values())

    @property
    def entropy(self) -> float:
        """Uncertainty from 0 to 1, see `normalized_entropy`."""
        return normalized_entropy(self.probabilities)

    @property
    def uncertain(self) -> bool | None:
        """Whether the prediction set holds several emotions; None without a set."""
        return None if self.prediction_set is None else len(self.prediction_set) > 1

    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, the likeliest first."""
        return _ranked(self.probabilities)

    def to_json(self) -> dict[str, Any]:
        """One JSON object, as in the list ``windows`` of a file."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "probabilities": self.probabilities,
            "prediction_set": _listed(self.prediction_set),
            "entropy": self.entropy,
        }


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """Emotion of one recording, or why there is none.

    Parameters
    ----------
    file : str
        Name for people: bytes that are not UTF-8 are percent-encoded, control characters escaped.
    status : {"ok", "skipped", "failed"}
        ``skipped``: nothing to hear (too short, silent); ``failed``: the file cannot be used.
    reason : str
        Short cause of a status other than ``ok``: ``"too short"``, ``"undecodable"``, ...
    detail : str
        The cause in a sentence.
    notes : tuple of str
        What was done to the audio or is odd about it: ``"resampled"``, ``"mixed down"``, ``"clipped"``, ...
    duration_s : float or None
        Length of the source in seconds.
    probabilities : dict
        Label to mean probability over the windows; empty unless ``ok``.
    windows : tuple of WindowResult
        In order.
    prediction_set : tuple of str or None
        Labels that cannot be ruled out, the likeliest first; never empty. None if the model has no thresholds
        (`ser_toolkit.recipe.Conformal`), and unless ``ok``.
    """

    file: str
    status: Status
    reason: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    duration_s: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    windows: tuple[WindowResult, ...] = ()
    prediction_set: tuple[str, ...] | None = None

    @property
    def predicted(self) -> str | None:
        """Label of the highest mean probability."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def confidence(self) -> float | None:
        """The highest mean probability."""
        return max(self.probabilities.values()) if self.probabilities else None

    @property
    def entropy(self) -> float | None:
        """Uncertainty of the mean probabilities from 0 to 1, see `normalized_entropy`; None unless ``ok``."""
        return normalized_entropy(self.probabilities) if self.probabilities else None

    @property
    def uncertain(self) -> bool | None:
        """Whether the prediction set holds several emotions; None without a set."""
        return None if self.prediction_set is None else len(self.prediction_set) > 1

    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, the likeliest first."""
        return _ranked(self.probabilities)

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
            "windows": [w.to_json() for w in self.windows],
        }


def _ranked(probabilities: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(probabilities.items(), key=lambda item: -item[1])


def _listed(labels: tuple[str, ...] | None) -> list[str] | None:
    return None if labels is None else list(labels)

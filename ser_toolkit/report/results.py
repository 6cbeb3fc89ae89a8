"""What `analyze` finds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["FileResult", "Status", "WindowResult"]

Status = Literal["ok", "skipped", "failed"]


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """Emotion of one window.

    Parameters
    ----------
    start_s, end_s : float
        Place in the recording in seconds.
    probabilities : dict
        Label to probability; they sum to 1.
    """

    start_s: float
    end_s: float
    probabilities: dict[str, float]

    @property
    def predicted(self) -> str:
        """Label of the highest probability."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return max(self.probabilities.values())


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
    """

    file: str
    status: Status
    reason: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    duration_s: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    windows: tuple[WindowResult, ...] = ()

    @property
    def predicted(self) -> str | None:
        """Label of the highest mean probability."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    @property
    def confidence(self) -> float | None:
        """The highest mean probability."""
        return max(self.probabilities.values()) if self.probabilities else None

    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, the likeliest first."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])

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
            "windows": [
                {"start_s": w.start_s, "end_s": w.end_s, "probabilities": w.probabilities} for w in self.windows
            ],
        }

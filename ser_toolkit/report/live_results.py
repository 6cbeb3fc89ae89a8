"""What `listen` finds, as plain data: windows as they come, and what they add up to."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from ser_toolkit.errors import AudioError
from ser_toolkit.report.results import UNCERTAIN, Status, WindowResult

__all__ = ["LiveRow", "LiveTotals", "LiveWindow"]

_REMEMBERED = 1000


@dataclass(frozen=True, kw_only=True)
class LiveWindow:
    """One window of live sound: its emotion, or why it has none.

    Parameters
    ----------
    start_s, end_s : float
        Place in seconds, counted from the first sample.
    peak_dbfs : float
        Peak level about the mean, in decibels relative to full scale; ``-inf`` for digital silence.
    result : WindowResult or None
        None: there is no emotion.
    error : Exception or None
        Why not: an `AudioError`, or what a plugin or the network raised.
    """

    start_s: float
    end_s: float
    peak_dbfs: float
    result: WindowResult | None = None
    error: Exception | None = None

    @property
    def status(self) -> Status:
        """As of `ser_toolkit.report.results.FileResult`: ``skipped`` if nobody speaks."""
        return "ok" if self.result else "skipped" if isinstance(self.error, AudioError) else "failed"

    @property
    def reason(self) -> str:
        """``"no speech"`` or ``"crashed"``; empty if ``ok``."""
        return "" if self.result else self.error.reason if isinstance(self.error, AudioError) else "crashed"

    @property
    def detail(self) -> str:
        """The reason in a sentence."""
        return "" if self.result else self.error.detail if isinstance(self.error, AudioError) else str(self.error)


@dataclass(frozen=True, kw_only=True)
class LiveRow:
    """A window with the time that it took.

    Parameters
    ----------
    window : LiveWindow
        The window.
    at : datetime
        When its last sample came, in UTC by the clock of this machine.
    latency_s : float
        Seconds from then until it was known.
    """

    window: LiveWindow
    at: datetime
    latency_s: float

    def to_json(self) -> dict[str, Any]:
        """One JSON object, as `listen` writes it."""
        window, result = self.window, self.window.result
        named = result.to_json() if result else {"predicted": None, "probabilities": {}, "prediction_set": None}
        more = {"dimensions": result.dimensions} if result and result.dimensions else {}
        return {
            "start_s": window.start_s,
            "end_s": window.end_s,
            "status": window.status,
            "reason": window.reason,
            "detail": window.detail,
            "predicted": named["predicted"],
            "confidence": result.confidence if result else None,
            "probabilities": named["probabilities"],
            "prediction_set": named["prediction_set"],
            "entropy": result.entropy if result else None,
            "uncertain": result.uncertain if result else None,
            **more,
            "peak_dbfs": round(window.peak_dbfs, 1) if math.isfinite(window.peak_dbfs) else None,
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "latency_s": round(self.latency_s, 4),
        }


@dataclass(kw_only=True)
class LiveTotals:
    """What has been heard so far; its size does not grow with time.

    Attributes
    ----------
    statuses : Counter
        Windows by status.
    emotions : Counter
        Windows by what was predicted, `UNCERTAIN` among it.
    heard_s : float
        End of the last window in seconds.
    latest : deque of LiveRow
        The last windows, the oldest first.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    emotions: Counter[str] = field(default_factory=Counter)
    heard_s: float = 0.0
    latest: deque[LiveRow] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add(self, row: LiveRow) -> None:
        """Count a window."""
        self.statuses[row.window.status] += 1
        if row.window.result and row.window.result.probabilities:
            self.emotions[row.window.result.predicted or UNCERTAIN] += 1
        self.heard_s = row.window.end_s
        self.latest.append(row)

    @property
    def latency_s(self) -> float | None:
        """95th percentile of the latency of the last thousand windows in seconds; None before the first."""
        if not self.latest:
            return None
        return float(np.percentile([row.latency_s for row in tuple(self.latest)], 95))

"""Input checks: what cannot be analysed is refused, what can be but with doubts gets a note."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from ser_toolkit.data.audio import Recording

__all__ = [
    "MIN_CLIPPED",
    "MIN_DURATION_S",
    "QUIET_DBFS",
    "SILENT_DBFS",
    "SKIPPED_REASONS",
    "check",
    "peak_dbfs",
]

MIN_DURATION_S = 0.1
"""Shortest usable recording: below it the functionals of eGeMAPS are undefined (0.05 s gives 88 NaN)."""

SILENT_DBFS = -80.0
"""Peak below which nothing can be speech: three steps of a 16-bit converter."""

QUIET_DBFS = -40.0
"""Peak below which a 16-bit recording holds at most nine of its sixteen bits, and level features go out of range."""

MIN_CLIPPED = 3
"""Frames at full scale that make a recording ``"clipped"``: one normalised to its own peak touches it once or twice."""

SKIPPED_REASONS = frozenset({"too short", "silent"})
"""Reasons of `AudioError` that mean status ``"skipped"``: the file is sound but holds nothing to analyse. Any other
reason means ``"failed"``."""


def peak_dbfs(y: np.ndarray) -> float:
    """Peak level about the mean, so that a constant offset counts as silence.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio, nominally within [-1, 1]; at least one sample.

    Returns
    -------
    float
        Decibels relative to full scale; ``-inf`` for digital silence.
    """
    low, high = float(y.min()), float(y.max())
    mean = float(y.mean(dtype=np.float64)) if low < high else low
    peak = max(high - mean, mean - low)
    return 20.0 * math.log10(peak) if peak > 0 else -math.inf


def check(recording: Recording, *, window_s: float | None = 3.0) -> tuple[str, ...]:
    """Refuse what holds no speech; otherwise say what a reader of the results should know.

    Parameters
    ----------
    recording : Recording
        What `ser_toolkit.data.audio.decode` or `from_array` gave.
    window_s : float or None, optional
        Length of a window in seconds; recordings below it get the note ``"short"``. ``None``: none does.

    Returns
    -------
    tuple of str
        The recording's own notes (``"resampled"``, ``"mixed down"``, ``"truncated"``) and after them ``"clipped"``
        (at least `MIN_CLIPPED` frames at full scale; `Recording.n_clipped` counts them), ``"quiet"`` (peak below
        `QUIET_DBFS`), ``"short"``.

    Raises
    ------
    AudioError
        ``"empty"``: no samples. ``"non-finite"``: NaN or infinity among them. ``"too short"``: less than
        `MIN_DURATION_S`. ``"silent"``: digital silence, a constant, or a peak below `SILENT_DBFS`.
    """
    y = recording.y
    if not y.size:
        raise AudioError("empty", "there are no samples in it")
    if not np.isfinite(y).all():
        raise AudioError("non-finite", f"{np.count_nonzero(~np.isfinite(y))} of {y.size} samples are NaN or infinite")
    if recording.duration_s < MIN_DURATION_S:
        raise AudioError(
            "too short",
            f"it lasts {recording.duration_s * 1000:.3g} ms; at least {MIN_DURATION_S * 1000:g} ms are needed",
        )
    level = peak_dbfs(y)
    if level < SILENT_DBFS:
        shown = "it is digital silence" if level == -math.inf else f"its peak is {level:.0f} dBFS"
        raise AudioError("silent", f"{shown}; speech needs at least {SILENT_DBFS:g} dBFS")
    found = {
        "clipped": recording.n_clipped >= MIN_CLIPPED,
        "quiet": level < QUIET_DBFS,
        "short": window_s is not None and recording.duration_s < window_s,
    }
    return tuple(dict.fromkeys((*recording.notes, *(note for note, holds in found.items() if holds))))

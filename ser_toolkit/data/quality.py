"""Input checks: what cannot be analysed is refused, what can be but with doubts gets a note."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.audio import Reading, Recording

__all__ = [
    "MIN_CLIPPED",
    "MIN_DURATION_S",
    "QUIET_DBFS",
    "SILENT_DBFS",
    "SKIPPED_REASONS",
    "STEADY_DB",
    "Levels",
    "check",
    "judge",
    "peak_dbfs",
]

MIN_DURATION_S = 0.1
"""Shortest usable recording: below it the functionals of eGeMAPS are undefined (0.05 s gives 88 NaN)."""

SILENT_DBFS = -80.0
"""Peak below which nothing can be speech: three steps of a 16-bit converter."""

QUIET_DBFS = -40.0
"""Peak below which a 16-bit recording holds at most nine of its sixteen bits, and level features go out of range."""

STEADY_DB = 3.0
"""Least swing of the level in speech, from its quiet frames to its loud ones: a tone has 0, noise and hum 1, and the
least of 3,517 recordings of three corpora 13.7. Recordings of `MIN_STEADY_S` and more are held to it."""

MIN_STEADY_S = 1.0
"""A single vowel may be shorter."""

MIN_CLIPPED = 3
"""Frames at full scale that make a recording ``"clipped"``: one normalised to its own peak touches it once or twice."""

SKIPPED_REASONS = frozenset({"too short", "no speech"})
"""Reasons of `AudioError` that mean status ``"skipped"``: the file is sound but holds nothing to analyse. Any other
reason means ``"failed"``."""

_FRAME_S = 0.025
_BINS_DB = np.arange(-100.0, 40.25, 0.25)


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


class Levels:
    """Levels of a recording that comes in blocks.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    """

    def __init__(self, sr: int) -> None:
        self.n_samples = 0
        self.n_non_finite = 0
        self._low, self._high, self._total = math.inf, -math.inf, 0.0
        self._n_frame = max(1, round(_FRAME_S * sr))
        self._frames = np.zeros(len(_BINS_DB) - 1, dtype=np.int64)
        self._rest = np.zeros(0, dtype=np.float32)

    def add(self, y: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n_samples,), of a mono recording, nominally within [-1, 1]."""
        if not y.size:
            return
        self.n_samples += y.size
        self.n_non_finite += int(np.count_nonzero(~np.isfinite(y)))
        if self.n_non_finite:
            return
        self._low, self._high = min(self._low, float(y.min())), max(self._high, float(y.max()))
        self._total += float(y.sum(dtype=np.float64))
        y = np.concatenate([self._rest, y])
        n = len(y) // self._n_frame * self._n_frame
        self._rest = y[n:].copy()
        power = np.square(y[:n].reshape(-1, self._n_frame), dtype=np.float64).mean(axis=1)
        level_db = 10 * np.log10(np.maximum(power, 1e-10))
        self._frames += np.histogram(np.clip(level_db, _BINS_DB[0], _BINS_DB[-1]), bins=_BINS_DB)[0]

    @property
    def peak_dbfs(self) -> float:
        """As the function `peak_dbfs` over all samples."""
        if self._low >= self._high:
            return -math.inf
        mean = self._total / self.n_samples
        return 20.0 * math.log10(max(self._high - mean, mean - self._low))

    @property
    def swing_db(self) -> float:
        """Decibels from the level that a tenth of the frames of 25 ms stay below to that of the loudest twentieth."""
        below = np.cumsum(self._frames)
        if not below[-1]:
            return 0.0
        quiet, loud = np.searchsorted(below, [0.1 * below[-1], 0.95 * below[-1]])
        return float(_BINS_DB[loud] - _BINS_DB[quiet])


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
        See `judge`.

    Raises
    ------
    AudioError
        See `judge`.
    """
    levels = Levels(recording.sr)
    levels.add(recording.y)
    return judge(levels, recording, window_s=window_s)


def judge(levels: Levels, recording: Recording | Reading, *, window_s: float | None = 3.0) -> tuple[str, ...]:
    """What `check` says, of a recording whose samples have been seen.

    Parameters
    ----------
    levels : Levels
        Of all its samples.
    recording : Recording or Reading
        Its duration, notes and clipped frames; a reading has come to its end.
    window_s : float or None, optional
        As for `check`.

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
        `MIN_DURATION_S`. ``"no speech"``: digital silence, a constant, a peak below `SILENT_DBFS`, or a level that
        swings by less than `STEADY_DB`.
    """
    if not levels.n_samples:
        raise AudioError("empty", "there are no samples in it")
    if levels.n_non_finite:
        raise AudioError("non-finite", f"{levels.n_non_finite} of {levels.n_samples} samples are NaN or infinite")
    if recording.duration_s < MIN_DURATION_S:
        raise AudioError(
            "too short",
            f"it lasts {recording.duration_s * 1000:.3g} ms; at least {MIN_DURATION_S * 1000:g} ms are needed",
        )
    peak = levels.peak_dbfs
    if peak < SILENT_DBFS:
        shown = "it is digital silence" if peak == -math.inf else f"its peak is {peak:.0f} dBFS"
        raise AudioError("no speech", f"{shown}; speech needs at least {SILENT_DBFS:g} dBFS")
    if recording.duration_s >= MIN_STEADY_S and levels.swing_db < STEADY_DB:
        raise AudioError(
            "no speech", f"its level is steady, as of a tone, noise or hum: it swings by less than {STEADY_DB:g} dB"
        )
    found = {
        "clipped": recording.n_clipped >= MIN_CLIPPED,
        "quiet": peak < QUIET_DBFS,
        "short": window_s is not None and recording.duration_s < window_s,
    }
    return tuple(dict.fromkeys((*recording.notes, *(note for note, holds in found.items() if holds))))

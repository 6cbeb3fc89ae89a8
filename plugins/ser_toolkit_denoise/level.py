"""An even level: a recording, or each window, is brought to the same loudness of speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import annotated_types
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import Scope

__all__ = ["Level", "SegmentLevel", "active_dbfs"]

_FRAME_S = 0.025
_ACTIVE_DB = 20.0
_SILENT_DBFS = -75.0


def active_dbfs(y: NDArray[np.float32], sr: int) -> float | None:
    """Level of speech without its pauses.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    float or None
        Root mean square in dB re full scale over the frames of 25 ms that are within 20 dB of the loudest twentieth;
        None if those do not reach -75 dB.
    """
    n = min(len(y), max(1, round(_FRAME_S * sr)))
    frames = y[: len(y) // n * n].reshape(-1, n).astype(np.float64)
    power = np.square(frames - y.mean(dtype=np.float64)).mean(axis=1)
    top = float(np.percentile(power, 95))
    if top < 10 ** (_SILENT_DBFS / 10):
        return None
    return float(10 * np.log10(power[power >= top * 10 ** (-_ACTIVE_DB / 10)].mean()))


@dataclass(frozen=True, kw_only=True)
class Level:
    """Brings a recording to a level; of a long one each minute.

    Parameters
    ----------
    target_dbfs : float
        Level of active speech, see `active_dbfs`, in dB re full scale.
    max_gain_db : float
        Raised or lowered by this at most; and never raised so far that a peak would exceed full scale.
    """

    name: ClassVar[str] = "level"
    version: ClassVar[int] = 1
    scope: ClassVar[Scope] = "recording"

    target_dbfs: Annotated[float, annotated_types.Interval(ge=-60.0, le=-3.0)] = -26.0
    max_gain_db: Annotated[float, annotated_types.Interval(ge=0.0, le=60.0)] = 30.0

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio, multiplied by one number, float32 (n_samples,)."""
        level = active_dbfs(y, sr)
        if level is None:
            return y
        gain = 10 ** (float(np.clip(self.target_dbfs - level, -self.max_gain_db, self.max_gain_db)) / 20)
        peak = float(np.abs(y).max())
        return y * np.float32(min(gain, max(1.0, 1 / peak)))


@dataclass(frozen=True, kw_only=True)
class SegmentLevel(Level):
    """Brings each window to a level, by itself; fields as of `Level`."""

    name: ClassVar[str] = "segment-level"
    scope: ClassVar[Scope] = "segment"

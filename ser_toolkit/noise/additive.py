"""Speech and noise in one recording, at a ratio of levels that pauses in the speech do not move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.noise.levels import active_level_db, gain, level_db, within_full_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_noise"]


def add_noise(
    y: NDArray[np.floating[Any]], noise: NDArray[np.floating[Any]], sr: int, *, snr_db: float
) -> NDArray[np.float32]:
    """Speech with noise.

    Parameters
    ----------
    y, noise : ndarray, shape (n_samples,)
        Mono audio, nominally within [-1, 1], and noise of any level.
    sr : int
        Sample rate in Hz.
    snr_db : float
        `active_level_db` of the speech minus the `level_db` of the noise that is added.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        The sum, see `within_full_scale`. Speech or noise that is silent leaves the recording as it is: there is no
        ratio to keep.
    """
    speech, level = active_level_db(y, sr), level_db(noise)
    if math.isinf(speech) or math.isinf(level):
        return np.array(y, dtype=np.float32)
    return within_full_scale(y + gain(speech - snr_db - level) * np.asarray(noise, dtype=np.float64))

"""Samples as openSMILE scales them, cut into overlapping frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HOP_S", "LONG_S", "SHORT_S", "count", "frames", "hop", "size", "wave"]

HOP_S = 0.010
"""Seconds from one frame to the next, for all descriptors."""

SHORT_S = 0.020
"""Length of the frames of loudness, spectral shape and formants, in seconds."""

LONG_S = 0.060
"""Length of the frames of pitch and harmonics, in seconds."""

INTEGER_SCALE = 32768
"""What full scale is in 16 bit; the largest sample is one less."""


def wave(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples clipped and scaled so that the largest 16-bit sample is 1.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio, nominally within [-1, 1].

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        Within [-1, 1]; a copy.
    """
    largest = INTEGER_SCALE - 1
    return np.clip(y, -largest / INTEGER_SCALE, largest / INTEGER_SCALE).astype(np.float32) * np.float32(
        INTEGER_SCALE / largest
    )


def size(sr: int, size_s: float) -> int:
    """Samples in a frame of `size_s` seconds: 320 for 20 ms at 16 kHz."""
    return int(size_s * sr + 0.5)


def hop(sr: int) -> int:
    """Samples from one frame to the next: 160 at 16 kHz."""
    return int(HOP_S * sr + 0.5)


def count(n_samples: int, sr: int, size_s: float) -> int:
    """Number of frames that lie wholly inside `n_samples`; the first begins at sample 0."""
    return max(0, 1 + (n_samples - size(sr, size_s)) // hop(sr))


def frames(wave: NDArray[np.float32], sr: int, size_s: float) -> NDArray[np.float32]:
    """All whole frames of a signal.

    Parameters
    ----------
    wave : ndarray of float32, shape (n_samples,)
        Samples, contiguous.
    sr : int
        Sample rate in Hz.
    size_s : float
        Length of a frame in seconds.

    Returns
    -------
    ndarray of float32, shape (n_frames, size)
        Frame *i* begins at sample ``i * hop(sr)``. A view that cannot be written to.
    """
    wave = np.ascontiguousarray(wave)
    step = wave.itemsize
    return as_strided(
        wave,
        shape=(count(len(wave), sr, size_s), size(sr, size_s)),
        strides=(hop(sr) * step, step),
        writeable=False,
    )

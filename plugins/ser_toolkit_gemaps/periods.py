"""Jitter and shimmer: how much successive periods of the voice differ in length and in amplitude.

References
----------
Eyben, "Real-time speech and music classification by large audio feature space extraction", Springer 2016, section
2.2.13 (jitter and shimmer).
Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS)", IEEE TAC 7(2), 2016, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit_gemaps.frames import hop

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["jitter_shimmer"]


def jitter_shimmer(wave: NDArray[np.float32], f0_hz: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    """Local jitter and local shimmer of each frame.

    Parameters
    ----------
    wave : ndarray of float32, shape (n_samples,)
        Samples, see `ser_toolkit_gemaps.frames.wave`.
    f0_hz : ndarray of float32, shape (n_frames,)
        Fundamental frequency of each frame, 0 where unvoiced; frame *i* begins at sample ``i * hop(sr)``.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_frames, 2)
        Jitter: mean absolute difference of successive periods over the mean period, at most 1. Shimmer in dB:
        20 lg(1 + s), s the mean absolute difference of successive peak-to-peak amplitudes over their mean, at most 1.
        0 where unvoiced and until a stretch of voice has two periods; held where a frame has no period that counts.

    Notes
    -----
    From the beginning of each voiced stretch, periods are laid end to end. The next one is where the normalised
    correlation of a period with its successor, both without their means, has its highest local maximum among the
    lengths within 10 % of 1 / F0; a parabola gives the fraction of a sample. Periods with a correlation below 0.5 do
    not count. A frame takes the periods whose successors end in the 10 ms from its beginning, but always one if the
    next one begins before the frame; the first of them is compared with the last before. A frame that takes none goes
    back to the last one and searches it again with its own F0 (measured); where that finds the same period again, the
    jitter is 0. The amplitude of a period leaves out its first and its last sample.

    A frame depends on the voiced stretch up to it, and on about two periods (at most 40 ms) after its beginning.
    """
    from ser_toolkit_gemaps.period_marks import follow, running_sums

    samples, sums, squares = running_sums(np.ascontiguousarray(wave, dtype=np.float32))
    return follow(samples, sums, squares, f0_hz.astype(np.float64), float(sr), hop(sr))

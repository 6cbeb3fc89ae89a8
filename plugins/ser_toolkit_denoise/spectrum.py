"""Short-time spectra of a recording and the noise in them, as the Wiener filter and the estimate of SNR see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["frame_lengths", "noise_power", "overlap_add", "spectra"]

FRAME_S = 0.032

QUIET_SHARE = 0.15
"""Share of the frames in which a band is taken to hold noise alone."""

_SMOOTHED = 5  # frames
_BIAS = 0.54  # what `QUIET_SHARE` of smoothed white noise stays below, relative to its mean; measured


def frame_lengths(sr: int) -> tuple[int, int]:
    """Samples of a frame, 32 ms, and of a hop, half of it."""
    n_hop = max(4, round(FRAME_S * sr / 2))
    return 2 * n_hop, n_hop


def spectra(y: NDArray[np.float32], sr: int) -> NDArray[np.complex128]:
    """Spectra of overlapping frames, under the square root of a Hann window.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of complex128, shape (n_frames, n_bins)
        The first frame begins a hop before the audio, so that `overlap_add` gives all of it back.
    """
    n_frame, n_hop = frame_lengths(sr)
    padded = np.pad(y.astype(np.float64), (n_hop, n_frame + (-len(y)) % n_hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_frame)[::n_hop]
    return np.asarray(np.fft.rfft(frames * _window(n_frame)))


def overlap_add(spectra: NDArray[np.complex128], n_samples: int, sr: int) -> NDArray[np.float32]:
    """The inverse of `spectra`: `n_samples` of audio, float32."""
    n_frame, n_hop = frame_lengths(sr)
    frames = np.fft.irfft(spectra, n_frame) * _window(n_frame)
    halves = frames.reshape(len(frames), 2, n_hop)
    made = np.zeros((len(frames) + 1, n_hop))
    made[:-1] += halves[:, 0]
    made[1:] += halves[:, 1]
    return made.ravel()[n_hop : n_hop + n_samples].astype(np.float32)


def noise_power(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power of steady noise in each band, from the frames in which the band is quiet.

    Speech leaves every band alone now and then, even where it does not pause: what a band's quietest frames hold is
    noise.

    Parameters
    ----------
    power : ndarray of float64, shape (n_frames, n_bins)
        Squared magnitudes of `spectra`.

    Returns
    -------
    ndarray of float64, shape (n_bins,)
        Mean power of the noise.

    References
    ----------
    Stahl, Fischer, Bippus: Quantile based noise estimation for spectral subtraction and Wiener filtering. ICASSP 2000.
    """
    n = min(_SMOOTHED, len(power))
    sums = np.cumsum(np.pad(power, ((1, 0), (0, 0))), axis=0)
    smooth = np.maximum(sums[n:] - sums[:-n], 0) / n
    rank = min(len(smooth) - 1, int(QUIET_SHARE * len(smooth)))
    return np.asarray(np.partition(smooth, rank, axis=0)[rank] / _BIAS)


def _window(n_frame: int) -> NDArray[np.float64]:
    return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_frame) / n_frame))

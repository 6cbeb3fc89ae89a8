"""Ways that a recording takes: the telephone, lossy codecs, a converter that is overdriven."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.noise.levels import active_level_db, with_level, within_full_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["clip", "mp3", "opus", "telephone"]

_TELEPHONE_SR = 8000
_BAND_HZ = (300.0, 3400.0)
_NOMINAL_DB = -26.0
"""Active level at which speech goes into codecs, as in ITU-T's listening tests."""

_CODEC_SR = 16_000
_MP3_DELAY = 1105
"""Samples that encoder and decoder add, where the file has no room to say so."""


def telephone(y: NDArray[np.floating[Any]], sr: int) -> NDArray[np.float32]:
    """A recording through a telephone line: 8 kHz, 300 to 3400 Hz, 8 bits of mu-law.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        At `sr` and at its own level again; it went through the codec at an active level of -26 dB.

    References
    ----------
    ITU-T Recommendation G.711, "Pulse code modulation (PCM) of voice frequencies", 1988. libsndfile has the codec.
    """
    from scipy.signal import butter, sosfiltfilt

    if not _is_sound(y):
        return np.array(y, dtype=np.float32)
    narrow = _resampled(with_level(y, sr, db=_NOMINAL_DB), sr, _TELEPHONE_SR)
    band = butter(4, _BAND_HZ, btype="bandpass", fs=_TELEPHONE_SR, output="sos")
    narrow = sosfiltfilt(band, narrow, padlen=min(3 * 2 * len(band), len(narrow) - 1))
    coded = _through(narrow, _TELEPHONE_SR, format="AU", subtype="ULAW")
    return _back(coded, _TELEPHONE_SR, y, sr)


def opus(y: NDArray[np.floating[Any]], sr: int, *, kbps: float) -> NDArray[np.float32]:
    """A recording through Opus, as calls and voice messages are, at 16 kHz.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.
    kbps : float
        Rate in kilobits a second, 6 to 256.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        At `sr` and at its own level again.
    """
    if not _is_sound(y):
        return np.array(y, dtype=np.float32)
    wide = _resampled(with_level(y, sr, db=_NOMINAL_DB), sr, _CODEC_SR)
    coded = _through(wide, _CODEC_SR, format="OGG", subtype="OPUS", compression_level=1 - (kbps - 6) / 250)
    return _back(coded, _CODEC_SR, y, sr)


def mp3(y: NDArray[np.floating[Any]], sr: int, *, kbps: float) -> NDArray[np.float32]:
    """A recording through MP3 of constant rate, at 16 kHz.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    sr : int
        Sample rate in Hz.
    kbps : float
        Rate in kilobits a second, 8 to 160; the encoder takes the nearest that there is.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        At `sr` and at its own level again.
    """
    if not _is_sound(y):
        return np.array(y, dtype=np.float32)
    wide = _resampled(with_level(y, sr, db=_NOMINAL_DB), sr, _CODEC_SR)
    level = min(0.99, (160 - kbps) / 152)
    coded = _through(
        wide, _CODEC_SR, format="MP3", subtype="MPEG_LAYER_III", compression_level=level, bitrate_mode="CONSTANT"
    )
    if len(coded) > len(wide):
        coded = coded[_MP3_DELAY:]
    return _back(coded, _CODEC_SR, y, sr)


def clip(y: NDArray[np.floating[Any]], *, share: float) -> NDArray[np.float32]:
    """A recording whose loudest samples are cut off.

    Parameters
    ----------
    y : ndarray, shape (n_samples,)
        Mono audio.
    share : float
        Of the samples, 0 to 1.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        The level is not raised: what a model hears is the distortion alone.
    """
    if not len(y):
        return np.array(y, dtype=np.float32)
    limit = float(np.quantile(np.abs(y), 1 - share))
    return np.asarray(np.clip(y, -limit, limit), dtype=np.float32)


def _is_sound(y: NDArray[np.floating[Any]]) -> bool:
    return len(y) > 1 and bool(np.any(y))


def _resampled(y: NDArray[np.float64], sr: int, wanted: int) -> NDArray[np.float64]:
    import soxr

    return y if sr == wanted else np.asarray(soxr.resample(y, sr, wanted))


def _through(y: NDArray[np.float64], sr: int, **written: Any) -> NDArray[np.float64]:
    """Encoded and decoded, in memory."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, within_full_scale(y), sr, **written)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float64")[0])


def _back(coded: NDArray[np.float64], coded_sr: int, y: NDArray[np.floating[Any]], sr: int) -> NDArray[np.float32]:
    """At the rate, length and active level of the recording."""
    sound = _resampled(coded, coded_sr, sr)[: len(y)]
    sound = np.pad(sound, (0, len(y) - len(sound)))
    level = active_level_db(y, sr)
    return within_full_scale(sound if math.isinf(level) else with_level(sound, sr, db=level))

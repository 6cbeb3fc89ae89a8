"""Is there speech in a sound? Silero's voice activity detector, run so that a window costs little."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_SPEECH_S", "VERSION", "holds_speech"]

VERSION = 1
"""Increased whenever `holds_speech` would answer otherwise: the cache keeps its answers."""

MIN_SPEECH_S = 0.4
"""Shortest recording of which it is said whether it holds speech, and whose emotion is worth naming."""

_NETWORK = Path(__file__).with_name("silero_vad") / "silero_vad_16k_sequence.onnx"
_SR = 16_000
_N_FRAME = 512
_N_BEFORE = 64  # samples before a frame that the network sees as well
_BLOCK = 8  # frames at a time: most speech is found in the first half second
_SPEECH = 0.5
_N_RUN = 4
_N_SLOW_RUN = 6
_SLOWER = 1.6
_LOW_HZ = 1500.0
_LEAST_LOW = 0.1
_LEAST_POWER = 1e-4  # of that of the loudest frame: 40 dB below


def holds_speech(y: NDArray[np.float32], sr: int) -> bool:
    """Whether somebody speaks, whispers or shouts in a sound, however loud it was recorded.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
        Mono audio, nominally within [-1, 1], such as one window.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    bool
        True if the detector finds 0.13 s of speech without a break (four frames of 32 ms at .5 or more), at most 40 dB
        below the loudest frame, in which at least a tenth of the power lies below 1.5 kHz, as even in whispers and not
        in bird song; or finds as much (six frames) in the sound slowed down to 1.6 times its length: screamed words
        have a pitch that the detector knows from no voice. Laughter, crying and singing may be found or not.

    Notes
    -----
    Nothing of what comes before or after the sound changes the answer. It looks at a quarter of a second at a time and
    stops at the first speech; only what holds none is looked at to the end, twice.

    References
    ----------
    Silero Team (2024). Silero VAD: pre-trained enterprise-grade voice activity detector. MIT licence.
    """
    y = np.asarray(y, dtype=np.float32)
    peak = float(np.abs(y - y.mean()).max()) if y.size else 0.0
    if not peak > 0:
        return False
    y = (y - y.mean()) * np.float32(0.5 / peak)
    if _found(_resampled(y, sr, _SR), n_run=_N_RUN, low_hz=_LOW_HZ):
        return True
    return _found(_resampled(y, sr, _SLOWER * _SR), n_run=_N_SLOW_RUN, low_hz=_LOW_HZ / _SLOWER)


def _resampled(y: NDArray[np.float32], sr: float, target: float) -> NDArray[np.float32]:
    import soxr

    return y if sr == target else np.asarray(soxr.resample(y, sr, target, quality="HQ"), dtype=np.float32)


def _found(y: NDArray[np.float32], *, n_run: int, low_hz: float) -> bool:
    """Whether as many frames in a row are speech, and sound like it."""
    n_frames = -(-len(y) // _N_FRAME)
    padded = np.zeros(_N_BEFORE + n_frames * _N_FRAME, dtype=np.float32)
    padded[_N_BEFORE : _N_BEFORE + len(y)] = y
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_BEFORE + _N_FRAME)[::_N_FRAME]
    loudest = float(np.square(frames[:, _N_BEFORE:]).sum(axis=1).max(initial=0.0))
    state = {"h": np.zeros((1, 1, 128), dtype=np.float32), "c": np.zeros((1, 1, 128), dtype=np.float32)}
    n = 0
    for first in range(0, n_frames, _BLOCK):
        block = {"input": np.ascontiguousarray(frames[first : first + _BLOCK])}
        speech, state["h"], state["c"] = _session().run(["speech_probs", "hn", "cn"], block | state)
        for i, probability in enumerate(speech.ravel().tolist(), start=first + 1):
            n = n + 1 if probability >= _SPEECH else 0
            if n >= n_run and _is_voice(frames[i - n_run : i, _N_BEFORE:], loudest=loudest, low_hz=low_hz):
                return True
    return False


def _is_voice(frames: NDArray[np.float32], *, loudest: float, low_hz: float) -> bool:
    if np.square(frames).sum() < _LEAST_POWER * loudest * len(frames):
        return False
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_N_FRAME), axis=1))).sum(axis=0)
    low = power[: round(low_hz / _SR * _N_FRAME)].sum()
    return bool(low >= _LEAST_LOW * power.sum())


@functools.cache
def _session() -> Any:
    from ser_toolkit.inference import runtime

    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(_NETWORK, options, providers=["CPUExecutionProvider"])

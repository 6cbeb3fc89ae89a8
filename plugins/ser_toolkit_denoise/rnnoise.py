"""RNNoise: a small recurrent network that lowers what is no speech."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import annotated_types
import numpy as np

from ser_toolkit.errors import MissingTierError
from ser_toolkit_denoise.snr import BelowSNR

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RNNoise"]

SR = 48_000
"""The only sample rate of the network, in Hz."""

DELAY = 960
"""Samples by which its output lags behind its input."""

_FULL_SCALE = 32768.0


@dataclass(frozen=True, kw_only=True)
class RNNoise(BelowSNR):
    """Noise suppression by RNNoise, at 48 kHz; the audio comes back at its own rate, and where it was.

    Parameters
    ----------
    amount : float
        Share of the network's output in the result, 0 to 1; the rest is the audio as it was.

    References
    ----------
    Valin: A hybrid DSP/deep learning approach to real-time full-band speech enhancement. MMSP 2018.
    """

    name: ClassVar[str] = "rnnoise"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("pyrnnoise", "soxr")

    amount: Annotated[float, annotated_types.Interval(ge=0.0, le=1.0)] = 1.0

    def require(self) -> None:
        """Raise a MissingTierError without pyrnnoise."""
        if importlib.util.find_spec("pyrnnoise") is None:
            raise MissingTierError(f"the preprocessor {self.name!r}", "denoise", "pyrnnoise")

    def denoised(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio with less noise, float32 (n_samples,)."""
        import soxr

        wide = soxr.resample(y, sr, SR) if sr != SR else y
        clean = _suppressed(wide)
        narrow = soxr.resample(clean, SR, sr) if sr != SR else clean
        made = np.zeros(len(y), dtype=np.float32)
        n = min(len(y), len(narrow))
        made[:n] = narrow[:n]
        return (y + np.float32(self.amount) * (made - y)).astype(np.float32, copy=False)


def _suppressed(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Audio at 48 kHz through the network, frame by frame, not delayed."""
    binding = _binding()
    n_frame = int(binding.FRAME_SIZE)
    n = len(y) + DELAY
    frames = np.zeros((-(-n // n_frame), n_frame), dtype=np.float32)
    frames.ravel()[: len(y)] = np.clip(y, -1.0, 1.0) * _FULL_SCALE
    state = binding.create()
    try:
        for frame in frames:
            place = frame.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            binding.lib.rnnoise_process_frame(state, place, place)
    finally:
        binding.destroy(state)
    return frames.ravel()[DELAY:n] / np.float32(_FULL_SCALE)


@functools.cache
def _binding() -> Any:
    """The binding of the library in pyrnnoise, without the decoders and resamplers that the package imports."""
    package = importlib.util.find_spec("pyrnnoise")
    assert package is not None
    assert package.submodule_search_locations is not None
    (folder,) = package.submodule_search_locations
    spec = importlib.util.spec_from_file_location("_ser_toolkit_rnnoise", Path(folder) / "rnnoise.py")
    assert spec is not None
    assert spec.loader is not None
    binding = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(binding)
    return binding

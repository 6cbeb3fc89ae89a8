"""Spectral gate of noisereduce: what does not stand out of a band's usual level is lowered."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import annotated_types
import numpy as np

from ser_toolkit.errors import MissingTierError
from ser_toolkit_denoise.snr import BelowSNR

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpectralGate"]

_FRAME_S = 0.064


@dataclass(frozen=True, kw_only=True)
class SpectralGate(BelowSNR):
    """Spectral gating by noisereduce.

    Parameters
    ----------
    mode : {"changing", "steady"}
        Whether the usual level of a band follows the recording with a time constant of 2 s, or is that of all of it.
    amount : float
        How much of what is found to be noise is taken away, 0 to 1.

    References
    ----------
    Sainburg, Zorea: Noisereduce: Domain general noise reduction for time series signals. arXiv 2412.17851, 2024.
    """

    name: ClassVar[str] = "spectral-gate"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("noisereduce", "scipy")

    mode: Literal["steady", "changing"] = "changing"
    amount: Annotated[float, annotated_types.Interval(ge=0.0, le=1.0)] = 0.9

    def require(self) -> None:
        """Raise a MissingTierError without noisereduce."""
        if importlib.util.find_spec("noisereduce") is None:
            raise MissingTierError(f"the preprocessor {self.name!r}", "denoise", "noisereduce")

    def denoised(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """The same audio with less noise, float32 (n_samples,)."""
        n_fft = 1 << max(6, round(np.log2(_FRAME_S * sr)))
        with np.errstate(divide="ignore", invalid="ignore"):  # bands without anything in them
            made = _reduce_noise()(
                y=y, sr=sr, stationary=self.mode == "steady", prop_decrease=self.amount, n_fft=n_fft, chunk_size=None
            )
        return np.nan_to_num(np.asarray(made, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)


@functools.cache
def _reduce_noise() -> Callable[..., Any]:
    with _without_torch():
        from noisereduce import reduce_noise
    made: Callable[..., Any] = reduce_noise
    return made


class _NoTorch:
    """Finds no torch, as if it was not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse torch, and leave all else to others."""
        if name == "torch":
            raise ModuleNotFoundError("torch is not wanted here", name=name)


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Let an import find no torch, unless it is loaded: noisereduce would load it for a variant that is not used."""
    finder = _NoTorch()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

"""openSMILE's low-level descriptors as a sequence of frames."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ser_toolkit.errors import AudioError, ComponentError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_paper.egemaps import FULL_SCALE, SHORTEST_S, SMILE_LOCK, Egemaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SmileLld"]

FRAMES_PER_S = 100
"""Descriptors come every 10 ms."""

N_DESCRIPTORS: Mapping[str, int] = MappingProxyType({"IS09": 16, "eGeMAPSv02": 25})
"""Descriptors of each feature set, without deltas."""

MISSING: Mapping[str, int] = MappingProxyType({"IS09": 1, "eGeMAPSv02": 4})
"""Frames fewer than there are steps of 10 ms: the longest frames of a set (25 and 60 ms) lie wholly inside."""


@dataclass(frozen=True, kw_only=True)
class SmileLld:
    """Low-level descriptors of every 10 ms.

    Parameters
    ----------
    feature_set : {"IS09", "eGeMAPSv02"}
        ``"IS09"``: zero-crossing rate, energy, pitch, voicing and 12 cepstral coefficients, and the delta of each:
        32 values a frame. ``"eGeMAPSv02"``: 25 values a frame, without deltas.

    Notes
    -----
    Samples are clipped and short segments repeated as by the component ``egemaps``. Values that openSMILE leaves
    undefined are 0. The deltas are openSMILE's regression over two frames to either side.

    Descriptors of a window are computed from that window alone.

    openSMILE is free for private, research and educational use only, and so is what is trained on its features.

    References
    ----------
    Schuller, Steidl, Batliner, "The Interspeech 2009 emotion challenge", Interspeech 2009.
    Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective computing",
    IEEE Transactions on Affective Computing 7(2), 2016.
    """

    name: ClassVar[str] = "smile-lld"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("opensmile",)
    license: ClassVar[str] = Egemaps.license
    context_s: ClassVar[float] = 0.0

    feature_set: Literal["IS09", "eGeMAPSv02"] = "IS09"

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(n_frames, 32 or 25)``: (299, 32) for 3 s with IS09; ``None`` frames for segments of any length."""
        frames = None if n_samples is None else self._n_frames(max(n_samples, round(SHORTEST_S * sr)), sr)
        n_values = N_DESCRIPTORS[self.feature_set] * (2 if self.feature_set == "IS09" else 1)
        return FeatureSpec(shape=(frames, n_values), axes=("frame", "descriptor"), unit="mixed")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Descriptors of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (n_frames, 32 or 25)
            In openSMILE's order and units; with IS09 all descriptors, then all deltas.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ComponentError
            If openSMILE gives other descriptors than expected.
        """
        if not len(y):
            raise AudioError("empty", "openSMILE needs at least one sample")
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the audio holds NaN or infinite samples")
        y = np.clip(y, -FULL_SCALE, FULL_SCALE).astype(np.float32, copy=False)
        y = np.resize(y, max(len(y), round(SHORTEST_S * sr)))
        with SMILE_LOCK:
            values = _smile(self.feature_set)(y, sr)[0].T  # (about n_frames, n_descriptors)
        if values.shape[1] != N_DESCRIPTORS[self.feature_set] or not len(values):
            raise ComponentError(
                f"this openSMILE gives {values.shape} descriptors for {self.feature_set}, not "
                f"{N_DESCRIPTORS[self.feature_set]} a frame: install opensmile 2.6"
            )
        missing = max(0, self._n_frames(len(y), sr) - len(values))
        values = np.pad(values, ((0, missing), (0, 0)), mode="edge")[: self._n_frames(len(y), sr)]
        values = np.where(np.isfinite(values), values, 0).astype(np.float32)
        return np.concatenate([values, _deltas(values)], axis=1) if self.feature_set == "IS09" else values

    def _n_frames(self, n_samples: int, sr: int) -> int:
        return max(1, n_samples * FRAMES_PER_S // sr - MISSING[self.feature_set])


@functools.cache
def _smile(feature_set: str) -> Any:
    """One openSMILE front end per process and feature set."""
    import opensmile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the older set is marked deprecated; here it is a choice
        return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel.LowLevelDescriptors)


def _deltas(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slope over two frames to either side, the ends repeated; (n_frames, n) to the same."""
    at = np.pad(x, ((2, 2), (0, 0)), mode="edge")
    return np.asarray((at[3:-1] - at[1:-3] + 2 * (at[4:] - at[:-4])) / 10, dtype=np.float32)

"""openSMILE functionals, eGeMAPS by default: the paper's second feature."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ser_toolkit.errors import AudioError, ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_paper.sliding_smile import FRAMES_PER_S, sliding_options

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Egemaps"]

N_FEATURES: Mapping[str, int] = MappingProxyType(
    {
        "GeMAPSv01a": 62,
        "GeMAPSv01b": 62,
        "eGeMAPSv01a": 88,
        "eGeMAPSv01b": 88,
        "eGeMAPSv02": 88,
        "IS09": 384,
        "ComParE_2016": 6373,
    }
)
"""Functionals in each feature set."""

FULL_SCALE = 32767 / 32768
"""Largest sample that openSMILE's 16-bit input holds; larger ones wrap around to the other sign."""

SHORTEST_S = 0.1
"""Shorter segments are repeated to this length; below 0.06 s most sets have no frame at all."""

SMILE_LOCK = threading.Lock()
"""Held while openSMILE runs: it fails at random in threads (audeering/opensmile-python#41)."""


@dataclass(frozen=True, kw_only=True)
class Egemaps:
    """Functionals of a segment: one value per acoustic parameter and statistic.

    Parameters
    ----------
    feature_set : str
        openSMILE's feature set: GeMAPSv01a, GeMAPSv01b (62 values), eGeMAPSv01a, eGeMAPSv01b, eGeMAPSv02 (88),
        IS09 (384) or ComParE_2016 (6373).
    mode : {"window", "sliding"}
        ``"window"``: each segment by itself. ``"sliding"``: all windows of a recording in one pass with shared
        low-level descriptors, see Notes; four times as fast at a hop of a quarter window. Train and predict in one
        mode.

    Raises
    ------
    ConfigError
        If the feature set has no mode ``"sliding"``: IS09 keeps a running mean of the pitch and ComParE_2016 filters
        with a long memory (RASTA), so that a window would depend on everything before it.

    Notes
    -----
    Samples are clipped to one 16-bit step below full scale: openSMILE casts without clipping, so that +1.0 would
    become -1.0. Segments under 0.1 s are repeated to 0.1 s, as shorter ones have no value; should a value still be
    undefined it is 0, and `n_undefined` counts them. Speech, silence and noise of 0.1 s and more have none.

    In mode ``"sliding"`` the statistics of a window run over the 60 ms frames that lie wholly inside it, as they do
    for a single segment; pitch tracking and smoothing see the neighbouring audio. It works on openSMILE's grid of
    10 ms: the hop must be a multiple of that, and a window aligned to the end begins up to that much earlier. A
    recording may be cut anywhere on the hop grid with `context_s` of audio around: the numbers are the same, bit for
    bit, unless voicing goes on without a break for longer than that. Jitter and shimmer follow single periods from
    the first one of a voiced stretch, so in a sung vowel of more than 1.5 s these four values depend on where the cut
    was.

    openSMILE is free for private, research and educational use only, and so is what is trained on its features.

    References
    ----------
    Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
    computing", IEEE Transactions on Affective Computing 7(2), 2016.
    Toyoshima et al., Sensors 23(3), 2023, section 3.3.
    """

    name: ClassVar[str] = "egemaps"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("opensmile",)
    license: ClassVar[str] = (
        "uses features computed with openSMILE, which is free for private, research and educational use only, and so "
        "are models trained on them"
    )

    feature_set: Literal[
        "GeMAPSv01a", "GeMAPSv01b", "eGeMAPSv01a", "eGeMAPSv01b", "eGeMAPSv02", "IS09", "ComParE_2016"
    ] = "eGeMAPSv02"
    mode: Literal["window", "sliding"] = "window"

    def __post_init__(self) -> None:
        if self.mode == "sliding" and "GeMAPS" not in self.feature_set:
            raise ConfigError(
                f"egemaps: {self.feature_set} has no mode 'sliding', its values depend on the whole recording: "
                "use mode 'window' or one of the GeMAPS sets"
            )

    @property
    def context_s(self) -> float:
        """Seconds of neighbouring audio on either side that change a window of `sliding`: 0 or 1.5."""
        return 1.5 if self.mode == "sliding" else 0.0

    @property
    def sliding_agreement(self) -> float:
        """Agreement of `sliding` with single calls: 1.0 in mode ``"window"``, else 0.98 (measured: 0.997 and more)."""
        return 0.98 if self.mode == "sliding" else 1.0

    @property
    def sliding_grid_s(self) -> float:
        """Seconds of openSMILE's grid, on which windows of `sliding` begin."""
        return 1 / FRAMES_PER_S

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape for a segment of any length: ``(88,)`` for the eGeMAPS sets. Names: `feature_names`."""
        return FeatureSpec(shape=(N_FEATURES[self.feature_set],), axes=("feature",), unit="mixed")

    def feature_names(self) -> tuple[str, ...]:
        """Names that openSMILE gives the values, such as ``"loudness_sma3_amean"``; imports opensmile."""
        with SMILE_LOCK:
            return tuple(_smile(self.feature_set, self.mode).feature_names)

    def n_undefined(self, y: NDArray[np.float32], sr: int) -> int:
        """How many values openSMILE leaves undefined for a segment; calling the extractor gives 0 for them."""
        return int((~np.isfinite(self._segment(y, sr))).sum())

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Functionals of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz; a multiple of 100 in mode ``"sliding"``.

        Returns
        -------
        ndarray of float32, shape (n_features,)
            In the units of openSMILE's names: semitones above 27.5 Hz, dB, Hz, s, ratios.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If mode ``"sliding"`` cannot work at this sample rate.
        """
        return _defined(self._segment(y, sr))

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Functionals of all full windows of a recording.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it. About 0.5 MB of memory per second in mode ``"sliding"``: pass
            2 minutes at most.
        sr : int
            Sample rate in Hz; a multiple of 100 in mode ``"sliding"``.
        n_window, n_hop : int
            Window and hop in samples.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_features)
            One row a window.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If mode ``"sliding"`` cannot work at this sample rate, window or hop.
        ComponentError
            If openSMILE returns fewer windows than the audio holds.
        """
        n_windows = max(0, 1 + (len(y) - n_window) // n_hop)
        rows = np.empty((n_windows, N_FEATURES[self.feature_set]), dtype=np.float32)
        if not n_windows:
            return rows
        if self.mode == "sliding":
            rows[:] = self._windows(_checked(y), sr, n_window=n_window, n_hop=n_hop)[:n_windows]
            return _defined(rows)
        for k, row in enumerate(rows):
            row[:] = self(y[k * n_hop : k * n_hop + n_window], sr)
        return rows

    def _segment(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        y = _checked(y)
        shortest = round(SHORTEST_S * sr)
        if len(y) < shortest:
            y = np.resize(y, shortest)
        if self.mode == "window":
            row: NDArray[np.float32] = self._run(y, sr, {})[0]
        else:
            grid = max(1, sr // 100)  # any hop on openSMILE's grid that leaves no room for a second window
            row = self._windows(y, sr, n_window=len(y), n_hop=grid * (1 + len(y) // grid))[0]
        return row

    def _windows(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Functionals of all windows in one pass, shape (at least n_windows, n_features)."""
        with sliding_options(sr, n_window=n_window, n_hop=n_hop) as options:
            rows = self._run(y, sr, options)
        n_windows = 1 + (len(y) - n_window) // n_hop
        if len(rows) < n_windows:
            raise ComponentError(
                f"openSMILE gave {len(rows)} windows of {self.feature_set} where there are {n_windows}"
            )
        return rows

    def _run(self, y: NDArray[np.float32], sr: int, options: Mapping[str, str]) -> NDArray[np.float32]:
        """What openSMILE gives, shape (1 or n_windows, n_features); undefined values are NaN or infinite."""
        with SMILE_LOCK:
            smile = _smile(self.feature_set, self.mode)
            smile.options.update(options)
            values = smile(y, sr)  # (1, n_features, n_windows)
        rows: NDArray[np.float32] = values[0].T.astype(np.float32)
        if rows.shape[1] != N_FEATURES[self.feature_set]:
            raise ComponentError(
                f"this openSMILE gives {rows.shape[1]} values for {self.feature_set}, not "
                f"{N_FEATURES[self.feature_set]}: install opensmile 2.6"
            )
        return rows


@functools.cache
def _smile(feature_set: str, mode: str) -> Any:
    """One openSMILE front end per process, feature set and mode; `mode` keeps their options apart."""
    import opensmile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the older sets are marked deprecated; here they are a choice
        return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel.Functionals)


def _checked(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Clipped copy; refuses what openSMILE would turn into plausible numbers."""
    if not len(y):
        raise AudioError("empty", "openSMILE needs at least one sample")
    if not np.isfinite(y).all():
        raise AudioError("non-finite", "the audio holds NaN or infinite samples")
    clipped: NDArray[np.float32] = np.clip(y, -FULL_SCALE, FULL_SCALE).astype(np.float32, copy=False)
    return clipped


def _defined(values: NDArray[np.float32]) -> NDArray[np.float32]:
    values[~np.isfinite(values)] = 0
    return values

"""eGeMAPSv02 without openSMILE: the same 88 functionals, free to use, several times as fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_gemaps.frames import LONG_S, SHORT_S, count, hop
from ser_toolkit_gemaps.names import LLDS, NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EgemapsFast"]

SHORTEST_S = 0.1
"""Shorter segments are repeated to this length."""

LOWEST_RATE = 8000
"""Lowest sample rate in Hz: the ratios of the spectrum need both of their bands."""


@dataclass(frozen=True, kw_only=True)
class EgemapsFast:
    """Functionals of a segment: one value per acoustic parameter and statistic.

    Parameters
    ----------
    mode : {"window", "sliding"}
        ``"window"``: each segment by itself. ``"sliding"``: all windows of a recording share their low-level
        descriptors, see Notes. Train and predict in one mode.

    Notes
    -----
    Written from the published definitions and by comparison with what openSMILE puts out, without its source code:
    the page "GeMAPS" of the documentation says how, and how far each value agrees. Models trained on these features
    are free of openSMILE's licence.

    Segments under 0.1 s are repeated to 0.1 s. A value that is not defined, such as jitter where nothing is voiced,
    is 0, as in openSMILE.

    In mode ``"sliding"`` the statistics of a window run over the frames that lie wholly inside it, as they do for a
    single segment; pitch tracking and smoothing see the neighbouring audio. It works on a grid of 10 ms: the hop must
    be a multiple of that. Chunks of a recording with `context_s` of audio around give the numbers of the whole,
    unless voicing goes on without a break for longer than that.

    References
    ----------
    Eyben et al., "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
    computing", IEEE Transactions on Affective Computing 7(2), 2016.
    """

    name: ClassVar[str] = "egemaps-fast"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("numba", "numpy", "scipy")

    mode: Literal["window", "sliding"] = "window"

    @property
    def context_s(self) -> float:
        """Seconds of neighbouring audio on either side that change a window of `sliding`: 0 or 1.5."""
        return 1.5 if self.mode == "sliding" else 0.0

    @property
    def sliding_agreement(self) -> float:
        """Agreement of `sliding` with single calls: 1.0 in mode ``"window"``, else 0.98."""
        return 0.98 if self.mode == "sliding" else 1.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape for a segment of any length: ``(88,)``. Names: `feature_names`."""
        return FeatureSpec(shape=(len(NAMES),), axes=("feature",), unit="mixed", names=NAMES)

    def feature_names(self) -> tuple[str, ...]:
        """Names that openSMILE has for the values, in its order, such as ``"loudness_sma3_amean"``."""
        return NAMES

    def descriptor_names(self) -> tuple[str, ...]:
        """Names that openSMILE has for the low-level descriptors, in its order, such as ``"Loudness_sma3"``."""
        return LLDS

    def descriptors(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Low-level descriptors of a recording, every 10 ms.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it. Under 0.1 s repeated to that.
        sr : int
            Sample rate in Hz, 8000 or more.

        Returns
        -------
        ndarray of float32, shape (n_frames, 25)
            One row for each frame of 60 ms that lies wholly inside; names: `descriptor_names`.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If the sample rate is too low.
        """
        from ser_toolkit_gemaps.descriptors import describe

        return describe(_long_enough(_checked(y, sr), sr), sr).table()

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Functionals of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz, 8000 or more; a multiple of 100 in mode ``"sliding"``.

        Returns
        -------
        ndarray of float32, shape (88,)
            In the units of `ser_toolkit_gemaps.names.UNITS`: semitones above 27.5 Hz, dB, Hz, s, ratios.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If the sample rate is too low, or mode ``"sliding"`` cannot work at it.
        """
        y = _long_enough(_checked(y, sr), sr)
        if self.mode == "sliding":
            _grid(sr)
        row: NDArray[np.float32] = _windows(y, sr, n_window=len(y), n_hop=len(y))[0]
        return row

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Functionals of all full windows of a recording.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it. About 1.2 MB of memory per second in mode ``"sliding"``.
        sr : int
            Sample rate in Hz, 8000 or more; a multiple of 100 in mode ``"sliding"``.
        n_window, n_hop : int
            Window and hop in samples.

        Returns
        -------
        ndarray of float32, shape (n_windows, 88)
            One row a window.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If the sample rate is too low, or mode ``"sliding"`` cannot work with it, the window or the hop.
        """
        n_windows = max(0, 1 + (len(y) - n_window) // n_hop)
        if not n_windows:
            return np.empty((0, len(NAMES)), dtype=np.float32)
        if self.mode == "window":
            return np.stack([self(y[k * n_hop : k * n_hop + n_window], sr) for k in range(n_windows)])
        step = _grid(sr)
        if n_hop % step:
            raise ConfigError(
                f"egemaps-fast: mode 'sliding' works on a grid of 10 ms, a hop of {n_hop} samples ({n_hop / sr:g} s) "
                f"at {sr} Hz is not on it: use a hop_s that is a multiple of 0.01, or mode 'window'"
            )
        if n_window < SHORTEST_S * sr:
            raise ConfigError(
                f"egemaps-fast: a window of {n_window} samples at {sr} Hz is shorter than {SHORTEST_S:g} s: lengthen it"
            )
        return _windows(_checked(y, sr), sr, n_window=n_window, n_hop=n_hop)


def _windows(y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
    """Functionals of all windows from one set of descriptors, shape (n_windows, 88)."""
    from ser_toolkit_gemaps.descriptors import describe, summarise

    described = describe(y, sr)
    n_short, n_long = count(n_window, sr, SHORT_S), count(n_window, sr, LONG_S)
    starts = range(0, len(y) - n_window + 1, n_hop)
    rows = np.empty((len(starts), len(NAMES)), dtype=np.float32)
    for row, start in zip(rows, starts, strict=True):
        row[:] = summarise(described, first=start // hop(sr), n_short=n_short, n_long=n_long)
    return rows


def _checked(y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    if not len(y):
        raise AudioError("empty", "GeMAPS needs at least one sample")
    if not np.isfinite(y).all():
        raise AudioError("non-finite", "the audio holds NaN or infinite samples")
    if sr < LOWEST_RATE:
        raise ConfigError(f"egemaps-fast: needs a sample rate of {LOWEST_RATE} Hz or more, not {sr}: use 16000 Hz")
    return y


def _long_enough(y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
    shortest = round(SHORTEST_S * sr)
    return y if len(y) >= shortest else np.resize(y, shortest)


def _grid(sr: int) -> int:
    """Samples in 10 ms; refuses rates at which those are not whole."""
    if sr % 100:
        raise ConfigError(
            f"egemaps-fast: mode 'sliding' works on a grid of 10 ms, which {sr} Hz is not a multiple of: "
            "use 16000 Hz or mode 'window'"
        )
    return hop(sr)

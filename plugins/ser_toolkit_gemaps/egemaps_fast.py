"""eGeMAPSv02 without openSMILE: the same 88 functionals, free to use, several times as fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar, overload

import numpy as np

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit_gemaps.frames import LONG_S, SHORT_S, count, hop
from ser_toolkit_gemaps.names import LLDS, NAMES

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Samples = TypeVar("Samples", NDArray[np.float32], torch.Tensor)

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
    backend : {"numpy", "torch"}
        What computes. ``"torch"`` takes many segments at once (`batch`) and works where its tensors are, on the CPU or
        a CUDA device; arrays are worked on on the CPU. The numbers are the same but for rounding.

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
    version: ClassVar[int] = 2

    mode: Literal["window", "sliding"] = "window"
    backend: Literal["numpy", "torch"] = "numpy"

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions that compute the values."""
        return ("numba", "numpy", "scipy", *(("torch",) if self.backend == "torch" else ()))

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
        """Low-level descriptors of a recording, every 10 ms; with either backend computed by numpy.

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
        rows = self.batch(y[None], sr) if self.backend == "torch" else _windows(y, sr, n_window=len(y), n_hop=len(y))
        row: NDArray[np.float32] = rows[0]
        return row

    @overload
    def batch(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]: ...
    @overload
    def batch(self, y: torch.Tensor, sr: int) -> torch.Tensor: ...
    def batch(self, y: NDArray[np.float32] | torch.Tensor, sr: int) -> NDArray[np.float32] | torch.Tensor:
        """Functionals of many segments of one length, each by itself.

        Parameters
        ----------
        y : ndarray or Tensor of float32, shape (batch, n_samples)
            Mono audio within [-1, 1]; clipped to it. Tensors need backend ``"torch"``.
        sr : int
            Sample rate in Hz, 8000 or more; a multiple of 100 in mode ``"sliding"``.

        Returns
        -------
        ndarray or Tensor of float32, shape (batch, 88)
            As calls on the segments would give, of the kind and on the device of `y`, without a gradient.

        Raises
        ------
        AudioError
            If the segments are empty or hold a value that is not finite.
        ConfigError
            If `y` has not two axes or is a tensor and the backend ``"numpy"``, the sample rate is too low, or mode
            ``"sliding"`` cannot work at it.
        """
        if y.ndim != 2:
            raise ConfigError(f"egemaps-fast: batch takes (batch, n_samples), not {y.ndim} axes: stack the segments")
        if isinstance(y, np.ndarray):
            if self.backend == "torch":
                import torch

                values: NDArray[np.float32] = self._of_tensors(torch.tensor(y), sr).numpy()
                return values
            return np.stack([self(row, sr) for row in y]) if len(y) else np.empty((0, len(NAMES)), dtype=np.float32)
        if self.backend != "torch":
            raise ConfigError("egemaps-fast: backend 'numpy' takes arrays, no tensors: configure backend='torch'")
        return self._of_tensors(y, sr)

    def _of_tensors(self, y: torch.Tensor, sr: int) -> torch.Tensor:
        from ser_toolkit_gemaps.batched.extract import functionals

        if self.mode == "sliding":
            _grid(sr)
        return functionals(_checked(y, sr), sr, n_least=round(SHORTEST_S * sr))

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Functionals of all full windows of a recording.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it. In mode ``"sliding"`` about 1.2 MB of memory per second, 2.5 MB
            with backend ``"torch"``.
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
            windows = np.lib.stride_tricks.sliding_window_view(y, n_window)[::n_hop]
            return self.batch(windows, sr)
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
        _checked(y, sr)
        if self.backend == "torch":
            import torch

            from ser_toolkit_gemaps.batched.extract import sliding

            return sliding(torch.tensor(y), sr, n_window=n_window, n_hop=n_hop).numpy()
        return _windows(y, sr, n_window=n_window, n_hop=n_hop)


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


def _checked(y: Samples, sr: int) -> Samples:
    if not y.shape[-1]:
        raise AudioError("empty", "GeMAPS needs at least one sample")
    if not (np.isfinite(y) if isinstance(y, np.ndarray) else y.isfinite()).all():
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

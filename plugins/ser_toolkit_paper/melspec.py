"""Mel spectrogram in decibels: the paper's first feature."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import annotated_types
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ser_toolkit.errors import AudioError, ConfigError
from ser_toolkit.interfaces import FeatureSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

__all__ = ["MelSpec"]

FRAMES_AT_ONCE = 256
"""Frames in one FFT call: few enough for the cache, many enough to hide the cost of the call."""


@dataclass(frozen=True, kw_only=True)
class MelSpec:
    """Mel spectrogram in decibels.

    Parameters
    ----------
    n_fft : int
        Samples per frame.
    hop_length : int
        Samples from one frame to the next: 128 gives 376 frames for 3 s at 16 kHz.
    win_length : int or None
        Samples under the window function, at most `n_fft`; ``None``: `n_fft`.
    window : {"hann", "hamming", "blackman", "bartlett", "boxcar"}
        Window function.
    n_mels : int
        Mel bands.
    fmin_hz : float
        Lower edge of the lowest band in Hz.
    fmax_hz : float or None
        Upper edge of the highest band in Hz; ``None``: half the sample rate.
    htk : bool
        HTK's mel scale instead of Slaney's. Bands have unit area either way.
    power : float
        Exponent of the magnitude: 2 is power, 1 magnitude.
    center : bool
        Frame *j* is centred on sample ``j * hop_length``, with zeros beyond the ends; without, it begins there.
    ref : "max" or float
        Power that becomes 0 dB: that of the loudest value of each window, or a fixed one. ``"max"`` removes the
        level of the recording, 1.0 keeps it.
    top_db : float or None
        Values more than this below the window's loudest are raised to it; ``None``: no floor.
    amin : float
        Least power before the logarithm.
    mode : {"window", "sliding"}
        What `sliding` computes. ``"window"``: the numbers of calling the extractor on each window by itself.
        ``"sliding"``: windows share their frames, see Notes.

    Raises
    ------
    ConfigError
        If `win_length` exceeds `n_fft`, or `fmax_hz` is not above `fmin_hz`.

    Notes
    -----
    The numbers are those of ``librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr, ...), ref=...)``.
    The filterbank is applied as a sparse matrix: each FFT bin belongs to at most two bands.

    In mode ``"sliding"`` the frames at the edges of a window see the neighbouring audio instead of zeros, and two
    overlapping windows use the same frames. That needs frames at the same places after each hop of windows. Where
    `n_hop` is no multiple of `hop_length` (0.75 s is 93.75 frames), frames are spaced evenly, as many to a hop as
    come nearest (94): over a window they drift by at most `hop_length` in all, half to either side (4 ms with the
    defaults). Hops so short that the drift would be more are computed without sharing, each frame in its place.
    What a window gives depends on its samples and `context_s` around them, never on where a recording was cut.

    Digital silence is 0 dB throughout with ``ref="max"``.

    References
    ----------
    Toyoshima et al., "Multi-input speech emotion recognition model using mel spectrogram and GeMAPS",
    Sensors 23(3), 2023, section 3.2 (the shape 128 x 376; the other parameters are not given there).
    """

    name: ClassVar[str] = "melspec"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("librosa", "numpy")

    n_fft: Annotated[int, annotated_types.Interval(ge=16, le=65_536)] = 1024
    hop_length: Annotated[int, annotated_types.Interval(ge=1, le=65_536)] = 128
    win_length: Annotated[int, annotated_types.Ge(1)] | None = None
    window: Literal["hann", "hamming", "blackman", "bartlett", "boxcar"] = "hann"
    n_mels: Annotated[int, annotated_types.Interval(ge=1, le=1024)] = 128
    fmin_hz: Annotated[float, annotated_types.Ge(0)] = 0.0
    fmax_hz: Annotated[float, annotated_types.Gt(0)] | None = None
    htk: bool = False
    power: Annotated[float, annotated_types.Interval(gt=0, le=4)] = 2.0
    center: bool = True
    ref: Literal["max"] | Annotated[float, annotated_types.Gt(0)] = "max"
    top_db: Annotated[float, annotated_types.Gt(0)] | None = 80.0
    amin: Annotated[float, annotated_types.Gt(0)] = 1e-10
    mode: Literal["window", "sliding"] = "window"

    def __post_init__(self) -> None:
        if self.win_length is not None and self.win_length > self.n_fft:
            raise ConfigError(f"melspec: win_length {self.win_length} exceeds n_fft {self.n_fft}: raise n_fft")
        if self.fmax_hz is not None and self.fmax_hz <= self.fmin_hz:
            raise ConfigError(f"melspec: fmax_hz {self.fmax_hz} is not above fmin_hz {self.fmin_hz}")

    @property
    def context_s(self) -> float:
        """Seconds of neighbouring audio on either side that change a window of `sliding`: 0 or 0.5."""
        return 0.5 if self.mode == "sliding" else 0.0

    @property
    def sliding_agreement(self) -> float:
        """Agreement of `sliding` with single calls: 1.0 in mode ``"window"``, else 0.98 (measured: 0.997 and more)."""
        return 0.98 if self.mode == "sliding" else 1.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape for a segment.

        Parameters
        ----------
        n_samples : int or None
            Samples of a segment; ``None``: any number.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        FeatureSpec
            ``(1, n_mels, 1 + n_samples // hop_length)`` if centred; ``(1, 128, 376)`` for 48,000 samples.
        """
        frames = None if n_samples is None else self._n_frames(n_samples)
        return FeatureSpec(shape=(1, self.n_mels, frames), axes=("channel", "mel", "frame"), unit="dB")

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Mel spectrogram of one segment.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.

        Returns
        -------
        ndarray of float32, shape (1, n_mels, n_frames)
            In dB, 0 at the loudest value if `ref` is ``"max"``. A segment too short for one frame is followed by zeros.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            If a band holds no FFT bin, or `fmax_hz` exceeds half of `sr`.
        """
        values: NDArray[np.float32] = self.sliding(y, sr, n_window=len(y), n_hop=max(1, len(y)))[0]
        return values

    def sliding(self, y: NDArray[np.float32], sr: int, *, n_window: int, n_hop: int) -> NDArray[np.float32]:
        """Mel spectrograms of all full windows of a recording.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio within [-1, 1]; clipped to it.
        sr : int
            Sample rate in Hz.
        n_window, n_hop : int
            Window and hop in samples.

        Returns
        -------
        ndarray of float32, shape (n_windows, 1, n_mels, n_frames)
            In dB; `ref` and `top_db` are those of each window.

        Raises
        ------
        AudioError
            If `y` is empty or holds a value that is not finite.
        ConfigError
            As calling the extractor; in mode ``"sliding"`` also if `n_fft` needs more than `context_s` of audio.
        """
        if not len(y):
            raise AudioError("empty", "a mel spectrogram needs at least one sample")
        if not np.isfinite(y).all():
            raise AudioError("non-finite", "the audio holds NaN or infinite samples")
        if self.mode == "sliding" and self.n_fft // 2 + self.hop_length > self.context_s * sr:
            raise ConfigError(
                f"melspec: n_fft {self.n_fft} at {sr} Hz reaches further than the {self.context_s} s of context that "
                "mode 'sliding' gives a window: lower n_fft or use mode 'window'"
            )
        basis = _filterbank(self, sr)
        starts = np.arange(0, len(y) - n_window + 1, n_hop)
        firsts, edges = self._frames(starts, n_window=n_window, n_hop=n_hop)
        margin = self.n_fft + self.hop_length  # room for frames that reach outside
        padded = np.pad(np.clip(y, -1, 1).astype(np.float32, copy=False), margin)
        distinct, where = np.unique(firsts + margin, return_inverse=True)
        where = where.reshape(firsts.shape)
        mel = self._mel(padded, distinct, basis=basis)  # each frame once, whatever windows it belongs to
        windows = np.empty((len(starts), 1, self.n_mels, firsts.shape[1]), dtype=np.float32)
        for k, start in enumerate(starts.tolist()):
            power = mel[:, where[k]]  # (n_mels, n_frames)
            if len(edges):
                inside = (start + margin, start + margin + n_window)
                power[:, edges] = self._mel(padded, firsts[k, edges] + margin, basis=basis, inside=inside)
            windows[k, 0] = self._decibels(power)
        return windows

    def _frames(
        self, starts: NDArray[np.int64], *, n_window: int, n_hop: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First sample of each frame (n_windows, n_frames); which frames of a window must not see its neighbours."""
        grid = np.arange(self._n_frames(n_window)) * self.hop_length
        lead = self.n_fft // 2 if self.center else 0
        if self.mode == "window":
            edges = np.flatnonzero((grid < lead) | (grid - lead + self.n_fft > n_window))
            return starts[:, None] + grid - lead, edges
        per_hop = max(1, round(n_hop / self.hop_length))
        hops, rest = np.divmod(np.arange(len(grid)), per_hop)
        even = hops * n_hop + rest * n_hop // per_hop
        drift = int(even[-1] - grid[-1])
        if n_hop < n_window and abs(drift) <= self.hop_length:
            grid = even - drift // 2
        return starts[:, None] + grid - lead, np.zeros(0, dtype=np.int64)

    def _mel(
        self,
        padded: NDArray[np.float32],
        firsts: NDArray[np.int64],
        *,
        basis: csr_array,
        inside: tuple[int, int] | None = None,
    ) -> NDArray[np.float32]:
        """Mel power (n_mels, n) of the frames that begin at `firsts`; samples outside `inside` count as zeros."""
        from scipy.fft import rfft

        taper, frames_at = _taper(self), sliding_window_view(padded, self.n_fft)
        mel = np.empty((self.n_mels, len(firsts)), dtype=np.float32)
        for i in range(0, len(firsts), FRAMES_AT_ONCE):
            first = firsts[i : i + FRAMES_AT_ONCE]
            frames = frames_at[first] * taper  # (frames, n_fft)
            if inside is not None:
                at = first[:, None] + np.arange(self.n_fft)
                frames[(at < inside[0]) | (at >= inside[1])] = 0
            spectrum = rfft(frames)  # scipy's keeps float32 and does several frames at a time
            power = spectrum.real**2 + spectrum.imag**2
            if self.power != 2:
                power **= self.power / 2
            mel[:, i : i + FRAMES_AT_ONCE] = basis @ power.T.astype(np.float32, copy=False)
        return mel

    def _decibels(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        import librosa

        ref = np.max if self.ref == "max" else self.ref
        decibels: NDArray[np.float32] = librosa.power_to_db(power, ref=ref, amin=self.amin, top_db=self.top_db)
        return decibels

    def _n_frames(self, n_samples: int) -> int:
        padded = n_samples + 2 * (self.n_fft // 2) if self.center else n_samples
        return 1 + max(0, padded - self.n_fft) // self.hop_length


@functools.lru_cache(maxsize=16)
def _taper(config: MelSpec) -> NDArray[np.float32]:
    """Window function, centred in `n_fft` samples."""
    import librosa

    taper = librosa.filters.get_window(config.window, config.win_length or config.n_fft)
    return np.asarray(librosa.util.pad_center(taper, size=config.n_fft), dtype=np.float32)


@functools.lru_cache(maxsize=16)
def _filterbank(config: MelSpec, sr: int) -> csr_array:
    """Mel filters, sparse (n_mels, 1 + n_fft // 2)."""
    import librosa
    from scipy.sparse import csr_array

    if config.fmax_hz is not None and config.fmax_hz > sr / 2:
        raise ConfigError(f"melspec: fmax_hz {config.fmax_hz} exceeds half of the sample rate {sr} Hz: lower it")
    if config.fmin_hz >= sr / 2:
        raise ConfigError(f"melspec: fmin_hz {config.fmin_hz} is not below half of the sample rate {sr} Hz: lower it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa warns of empty filters; refused below
        filters = librosa.filters.mel(
            sr=sr, n_fft=config.n_fft, n_mels=config.n_mels, fmin=config.fmin_hz, fmax=config.fmax_hz, htk=config.htk
        )
    if empty := int((filters.max(axis=1) == 0).sum()):
        raise ConfigError(
            f"melspec: {empty} of {config.n_mels} mel bands hold no FFT bin at {sr} Hz with n_fft {config.n_fft}: "
            "lower n_mels or raise n_fft"
        )
    return csr_array(filters.astype(np.float32))

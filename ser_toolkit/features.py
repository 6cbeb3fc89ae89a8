"""From a recording to the features of its windows: one code path for training and inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data.pieces import Cutter, Piece
from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec, Preprocessor, Scope, SlidingFeatureExtractor
from ser_toolkit.preprocessing import applied, check_steps, of_scope, prepared
from ser_toolkit.sliding import slide_over

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.segments import Segmentation

__all__ = ["Block", "FeatureSet", "probe", "probe_signal"]

BLOCK = 64
"""Most windows that `FeatureSet.blocks` holds at a time."""

BLOCK_S = 60.0
"""Most seconds of audio that one block spans, but for its first window: openSMILE takes 0.5 MB a second."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Features of consecutive windows.

    Parameters
    ----------
    starts : ndarray of int64, shape (n,)
        First sample of each window.
    features : dict
        Input name to list of n float32 arrays, each of the extractor's shape.
    """

    starts: NDArray[np.int64]
    features: dict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Extractors with the windows that they see.

    Parameters
    ----------
    extractors : mapping of str to FeatureExtractor
        By input name of the network.
    segmentation : Segmentation
        Windows of a recording.
    sr : int
        Sample rate in Hz of all audio.
    scopes : mapping of str to {"segment", "recording"}, optional
        Which extractors see the whole recording; the others see a window.
    preprocess : tuple of Preprocessor, optional
        Steps before them, in order.

    Raises
    ------
    ConfigError
        If the steps cannot come in this order, or before these features.
    """

    extractors: Mapping[str, FeatureExtractor]
    segmentation: Segmentation
    sr: int
    scopes: Mapping[str, Scope] = field(default_factory=dict)
    preprocess: tuple[Preprocessor, ...] = ()

    def __post_init__(self) -> None:
        if self.preprocess:
            check_steps(
                self.preprocess,
                sliding=[key for key, e in self.extractors.items() if getattr(e, "sliding_agreement", 1.0) < 1],
                whole=[key for key, scope in self.scopes.items() if scope == "recording"],
            )

    @property
    def recording_steps(self) -> tuple[Preprocessor, ...]:
        """Steps that see the recording before it is cut."""
        return of_scope(self.preprocess, "recording")

    @property
    def segment_steps(self) -> tuple[Preprocessor, ...]:
        """Steps that see each window."""
        return of_scope(self.preprocess, "segment")

    def specs(self) -> dict[str, FeatureSpec]:
        """Shape of each feature; axes that vary from window to window are None."""
        n_window = self.segmentation.n_window(self.sr)
        return {
            key: extractor.spec(None if self.scopes.get(key) == "recording" else n_window, self.sr)
            for key, extractor in self.extractors.items()
        }

    @property
    def streams(self) -> bool:
        """Whether windows need no more of a recording than what is around them."""
        return self.segmentation.window_s is not None and "recording" not in self.scopes.values()

    @property
    def context_s(self) -> float:
        """Seconds of neighbouring audio on either side that change the features of a window."""
        return max((e.context_s for e in self.extractors.values()), default=0.0)

    @property
    def block_size(self) -> int:
        """Most windows in a block: `BLOCK`, or as many as span `BLOCK_S`."""
        return max(1, min(BLOCK, int(BLOCK_S * self.sr / self.segmentation.n_hop(self.sr))))

    def cutter(self) -> Cutter:
        """What cuts a recording, after its `recording_steps`, into pieces for `of`; if it `streams`."""
        return Cutter(self.segmentation, self.sr, context_s=self.context_s, n_windows=self.block_size)

    def of(self, piece: Piece) -> Block:
        """Features of a piece of a recording: those that `blocks` gives for the whole.

        Parameters
        ----------
        piece : Piece
            From `cutter`; windows may be left out of it.

        Returns
        -------
        Block
            Starts count from the beginning of the recording.

        Raises
        ------
        ComponentError
            As `blocks`.
        """
        part = piece.starts - piece.offset
        features = {key: self._windows(key, e, piece.y, part) for key, e in self.extractors.items()}
        return Block(starts=piece.starts, features=features)

    def blocks(
        self, y: NDArray[np.float32], *, size: int | None = None, starts: NDArray[np.int64] | None = None
    ) -> Iterator[Block]:
        """Features of all windows of a recording, in order, a bounded number at a time.

        Parameters
        ----------
        y : ndarray of float32, shape (n_samples,)
            Mono audio at `sr`, as it was recorded.
        size : int, optional
            Most windows in a block; default: `block_size`.
        starts : ndarray of int64, optional
            Some of the windows; default: all.

        Yields
        ------
        Block
            None at all if the segmentation drops the whole recording.

        Raises
        ------
        ComponentError
            If an extractor breaks its own spec or gives a value that is not finite, or a step another number of
            samples.
        """
        if starts is None:
            starts = self.segmentation.starts(len(y), self.sr)
        if not len(starts):
            return
        y = prepared(self.recording_steps, y, self.sr)
        size = size or self.block_size
        whole = {
            key: self._checked(key, extractor(y, self.sr), len(y))
            for key, extractor in self.extractors.items()
            if self.scopes.get(key) == "recording"
        }
        for first in range(0, len(starts), size):
            part = starts[first : first + size]
            features = {
                key: [whole[key]] * len(part) if key in whole else self._windows(key, extractor, y, part)
                for key, extractor in self.extractors.items()
            }
            yield Block(starts=part, features=features)

    def _windows(
        self, key: str, extractor: FeatureExtractor, y: NDArray[np.float32], starts: NDArray[np.int64]
    ) -> list[NDArray[np.float32]]:
        n_window = self.segmentation.n_window(self.sr) or len(y)
        shared: dict[int, NDArray[np.float32]] = {}
        if isinstance(extractor, SlidingFeatureExtractor) and not self.segment_steps:
            inside = starts[starts + n_window <= len(y)]
            shared = slide_over(
                extractor, y, self.sr, starts=inside, n_window=n_window, n_hop=self.segmentation.n_hop(self.sr)
            )
        return [
            self._checked(key, shared[s] if s in shared else extractor(self._window(y, s), self.sr), n_window)
            for s in starts.tolist()
        ]

    def _window(self, y: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        return applied(self.segment_steps, self.segmentation.window(y, self.sr, start=start), self.sr)

    def _checked(self, key: str, value: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
        extractor = self.extractors[key]
        shape = extractor.spec(n_samples, self.sr).shape
        got = np.shape(value)
        if len(got) != len(shape) or any(want is not None and want != n for want, n in zip(shape, got, strict=True)):
            raise ComponentError(f"feature {key!r} ({extractor.name}) gave shape {got}, its spec says {shape}")
        if not np.isfinite(value).all():
            raise ComponentError(f"feature {key!r} ({extractor.name}) gave values that are not finite")
        return np.asarray(value, dtype=np.float32)


def probe_signal(sr: int, seconds: float = 3.0) -> NDArray[np.float32]:
    """Fixed test sound: a gliding, trembling voice-like tone.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    seconds : float, optional
        Length.

    Returns
    -------
    ndarray of float32, shape (seconds * sr,)
        Harmonics of a fundamental that rises from 110 to 220 Hz, amplitude modulated at 4 Hz, peak 0.5.
    """
    t = np.arange(round(seconds * sr)) / sr
    phase = 2 * np.pi * (110 * t + (220 - 110) / (2 * 3) * t**2)
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 16))
    y = harmonics * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))
    return np.asarray(0.5 * y / np.abs(y).max(), dtype=np.float32)


def probe(
    extractor: FeatureExtractor, sr: int, *, preprocess: Sequence[Preprocessor] = ()
) -> tuple[float, float, float]:
    """Fingerprint of what an extractor computes here, to notice a library that computes something else.

    Parameters
    ----------
    extractor : FeatureExtractor
        The extractor.
    sr : int
        Sample rate in Hz.
    preprocess : sequence of Preprocessor, optional
        Steps before it. With any, the signal has as much noise as sound, so that a step against noise has work to do.

    Returns
    -------
    tuple of float
        Mean, standard deviation, and the mean product with a fixed cosine, of its values on `probe_signal`;
        six significant digits.
    """
    y = probe_signal(sr)
    if preprocess:
        y = applied(preprocess, y + _probe_noise(len(y), like=y), sr)
    values = np.asarray(extractor(y, sr), dtype=np.float64).ravel()
    pattern = np.cos(0.7 * np.arange(values.size))
    mean, deviation, product = (float(f"{v:.6g}") for v in (values.mean(), values.std(), (values * pattern).mean()))
    return mean, deviation, product


def _probe_noise(n: int, *, like: NDArray[np.float32]) -> NDArray[np.float32]:
    """White noise that no version of any library draws otherwise: a hash of the sample numbers."""
    x = np.arange(n, dtype=np.uint32) * np.uint32(2654435769)
    for shift, factor in ((16, 2246822507), (13, 3266489909)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    uniform = (x ^ (x >> np.uint32(16))) / 2.0**31 - 1
    return np.asarray(uniform * (np.std(like) / np.std(uniform)), dtype=np.float32)


def probes_differ(recorded: tuple[float, ...], here: tuple[float, ...]) -> bool:
    """Whether two fingerprints differ by more than rounding: 0.1 % of the feature's spread."""
    scale = max(abs(recorded[1]) if len(recorded) > 1 else 0.0, 1e-6)
    return len(recorded) != len(here) or any(abs(a - b) > 1e-3 * scale for a, b in zip(recorded, here, strict=True))

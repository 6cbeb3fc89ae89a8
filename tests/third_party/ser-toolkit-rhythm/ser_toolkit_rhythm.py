"""Rhythm of speech: a feature and a small network, as a plugin for ser-toolkit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from ser_toolkit import hookimpl
from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import FeatureSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from ser_toolkit.interfaces import TargetSpec

FRAME_S = 0.01
BANDS_HZ = {"slow": (0.5, 3), "syllabic": (3, 6), "fast": (6, 12)}
NAMES = ("level_db", "range_db", "pause_share", "onsets_hz", "rise_db", *BANDS_HZ)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How the level of a segment, in frames of 10 ms, moves.

    Mean level and its range in dB, share of pauses, onsets per second, mean rise per frame in dB, and the shares
    of slow, syllabic and fast modulation (0.5-3, 3-6, 6-12 Hz) in the spectrum of the level.

    Parameters
    ----------
    floor_db : float
        Levels below it, in dB re full scale, count as this: silence has no rhythm.
    onset_db : float
        An onset is where the level begins to rise by more than this within 50 ms.

    References
    ----------
    Wu, Falk, Chan: Automatic speech emotion recognition using modulation spectral features. Speech Communication
    53(5), 2011.
    """

    name: ClassVar[str] = "rhythm"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0

    floor_db: Annotated[float, Ge(-120), Le(-20)] = -60.0
    onset_db: Annotated[float, Gt(0), Le(60)] = 9.0

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Eight values, however long the segment."""
        return FeatureSpec(shape=(len(NAMES),), axes=("feature",), unit="mixed", names=NAMES)

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """Rhythm of one segment, float32 (8,)."""
        n = max(1, round(FRAME_S * sr))
        frames = np.pad(np.clip(y, -1, 1), (0, -len(y) % n)).astype(np.float64).reshape(-1, n)
        power = np.mean(np.square(frames), axis=1)
        level = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), self.floor_db)  # (n_frames,)
        steps = np.diff(level, prepend=level[0])
        quiet, loud = np.percentile(level, [10, 90])
        rising = level - np.pad(level, (5, 0), mode="edge")[:-5] > self.onset_db  # within 50 ms
        onsets = np.count_nonzero(rising[1:] & ~rising[:-1])
        spectrum = np.square(np.abs(np.fft.rfft(level - level.mean())))
        hz = np.fft.rfftfreq(len(level), FRAME_S)
        shares = [
            spectrum[(low <= hz) & (hz < high)].sum() / (spectrum.sum() + 1e-6) for low, high in BANDS_HZ.values()
        ]
        values = [
            level.mean(),
            loud - quiet,
            np.mean(level < loud - 20),
            onsets / (len(level) * FRAME_S),
            np.mean(np.maximum(steps, 0)),
            *shares,
        ]
        return np.array(values, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class SmallNet:
    """One branch per input, a dense layer over all of them. Takes any vectors and images of fixed size.

    Parameters
    ----------
    width : int
        Values that each branch gives.
    """

    name: ClassVar[str] = "small-net"
    version: ClassVar[int] = 1

    width: Annotated[int, Ge(1)] = 32

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        """Network for these inputs and targets."""
        import torch
        from torch import nn

        n_joined = self.width * len(inputs)

        def branch(key: str, spec: FeatureSpec) -> nn.Module:
            if spec.varies or spec.role == "sequence":
                raise ComponentError(
                    f"small-net takes vectors and images of fixed size; {key!r} is a {spec.role} of {spec.shape}"
                )
            n = spec.shape[0] or 0
            if spec.role == "vector":
                return nn.Sequential(nn.Linear(n, self.width), nn.ReLU())
            return nn.Sequential(  # (B, n, 128, 376) -> (B, width, 32, 94) -> (B, width)
                nn.Conv2d(n, self.width, 5, stride=4, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
            )

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.branches = nn.ModuleList(branch(key, spec) for key, spec in inputs.items())
                self.heads = nn.ModuleList(nn.Linear(n_joined, len(target.labels)) for target in targets)

            def forward(self, **features: Tensor) -> dict[str, Tensor]:
                parts = [part(features[key]) for key, part in zip(inputs, self.branches, strict=True)]
                joined = torch.cat(parts, dim=1)  # (B, n_joined)
                return {target.name: head(joined) for target, head in zip(targets, self.heads, strict=True)}

        return Net()


@hookimpl
def ser_register_features() -> list[type]:
    """The rhythm of speech."""
    return [Rhythm]


@hookimpl
def ser_register_models() -> list[type]:
    """The small network."""
    return [SmallNet]

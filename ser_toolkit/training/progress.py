"""What a training run tells whoever watches; rendering is theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ser_toolkit.training.epochs import Epoch
    from ser_toolkit.training.splits import Part

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Observer of a training run; called in the main process only."""

    def starting(
        self, *, protocol: str, parts: Mapping[Part, int], labels: Sequence[str], device: str, warnings: Sequence[str]
    ) -> None:
        """Before extraction: protocol in words, utterances per part, labels, device, what to know of the split."""

    def extracting(self, done: int, total: int) -> None:
        """After each utterance."""

    def extracted(self, *, windows: int, lost: int, excluded: int, total: int) -> None:
        """After extraction: windows, and of `total` utterances those too short for one, and those unusable."""

    def caution(self, text: str) -> None:
        """Something that changes nothing but should be known: the cache cannot be written."""

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """After each optimiser step; `loss` is the mean of the epoch so far."""

    def epoch(self, row: Epoch) -> None:
        """After each epoch; after a resume also for the earlier ones."""


class Silent:
    """Observer that shows nothing."""

    def starting(
        self, *, protocol: str, parts: Mapping[Part, int], labels: Sequence[str], device: str, warnings: Sequence[str]
    ) -> None:
        """Ignore."""

    def extracting(self, done: int, total: int) -> None:
        """Ignore."""

    def extracted(self, *, windows: int, lost: int, excluded: int, total: int) -> None:
        """Ignore."""

    def caution(self, text: str) -> None:
        """Ignore."""

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Ignore."""

    def epoch(self, row: Epoch) -> None:
        """Ignore."""

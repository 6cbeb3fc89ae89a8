"""SpecAugment: bands and frames of training spectrograms hidden at random, another time each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.config import AugmentConfig

__all__ = ["SpecAugment", "axes_of", "spec_augment_of"]

_STREAM = 0x5BEC
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """Masks on batches of training windows.

    Parameters
    ----------
    freq_masks, time_masks : int
        Masks per window, over bands and over frames. Images (channel, mel, frame) get both, sequences
        (frame, feature) those over frames, vectors none; an image none of whose axes is time gets none.
    freq_width, time_width : int
        Most bands and frames that one mask covers; never more than half of the window has.
    seed : int
        Of all random numbers.

    Notes
    -----
    What is hidden gets the mean that standardization subtracts, so that the network sees 0 there; the graph itself
    knows nothing of masks.

    References
    ----------
    Park et al., "SpecAugment", Interspeech 2019, section 2; the bound of half a window stands for their ``p``.
    """

    freq_masks: int
    freq_width: int
    time_masks: int
    time_width: int
    seed: int

    def __call__(
        self,
        batch: Mapping[str, NDArray[Any]],
        specs: Mapping[str, FeatureSpec],
        means: Mapping[str, NDArray[np.float32]],
        *,
        epoch: int,
        step: int,
        rows: NDArray[np.int64],
        n_rows: int,
    ) -> None:
        """Mask a batch in place.

        Parameters
        ----------
        batch : mapping of str to ndarray
            As `ser_toolkit.inference.collate.collate` gives it.
        specs : mapping of str to FeatureSpec
            Inputs, in order.
        means : mapping of str to ndarray
            What to put, shaped to broadcast over a window.
        epoch, step : int
            Of the training; with the seed they decide the masks.
        rows : ndarray of int64, shape (batch,)
            Which rows of the step's windows these are, where several processes share them.
        n_rows : int
            Windows of the step in all processes.
        """
        rng = np.random.default_rng([self.seed, epoch, step, _STREAM])
        for key, spec in specs.items():
            band, frame = axes_of(spec)
            x = batch[key]
            hidden = np.broadcast_to(means[key], x.shape[1:])
            for axis, masks, width in (
                (band, self.freq_masks, self.freq_width),
                (frame, self.time_masks, self.time_width),
            ):
                if axis is None:
                    continue
                draws = rng.random((n_rows, masks, 2))[rows]
                whole = np.full(len(x), x.shape[1 + axis])
                lengths = batch[f"{key}_length"] if spec.shape[axis] is None else whole
                for window, length, pairs in zip(x, lengths.tolist(), draws, strict=True):
                    for size, place in pairs:
                        covered = int(size * (min(width, length // 2) + 1))
                        first = int(place * (length - covered + 1))
                        where = (slice(None),) * axis + (slice(first, first + covered),)
                        window[where] = hidden[where]


def spec_augment_of(config: AugmentConfig, *, seed: int) -> SpecAugment | None:
    """Masks that a configuration asks for; None without any."""
    if not config.freq_masks and not config.time_masks:
        return None
    return SpecAugment(
        freq_masks=config.freq_masks,
        freq_width=config.freq_width,
        time_masks=config.time_masks,
        time_width=config.time_width,
        seed=seed,
    )


def axes_of(spec: FeatureSpec) -> tuple[int | None, int | None]:
    """Axis of bands and axis of frames of a window, where there are such."""
    if spec.role == "vector":
        return None, None
    frame = spec.axes.index("frame") if "frame" in spec.axes else spec.shape.index(None) if spec.varies else None
    if spec.role == "sequence" or frame not in (1, 2):
        return None, frame
    return 3 - frame, frame

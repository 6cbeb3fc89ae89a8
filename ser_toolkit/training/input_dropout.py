"""Hiding one input of a training window, so that a network with several learns from each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.config import AugmentConfig

__all__ = ["InputDropout", "input_dropout_of"]

_STREAM = 0xD207
"""Keeps these random numbers apart from those that others draw from the same seed."""


@dataclass(frozen=True, kw_only=True)
class InputDropout:
    """Inputs of batches of training windows hidden at random; at least one input of a window always stays.

    Parameters
    ----------
    share : float
        Share of windows in which an input is hidden, for each input; at most 1 / inputs.
    seed : int
        Of all random numbers.

    Notes
    -----
    A network that is trained on a spectrogram and a vector at once tends to follow the one that it fits faster, and
    to leave the other untrained. What is hidden gets the mean that standardization subtracts: the network sees 0.

    References
    ----------
    Neverova et al., "ModDrop: adaptive multi-modal gesture recognition", IEEE TPAMI 38(8), 2016.
    """

    share: float
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
        """Hide inputs of a batch in place; a single input stays as it is. Parameters as for `SpecAugment`."""
        if len(specs) < 2:
            return
        draws = np.random.default_rng([self.seed, epoch, step, _STREAM]).random(n_rows)[rows]
        share = min(self.share, 1 / len(specs))
        for i, key in enumerate(specs):
            hidden = (draws >= i * share) & (draws < (i + 1) * share)
            batch[key][hidden] = means[key]


def input_dropout_of(config: AugmentConfig, *, seed: int) -> InputDropout | None:
    """Dropout that a configuration asks for; None without."""
    return InputDropout(share=config.input_dropout, seed=seed) if config.input_dropout else None

"""What is done to training batches on the fly, in order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ser_toolkit.training.input_dropout import input_dropout_of
from ser_toolkit.training.mixup import mixup_of
from ser_toolkit.training.spec_augment import spec_augment_of
from ser_toolkit.training.spectrogram_level import spectrogram_level_of
from ser_toolkit.training.spectrogram_noise import spectrogram_noise_of
from ser_toolkit.training.spectrogram_warp import spectrogram_warp_of
from ser_toolkit.training.vector_noise import vector_noise_of

if TYPE_CHECKING:
    from torch import Tensor

    from ser_toolkit.training.config import AugmentConfig
    from ser_toolkit.training.network import StandardizedNetwork

__all__ = ["Alterations", "alterations_of"]


@dataclass(frozen=True, kw_only=True)
class Alterations:
    """Changes of training batches.

    Parameters
    ----------
    changes : tuple of callable
        Each changes arrays of features in place, told of their ``epoch``, ``step``, ``rows`` and ``n_rows``. What
        hides comes after what moves, so that the hidden is hidden whole.
    mix : callable or None
        Takes a batch of tensors and its targets, and gives others; see `ser_toolkit.training.mixup.Mixup`.
    """

    changes: tuple[Callable[..., None], ...] = ()
    mix: Callable[..., tuple[dict[str, Tensor], Tensor]] | None = None


def alterations_of(network: StandardizedNetwork, augment: AugmentConfig, *, seed: int) -> Alterations:
    """What a configuration asks for.

    Parameters
    ----------
    network : StandardizedNetwork
        Its inputs, and the statistics that it standardizes by, on the device where batches are mixed.
    augment : AugmentConfig
        The settings.
    seed : int
        Of all random numbers.

    Returns
    -------
    Alterations
        None of them if none is asked for.
    """
    specs = network.specs
    fill = {key: network.get_buffer(f"mean_{key}") for key in specs}
    means = {key: mean.cpu().numpy() for key, mean in fill.items()}
    scales = {key: network.get_buffer(f"scale_{key}").cpu().numpy() for key in specs}
    given: tuple[tuple[Callable[..., None] | None, dict[str, Any]], ...] = (
        (spectrogram_warp_of(augment, seed=seed), {}),
        (spectrogram_level_of(augment, seed=seed), {}),
        (spectrogram_noise_of(augment, seed=seed), {}),
        (spec_augment_of(augment, seed=seed), {"means": means}),
        (vector_noise_of(augment, seed=seed), {"scales": scales}),
        (input_dropout_of(augment, seed=seed), {"means": means}),
    )
    mixup = mixup_of(augment, seed=seed)
    return Alterations(
        changes=tuple(functools.partial(change, specs=specs, **known) for change, known in given if change),
        mix=functools.partial(mixup, specs=specs, means=fill) if mixup else None,
    )

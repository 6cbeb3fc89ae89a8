"""The regression target of a run: its dimensions, scales and loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.recipe import ComponentEntry, Scale, Target
from ser_toolkit.recipe_components import entry_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.config import TrainConfig

__all__ = ["Regression"]


@dataclass(frozen=True, kw_only=True)
class Regression:
    """What is learnt of ratings.

    Parameters
    ----------
    target : TargetSpec
        The dimensions.
    scales : tuple of Scale
        Of each.
    loss : Loss
        What they are learnt with.
    weight : float
        How often that counts beside the loss of the classes.
    """

    target: TargetSpec
    scales: tuple[Scale, ...]
    loss: Any
    weight: float

    @classmethod
    def of(cls, config: TrainConfig, scales: Mapping[str, Scale], registry: Registry) -> Regression | None:
        """What a configuration asks for; None without dimensions.

        Raises
        ------
        ConfigError, ComponentError
            Unknown loss or setting.
        """
        if config.targets is None or not scales:
            return None
        settings = dict(config.targets.loss)
        return cls(
            target=TargetSpec(name="dimensions", kind="regression", labels=tuple(scales)),
            scales=tuple(scales.values()),
            loss=registry.create("loss", str(settings.pop("name")), settings),
            weight=config.targets.weight if config.targets.emotions else 1.0,
        )

    @property
    def by_name(self) -> dict[str, Scale]:
        """Scale of each dimension."""
        return dict(zip(self.target.labels, self.scales, strict=True))

    def loss_of(self, rated: NDArray[np.float32] | None) -> dict[str, Any]:
        """The loss of training windows, and its weight, as `ser_toolkit.training.loop.fit` takes them."""
        counts = [0] * len(self.scales) if rated is None else (~np.isnan(rated)).sum(axis=0).tolist()
        return {"rated_loss": self.loss.build(self.target, counts), "rated_weight": self.weight}

    def entry(self, registry: Registry) -> Target:
        """Part of the recipe."""
        return Target(
            name=self.target.name,
            kind=self.target.kind,
            labels=self.target.labels,
            scales=self.scales,
            loss=ComponentEntry(**entry_of(registry, "loss", self.loss)),
            weight=self.weight,
        )

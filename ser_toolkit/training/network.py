"""The trained graph: standardization, then the plugin's network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ser_toolkit.training.standardize import CLIP

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.standardize import Standardization

__all__ = ["StandardizedNetwork"]


class StandardizedNetwork(nn.Module):
    """A network that takes features as extractors give them.

    Parameters
    ----------
    network : torch.nn.Module
        From `NeuralModel.build`.
    specs : mapping of str to FeatureSpec
        Inputs, in order.
    standardization : mapping of str to Standardization, optional
        Statistics; identity without (to be filled by ``load_state_dict``).
    """

    def __init__(
        self,
        network: nn.Module,
        specs: Mapping[str, FeatureSpec],
        standardization: Mapping[str, Standardization] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.specs = dict(specs)
        for key, spec in specs.items():
            shape = [1 if axis == "frame" or n is None else n for axis, n in zip(spec.axes, spec.shape, strict=True)]
            given = (standardization or {}).get(key)
            mean = torch.from_numpy(given.mean.copy()) if given else torch.zeros(shape)
            scale = torch.from_numpy(given.scale.copy()) if given else torch.ones(shape)
            self.register_buffer(f"mean_{key}", mean)
            self.register_buffer(f"scale_{key}", scale)

    def input_names(self) -> list[str]:
        """Names of the inputs: each feature, followed by its length where its shape varies."""
        names = []
        for key, spec in self.specs.items():
            names += [key, f"{key}_length"] if spec.varies else [key]
        return names

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Logits of a batch.

        Parameters
        ----------
        **features : Tensor
            One (batch, *shape) float32 per input, and int64 (batch,) ``<name>_length`` where a shape varies.

        Returns
        -------
        dict
            Target name to (batch, n_labels).
        """
        ready = {}
        for key, spec in self.specs.items():
            mean, scale = self.get_buffer(f"mean_{key}"), self.get_buffer(f"scale_{key}")
            x = torch.clamp((features[key] - mean) * scale, -CLIP, CLIP)
            if spec.varies:
                length = features[f"{key}_length"]
                axis = 1 + spec.shape.index(None)
                position = torch.arange(x.shape[axis], device=x.device)
                shape = [1] * x.ndim
                shape[0], shape[axis] = -1, x.shape[axis]
                x = x * (position[None, :] < length[:, None]).reshape(shape)
                ready[f"{key}_length"] = length
            ready[key] = x
        result: dict[str, Tensor] = self.network(**ready)
        return result

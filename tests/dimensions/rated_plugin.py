"""A plugin of quick features and a small network with a head for each target, and configurations with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ser_toolkit import hookimpl
from ser_toolkit.testing.fakes import FakeVector

CONFIG = {
    "features": {"vector": {"name": "fake-vector"}},
    "model": {"name": "heads"},
    "loss": {"name": "cross-entropy"},
    "segments": {"window_s": 0.5, "hop_s": 0.5},
    "training": {"epochs": 40, "batch_size": 16, "lr": 0.02, "workers": 1, "select": "loss"},
}
DIMENSIONS = {"dimensions": ["valence", "arousal"], "range": {"valence": [1, 5]}}


@dataclass(frozen=True, kw_only=True)
class Heads:
    name: ClassVar[str] = "heads"
    version: ClassVar[int] = 1
    width: int = 12

    def build(self, inputs, targets):
        import torch
        from torch import nn

        names, width = tuple(inputs), self.width
        size = sum(spec.shape[0] for spec in inputs.values())

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(size, width), nn.Tanh())
                self.heads = nn.ModuleDict({t.name: nn.Linear(width, len(t.labels)) for t in targets})

            def forward(self, **features):
                x = self.body(torch.cat([features[name] for name in names], dim=1))
                return {name: head(x) for name, head in self.heads.items()}

        return Network()


@hookimpl
def ser_register_features():
    return [FakeVector]


@hookimpl
def ser_register_models():
    return [Heads]

"""A setup of the pipeline's stages with quick features and a network that is a formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.features import FeatureSet
from ser_toolkit.inference.front_end import FrontEnd, FrontEndRecipe
from ser_toolkit.recipe import FeatureEntry
from ser_toolkit.testing.fakes import FakeVector

SR = 4000


class Formula:
    """In place of a session: three probabilities of three numbers; refuses a certain one."""

    def __init__(self, poison: float = np.inf) -> None:
        self.poison = poison
        self.sizes: list[int] = []

    def run(self, *arguments):
        x = arguments[-1]["vector"]
        self.sizes.append(len(x))
        if (x[:, 0] >= self.poison).any():
            raise ValueError("such a window cannot be")
        z = np.exp(x @ np.array([[3, -2, 1], [1, 2, -3], [5, 5, -1]], dtype=np.float32))
        return (z / z.sum(axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class FakeSetup:
    """As `ser_toolkit.inference.plan.Plan`, made of what is given."""

    segmentation: Segmentation = field(default_factory=lambda: Segmentation(window_s=1.0, hop_s=1.0))
    cache_use: str = "off"
    hashes: bool = False
    speech: bool = False
    preprocess: tuple[Any, ...] = ()
    folder: Any = None
    network: Formula = field(default_factory=Formula)

    def front_end(self) -> FrontEnd:
        features = FeatureSet(
            extractors={"vector": FakeVector()}, segmentation=self.segmentation, sr=SR, preprocess=self.preprocess
        )
        entry = FeatureEntry(name="fake-vector", version=1, dist="tests 1.0")
        recipe = FrontEndRecipe(sr=SR, segments=self.segmentation, features={"vector": entry})
        return FrontEnd(features=features, specs=features.specs(), recipe=recipe)

    def session(self):
        return self.network

    def cache(self):
        if self.cache_use == "off":
            return None
        cache = FeatureCache(self.folder)
        return cache, cache.keys(self.front_end().features)


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise in syllables, float32."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    y = (0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)) * np.clip(rng.standard_normal(len(t)), -3, 3)
    return (0.1 * y).astype(np.float32)

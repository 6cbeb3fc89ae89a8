"""A graph that would take one number of frames only is not made."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ModelError
from ser_toolkit.interfaces import FeatureSpec
from ser_toolkit.recipe import ComponentEntry, FeatureEntry, Recipe, Target
from ser_toolkit.training.export_network import convert_network
from ser_toolkit.training.network import StandardizedNetwork

FRAMES = 20
SPEC = FeatureSpec(shape=(None, 6), axes=("frame", "mel"), unit="dB")
RECIPE = Recipe(
    targets=(Target(name="emotion", kind="class", labels=("anger", "neutral")),),
    segments=Segmentation(window_s=None),
    features={"mel": FeatureEntry(name="logmel-sequence", version=1, dist="ser-toolkit 0.1.0")},
    model=ComponentEntry(name="steps", version=1, dist="ser-toolkit 0.1.0"),
)


def free(x):
    return x


def added(x):
    return x + torch.ones(FRAMES, 1)


def branched(x):
    return x * 2 if x.shape[1] == FRAMES else x


def looped(x):
    return torch.stack([x[:, i] for i in range(x.shape[1])], dim=1)


class Net(nn.Module):
    def __init__(self, step) -> None:
        super().__init__()
        self.step, self.out = step, nn.Linear(6, 2)

    def forward(self, mel, mel_length):
        return {"emotion": self.out(self.step(mel).sum(dim=1) / mel_length[:, None])}


def graph_of(step):
    features = {
        "mel": np.random.default_rng(0).standard_normal((3, FRAMES, 6)).astype(np.float32),
        "mel_length": np.array([FRAMES, 7, 3]),
    }
    return convert_network(StandardizedNetwork(Net(step), {"mel": SPEC}).eval(), RECIPE, features)


def test_free_axes_stay_free():
    session = onnxruntime.InferenceSession(graph_of(free).SerializeToString())
    for n, frames in ((1, 5), (4, 33)):
        given = {"mel": np.ones((n, frames, 6), dtype=np.float32), "mel_length": np.full(n, frames)}
        assert session.run(None, given)[0].shape == (n, 2)


@pytest.mark.parametrize("step", [added, branched, looped])
def test_a_size_that_became_a_constant(step):
    with pytest.raises(ModelError, match="'steps' takes only 20 along axis 1 of 'mel', which varies"):
        graph_of(step)

"""The compact network: its sizes, its variants, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model
from ser_toolkit_compact.compact import Compact

EMOTION = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
MEL = FeatureSpec(shape=(1, 64, 188), axes=("channel", "mel", "frame"), unit="dB")
GEMAPS = FeatureSpec(shape=(88,), axes=("feature",), unit="mixed")
BOTH = {"mel": MEL, "gemaps": GEMAPS}
SMALL = {"channels": (4, 8), "attention": 6, "image_dense": 12, "vector_dense": (10, 8)}


def image(*shape: int | None) -> FeatureSpec:
    return FeatureSpec(shape=shape, axes=("channel", "mel", "frame"), unit="dB")


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def build(inputs=BOTH, targets=(EMOTION,), **config):
    with torch.device("meta"):  # sizes without numbers
        return Compact(**config).build(inputs, targets)


@pytest.mark.parametrize(
    ("inputs", "config", "total"),
    [
        ({"mel": MEL}, {}, 1_310_437),
        (BOTH, {}, 1_310_437 + 28_932),
        (BOTH, {"branches": "image"}, 1_310_437),
        (BOTH, {"branches": "vector"}, 28_932),
        (BOTH, {"branches": "vector", "vector_dense": ()}, 88 * 4 + 4),
        (BOTH, {"fusion": "concat"}, 1_310_437 + 28_932 - 4),
        ({"mel": MEL}, {"conv_dropout": 0.0, "dropout": 0.0}, 1_310_437),
    ],
)
def test_number_of_parameters(inputs, config, total):
    assert n_parameters(build(inputs, **config)) == total


@pytest.mark.parametrize("fusion", ["sum", "concat"])
@pytest.mark.parametrize(
    "inputs",
    [
        {"mel": MEL},
        {"gemaps": GEMAPS},
        BOTH,
        {"mel": image(2, 16, 40), "more": GEMAPS, "yet.more": GEMAPS},
        {"mel": image(1, 16, None)},
        {"frames": FeatureSpec(shape=(None, 16), axes=("frame", "mel"), unit="dB")},
    ],
    ids=lambda inputs: "+".join(inputs),
)
def test_contract(inputs, fusion):
    assert_model(Compact(fusion=fusion, **SMALL), inputs)


@pytest.mark.parametrize("role", ["image", "sequence"])
def test_padding_changes_nothing(role):
    torch.manual_seed(0)
    spec = image(1, 16, None)
    if role == "sequence":
        spec = FeatureSpec(shape=(None, 16), axes=("frame", "mel"), unit="dB")
    network = Compact(**SMALL).build({"mel": spec}, [EMOTION]).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):  # a trained network: nothing is zero where it matters
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            nn.init.normal_(module.bias)
    for length in (1, 3, 4, 17, 30):
        x = torch.randn(1, 1, 16, length)
        padded = torch.cat([x, torch.randn(1, 1, 16, 23)], dim=3)
        if role == "sequence":
            x, padded = (v[:, 0].transpose(1, 2) for v in (x, padded))
        n = torch.tensor([length])
        with torch.no_grad():
            alone = network(mel=x, mel_length=n)["emotion"]
            with_padding = network(mel=padded, mel_length=n)["emotion"]
        assert torch.allclose(alone, with_padding, atol=1e-5)


def test_overfits_sixteen_segments():
    torch.manual_seed(0)
    network = Compact(**{**SMALL, "channels": (8, 16)}, dropout=0.0, conv_dropout=0.0)
    network = network.build({"mel": image(1, 16, 40), "gemaps": GEMAPS}, [EMOTION])
    mel, gemaps, truth = torch.randn(16, 1, 16, 40), torch.randn(16, 88), torch.arange(16) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(mel=mel, gemaps=gemaps)["emotion"], truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    assert (network(mel=mel, gemaps=gemaps)["emotion"].argmax(dim=1) == truth).all()


def test_attention_weighs_frames():
    from ser_toolkit_compact.nets import AttentiveStatistics

    pooling = AttentiveStatistics(3, 5)
    x = torch.randn(2, 3, 7)
    for weights in pooling.parameters():
        nn.init.zeros_(weights)  # every frame counts the same: the plain mean and deviation
    expected = torch.cat([x.mean(2), x.var(2, correction=0).add(1e-5).sqrt()], dim=1)
    assert torch.allclose(pooling(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "config", "message"),
    [
        ({"mel": image(1, 16, 188)}, {}, "at least 32 bands and 16 frames"),
        ({"mel": image(1, 64, 8)}, {}, "at least 32 bands and 16 frames"),
        ({"mel": image(1, None, 188)}, {}, "only its number of frames may vary"),
        ({"gemaps": FeatureSpec(shape=(None,), axes=("feature",), unit="")}, {}, "fixed size"),
        ({"gemaps": GEMAPS}, {"branches": "image"}, "images only"),
        ({}, {}, "nothing"),
    ],
)
def test_refuses(inputs, config, message):
    with pytest.raises(ComponentError, match=message):
        build(inputs, **config)


def test_needs_a_target():
    with pytest.raises(ComponentError, match="no target"):
        build(targets=())


def test_configuration_round_trip():
    model = Compact(channels=(8, 16), fusion="concat")
    assert create(Compact, to_config(model)) == model
    with pytest.raises(ConfigError, match="channels"):
        create(Compact, {"channels": []})


def test_import_brings_no_torch():
    code = "import sys, ser_toolkit_compact; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

"""zhang-2020 and yao-2020: their sizes, any length, any targets, and their export."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.export import export
from ser_toolkit.training.run import train
from ser_toolkit_baselines.yao_2020 import Yao2020Hsf, Yao2020Lld, Yao2020Ms
from ser_toolkit_baselines.zhang_2020 import Zhang2020

EMOTION = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
DIMENSIONS = TargetSpec(name="dimensions", kind="regression", labels=("valence", "arousal", "dominance"))


def vector(n: int) -> FeatureSpec:
    return FeatureSpec(shape=(n,), axes=("feature",), unit="mixed")


def sequence(frames: int | None, values: int) -> FeatureSpec:
    return FeatureSpec(shape=(frames, values), axes=("frame", "mel"), unit="dB")


SMALL = {
    "zhang": (Zhang2020(widths=(32, 16), dropout=0.0), {"a": vector(9), "b": vector(3)}),
    "hsf": (Yao2020Hsf(widths=(16,), dropout=0.0), {"a": vector(9)}),
    "ms": (Yao2020Ms(filters=(8, 16), dense=64, dropout=0.0), {"mel": sequence(None, 8)}),
    "ms, one length": (Yao2020Ms(filters=(8, 16), dense=64, dropout=0.0), {"mel": sequence(41, 8)}),
    "lld": (Yao2020Lld(lstm=8, dense=16, dropout=0.0), {"lld": sequence(None, 6)}),
}
systems = pytest.mark.parametrize(("model", "specs"), SMALL.values(), ids=list(SMALL))


def batch(specs, n: int, frames: int = 60) -> dict[str, torch.Tensor]:
    """Random segments; those that vary are of unlike length, with noise after their end."""
    features = {}
    for name, spec in specs.items():
        features[name] = torch.randn(n, *(size or frames for size in spec.shape))
        if spec.varies:
            features[f"{name}_length"] = torch.randint(1, frames + 1, (n,))
            features[f"{name}_length"][0] = frames
    return features


def n_parameters(model, specs, targets=(EMOTION,)) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in model.build(specs, targets).parameters())


def dense(n_in: int, n: int) -> int:
    return n_in * n + n


def lstm(n_in: int, n: int) -> int:
    return 2 * 4 * (n * (n_in + n) + 2 * n)  # two directions of four gates with two biases


def test_parameters():
    functionals = dense(384, 512) + dense(512, 256) + dense(256, 128) + 2 * (512 + 256 + 128) + dense(128, 4)
    assert functionals == 363_652
    assert n_parameters(Zhang2020(), {"hsf": vector(384)}) == functionals
    assert n_parameters(Yao2020Hsf(), {"hsf": vector(384)}, (EMOTION, DIMENSIONS)) == functionals + dense(128, 3)
    convs = dense(9, 32) + dense(9 * 32, 64) + 2 * (32 + 64)
    segments = convs + dense(64 * 4 * 10, 128) + 128 + dense(128, 4)
    assert segments == 347_460
    assert n_parameters(Yao2020Ms(), {"mel": sequence(None, 40)}) == segments
    frames = lstm(32, 128) + lstm(256, 128) + 256 + dense(256, 128) + dense(128, 4)
    assert frames == 594_820
    assert n_parameters(Yao2020Lld(), {"lld": sequence(300, 32)}) == frames


@systems
def test_contract(model, specs):
    """Among others: padding has no influence, eight segments are learnt, and ONNX Runtime gives what torch does."""
    assert_model(model, specs)


@systems
def test_padding_changes_nothing(model, specs):
    torch.manual_seed(0)
    network = model.build(specs, (EMOTION, DIMENSIONS)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # of a trained network: zeros do not stay zeros
            module.running_mean.normal_()
            nn.init.normal_(module.bias)
    features = batch(specs, 7)
    for name, spec in specs.items():
        if spec.varies:
            features[f"{name}_length"] = torch.tensor([60, 1, 7, 15, 16, 24, 33])
    together = network(**features)
    assert {name: tuple(v.shape) for name, v in together.items()} == {"emotion": (7, 4), "dimensions": (7, 3)}
    for i in range(7):
        alone = {name: x[i : i + 1] for name, x in features.items()}
        for name, spec in specs.items():
            if spec.varies:
                alone[name] = alone[name][:, : int(alone[f"{name}_length"])]
        for target, said in network(**alone).items():
            assert (said[0] - together[target][i]).abs().max() < 1e-5


@systems
def test_learns_sixteen_segments_by_heart(model, specs):
    torch.manual_seed(0)
    network = model.build(specs, (EMOTION,))
    features, labels = batch(specs, 16, frames=40), torch.arange(16) % 4
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        loss = F.cross_entropy(network(**features)["emotion"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2
    assert (network(**features)["emotion"].argmax(1) == labels).all()


def test_segments_of_sixteen_frames():
    """What a segment says does not depend on the frames outside it; the rest after the last whole one is not heard."""
    torch.manual_seed(0)
    model, specs = SMALL["ms"]
    network = model.build(specs, (EMOTION,)).eval()
    x = torch.randn(1, 31, 8)
    length = torch.tensor([31])
    before = network(mel=x, mel_length=length)["emotion"]
    x[:, 24:] += 1.0  # 31 frames are segments from 0 and from 8
    assert torch.equal(network(mel=x, mel_length=length)["emotion"], before)
    x[:, 23] += 1.0
    assert not torch.equal(network(mel=x, mel_length=length)["emotion"], before)


@pytest.mark.parametrize(
    ("model", "specs", "said"),
    [
        (Zhang2020(), {}, "zhang-2020 works on vectors of fixed size, such as is09, and is given nothing"),
        (Yao2020Hsf(), {"mel": sequence(None, 8)}, r"'mel' \(sequence"),
        (Yao2020Ms(), {"v": vector(3)}, "works on one sequence"),
        (Yao2020Ms(), {"mel": sequence(None, 3)}, "at least 4 bands"),
        (Yao2020Lld(), {"a": sequence(None, 3), "b": sequence(None, 3)}, "works on one sequence"),
    ],
)
def test_refusals(model, specs, said):
    with pytest.raises(ComponentError, match=said):
        model.build(specs, (EMOTION,))


def test_refuses_to_predict_nothing():
    with pytest.raises(ComponentError, match="no target"):
        Zhang2020().build({"a": vector(3)}, ())


def test_configuration():
    for model, _ in SMALL.values():
        assert create(type(model), to_config(model)) == model
    for cls, config in ((Zhang2020, {"widths": []}), (Yao2020Ms, {"filters": [4]}), (Yao2020Lld, {"dropout": 1.0})):
        with pytest.raises(ConfigError, match=cls.name):
            create(cls, config)


def test_trained_and_exported(tiny_corpus, tmp_path):
    config = {
        "features": {"mel": {"name": "logmel-sequence", "n_mels": 8}},
        "model": {"name": "yao-2020-ms", "filters": [4, 8], "dense": 16},
        "segments": {"preset": "utterance"},
        "training": {"epochs": 1, "batch_size": 8, "workers": 1},
    }
    run = train(tiny_corpus, config=config, out=tmp_path / "run", device="cpu")
    assert export(run.run_dir, tmp_path / "m.onnx").difference < 1e-4

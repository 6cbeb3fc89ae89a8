"""The paper's network: its sizes, its variants, and what it refuses."""

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
from ser_toolkit_paper.cnn_dnn import CnnDnn

EMOTION = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
MEL = FeatureSpec(shape=(1, 128, 376), axes=("channel", "mel", "frame"), unit="dB")
GEMAPS = FeatureSpec(shape=(88,), axes=("feature",), unit="mixed")
BOTH = {"mel": MEL, "gemaps": GEMAPS}
SMALL = {"filters": (4, 4, 8, 8, 16), "mfep_dense": (12,), "gfep_dense": (10,), "erp": (14,)}
MEDIUM = {"filters": (8, 8, 16, 16, 32), "mfep_dense": (32, 32), "gfep_dense": (32,), "erp": (32,)}


def image(*shape: int | None) -> FeatureSpec:
    return FeatureSpec(shape=shape, axes=("channel", "mel", "frame"), unit="dB")


def vector(n: int | None) -> FeatureSpec:
    return FeatureSpec(shape=(n,), axes=("feature",), unit="mixed")


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def build(inputs=BOTH, targets=(EMOTION,), **config):
    with torch.device("meta"):  # sizes without numbers
        return CnnDnn(**config).build(inputs, targets)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        ({}, 14_362_636),
        ({"convs": (1, 2, 2, 2, 1)}, 15_138_124),
        ({"convs": (2, 2, 2, 2, 2)}, 17_536_012),
        ({"convs": (2, 2, 3, 3, 3)}, 20_635_276),
        ({"padding": "valid"}, 7_546_892),
        ({"pooling": "mean"}, 3_090_444),
        ({"erp": ()}, 14_362_636 - 526_852 + 4_100),
        ({"erp": (512, 256)}, 14_362_636 - 526_852 + 657_156),
        ({"erp": (1024, 512)}, 14_362_636 - 526_852 + 1_576_452),
        ({"gfep_first_layer": False}, 14_362_636 - 7_832 - 176),
        ({"branches": "image"}, 13_386_304 + 512 * 512 + 512 + 2_052),
        ({"branches": "vector"}, 449_480 + 512 * 512 + 512 + 2_052),
        ({"bn_position": "after-activation", "dropout": 0.5}, 14_362_636),
        (
            {"mfep_dense": (256,), "gfep_dense": (64, 32), "erp": (16,)},
            1_588_800 + 22_529 * 256 + (7_832 + 176) + (89 * 64 + 128) + (65 * 32 + 64) + 289 * 16 + 17 * 4,
        ),
    ],
)
def test_number_of_parameters(config, total):
    assert n_parameters(build(**config)) == total


def test_number_of_parameters_of_each_part():
    net = build()
    mfep, gfep = net.branches.values()
    assert n_parameters(mfep) == 13_386_304
    assert n_parameters(mfep.blocks) == 1_588_800
    assert n_parameters(gfep) == 449_480
    assert n_parameters(net.heads) == 526_852
    linear = [m for m in build(gfep_first_layer=False).branches["of_gemaps"].modules() if isinstance(m, nn.Linear)]
    assert sum(n_parameters(m) for m in linear) == 438_656
    running = [b for name, b in net.named_buffers() if "running" in name]
    assert sum(b.numel() for b in running) == 5_040


def test_sizes_after_each_block_are_those_of_the_specification():
    net = build()
    mfep = net.branches["of_mel"]
    shapes = []
    for block in mfep.blocks:  # the input of a block is what the pooling before it left
        block[0].register_forward_pre_hook(lambda _, x: shapes.append(tuple(x[0].shape[1:])))
    mfep.dense[0].register_forward_pre_hook(lambda _, x: shapes.append(tuple(x[0].shape[1:])))
    net(mel=torch.zeros(2, 1, 128, 376, device="meta"), gemaps=torch.zeros(2, 88, device="meta"))
    assert shapes == [(1, 128, 376), (64, 64, 188), (64, 32, 94), (128, 16, 47), (256, 8, 23), (22_528,)]


@pytest.mark.slow
def test_contract_of_the_defaults():
    assert_model(CnnDnn(), BOTH)


@pytest.mark.parametrize(
    ("config", "side"),
    [
        ({"pooling": "mean", "bn_position": "after-activation", "dropout": 0.2, "branches": "image"}, 40),
        ({"padding": "valid"}, 94),
    ],
)
def test_contract_of_variants(config, side):
    assert_model(CnnDnn(**(MEDIUM | config)), {"p": image(2, side, side + 9), "v": vector(6)})


def test_contract_where_images_vary():
    assert_model(CnnDnn(**MEDIUM, pooling="mean"), {"a.b": image(1, 32, None), "v": vector(3)})


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("bn_position", ["before-activation", "after-activation"])
def test_padding_of_images_that_vary_changes_nothing(padding, bn_position):
    torch.manual_seed(0)
    net = CnnDnn(**SMALL, pooling="mean", padding=padding, bn_position=bn_position, convs=(1, 2, 1, 1, 1))
    net = net.build({"x": image(1, 128, None)}, (EMOTION,))
    x = torch.randn(6, 1, 128, 300)
    net(x=x, x_length=torch.full((6,), 300))  # gives batch normalization some statistics
    net.eval()
    for n in (1, 31, 32, 97, 200, 300):
        junk = torch.cat([x[:2, ..., :n], torch.full((2, 1, 128, 300 - n), 7.0)], dim=3)
        alone = net(x=x[:2, ..., :n], x_length=torch.tensor([n, n]))["emotion"]
        padded = net(x=junk, x_length=torch.tensor([n, n]))["emotion"]
        torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)


def test_images_may_vary_in_height():
    torch.manual_seed(0)
    net = CnnDnn(**SMALL, pooling="mean").build({"x": image(2, None, 40)}, (EMOTION,)).eval()
    turned = CnnDnn(**SMALL, pooling="mean").build({"x": image(2, 40, None)}, (EMOTION,)).eval()
    weights = net.state_dict()
    turned.load_state_dict({k: w.transpose(2, 3) if w.ndim == 4 else w for k, w in weights.items()})
    x, length = torch.randn(3, 2, 70, 40), torch.tensor([70, 50, 9])
    result = net(x=x, x_length=length)["emotion"]
    torch.testing.assert_close(turned(x=x.transpose(2, 3), x_length=length)["emotion"], result, rtol=1e-5, atol=1e-6)


def test_mean_of_images_that_vary_is_that_of_fixed_ones():
    """Where no pooling drops a rest, masking is invisible."""
    torch.manual_seed(0)
    varying = CnnDnn(**SMALL, pooling="mean").build({"x": image(1, 64, None)}, (EMOTION,)).eval()
    fixed = CnnDnn(**SMALL, pooling="mean").build({"x": image(1, 64, 96)}, (EMOTION,)).eval()
    fixed.load_state_dict(varying.state_dict())
    x = torch.randn(3, 1, 64, 96)
    torch.testing.assert_close(varying(x=x, x_length=torch.full((3,), 96)), fixed(x=x), rtol=1e-5, atol=1e-6)


def test_branches_go_by_role_and_not_by_name():
    inputs = {"gemaps": image(3, 64, 64), "mel": vector(5), "second": vector(7), "third": image(1, 32, 40)}
    net = CnnDnn(**SMALL).build(inputs, (EMOTION,)).eval()
    assert [type(b).__name__ for b in net.branches.values()] == ["Mfep", "Gfep", "Gfep", "Mfep"]
    assert net.heads["of_emotion"][1].in_features == 12 + 10 + 10 + 12
    out = net(**{name: torch.randn(2, *spec.shape) for name, spec in inputs.items()})
    assert out["emotion"].shape == (2, 4)


@pytest.mark.parametrize("branches", ["image", "vector"])
def test_ablation_ignores_the_other_input(branches):
    net = CnnDnn(**SMALL, branches=branches).build({"a": image(1, 32, 32), "b": vector(4)}, (EMOTION,)).eval()
    a, b = torch.randn(2, 1, 32, 32), torch.randn(2, 4)
    used, other = ("a", "b") if branches == "image" else ("b", "a")
    before = net(a=a, b=b)["emotion"]
    changed = {"a": a, "b": b} | {other: torch.zeros(1)}
    assert torch.equal(net(**changed)["emotion"], before)
    assert not torch.equal(net(**{"a": a, "b": b} | {used: {"a": a, "b": b}[used] + 1})["emotion"], before)


def test_one_head_per_target():
    targets = (EMOTION, TargetSpec(name="arousal.level", kind="class", labels=("low", "high")))
    out = CnnDnn(**SMALL).build({"v": vector(4)}, targets).eval()(v=torch.randn(3, 4))
    assert {name: tuple(x.shape) for name, x in out.items()} == {"emotion": (3, 4), "arousal.level": (3, 2)}


def test_any_name_will_do():
    names = ["keys", "a.b", "a%2Eb", "of_x", "training", "ünï cödé", "x"]
    net = CnnDnn(**SMALL).build({name: vector(2) for name in names}, (EMOTION,)).eval()
    assert len(net.branches) == len(names)
    assert net(**{name: torch.randn(2, 2) for name in names})["emotion"].shape == (2, 4)


@pytest.mark.parametrize(("position", "order"), [("before-activation", 1), ("after-activation", 2)])
def test_place_of_batch_normalization(position, order):
    net = build(bn_position=position)
    for unit in (net.branches["of_mel"].blocks[0][0], net.branches["of_gemaps"][0]):
        assert isinstance(unit[order], nn.BatchNorm2d | nn.BatchNorm1d)
        assert isinstance(unit[3 - order], nn.ReLU)


def test_dropout_works_in_training_only():
    inputs = {"a": image(1, 32, 32), "b": vector(4)}
    for branches in ("all", "image", "vector"):
        net = CnnDnn(**SMALL, dropout=0.5, branches=branches).build(inputs, (EMOTION,))
        for m in net.modules():  # batch normalization out of the way
            m.eval() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) else None
        x = {"a": torch.randn(2, 1, 32, 32), "b": torch.randn(2, 4)}
        assert not torch.equal(net(**x)["emotion"], net(**x)["emotion"])
        net.eval()
        assert torch.equal(net(**x)["emotion"], net(**x)["emotion"])


def test_start_is_glorot_uniform_with_biases_of_zero():
    torch.manual_seed(0)
    net = CnnDnn(pooling="mean").build(BOTH, (EMOTION,))
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 5 + 2 + 5 + 2
    for layer in layers:
        kernel = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
        bound = (6 / (kernel * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
        assert layer.bias.eq(0).all()
        assert 0.9 * bound < layer.weight.abs().max().item() <= bound


@pytest.mark.parametrize(
    ("inputs", "config", "message"),
    [
        ({"s": FeatureSpec(shape=(None, 40), axes=("frame", "feature"), unit="dB")}, {}, r"'s'.*a sequence: it takes"),
        ({"v": vector(4)}, {"branches": "image"}, r"works on images only, and is given 'v' \(vector\)"),
        ({}, {}, "is given nothing"),
        ({"x": image(1, 31, 200)}, {}, "at least 32"),
        ({"x": image(1, 128, 93)}, {"padding": "valid"}, "at least 94"),
        ({"x": image(1, 128, None)}, {}, 'pooling="flatten" needs one fixed size'),
        ({"x": image(1, 16, None)}, {"pooling": "mean"}, "at least 32"),
        ({"x": image(None, 128, 128)}, {"pooling": "mean"}, "not its channels"),
        ({"v": vector(None)}, {}, "must have a fixed size"),
    ],
)
def test_refuses_what_it_cannot_use(inputs, config, message):
    with pytest.raises(ComponentError, match=message):
        CnnDnn(**config).build(inputs, (EMOTION,))


def test_needs_a_target():
    with pytest.raises(ComponentError, match="no target"):
        CnnDnn().build(BOTH, ())


@pytest.mark.parametrize("config", [{}, {"padding": "valid"}, {"padding": "valid", "convs": (2, 2, 3, 3, 3)}])
def test_smallest_image(config):
    model = CnnDnn(**SMALL, **config)
    n = model.smallest_side
    assert model.side_after(n) == 1 and model.side_after(n - 1) < 1
    assert model.build({"x": image(1, n, n)}, (EMOTION,)).eval()(x=torch.randn(1, 1, n, n))["emotion"].shape == (1, 4)


@pytest.mark.parametrize(
    "config",
    [
        {"convs": [1, 1, 1, 1]},
        {"convs": [1, 1, 1, 1, 0]},
        {"filters": [64, 64, 128, 256, -1]},
        {"mfep_dense": []},
        {"erp": [0]},
        {"dropout": 1.0},
        {"padding": "reflect"},
        {"branches": "mel"},
    ],
)
def test_bad_configuration(config):
    with pytest.raises(ConfigError, match="cnn-dnn"):
        create(CnnDnn, config)


def test_configuration_from_json():
    made = create(CnnDnn, {"convs": [1, 2, 2, 2, 1], "erp": [], "dropout": 0.5, "branches": "vector"})
    assert made == CnnDnn(convs=(1, 2, 2, 2, 1), erp=(), dropout=0.5, branches="vector")
    assert create(CnnDnn, to_config(made)) == made


def test_import_without_torch():
    code = "import sys, ser_toolkit_paper.cnn_dnn, ser_toolkit_paper.focal, ser_toolkit_paper.cross_entropy as c; "
    code += "c.CrossEntropy(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

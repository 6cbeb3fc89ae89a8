"""Networks that read sound in time: their sizes, any length, any targets, and their export."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from ser_toolkit.components import create, to_config
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.recipe import ComponentEntry, FeatureEntry, Recipe, Target
from ser_toolkit.testing.models import assert_model
from ser_toolkit.training.export_network import convert_network, network_outputs
from ser_toolkit.training.network import StandardizedNetwork
from ser_toolkit_baselines.layers import BiLstm
from ser_toolkit_baselines.li_2021 import Li2021
from ser_toolkit_baselines.neumann_vu_2017 import NeumannVu2017
from ser_toolkit_baselines.satt_2017 import Satt2017
from ser_toolkit_baselines.yao_2020 import Yao2020Lld, Yao2020Ms
from ser_toolkit_baselines.yenigalla_2018 import Yenigalla2018

EMOTION = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
AROUSAL = TargetSpec(name="arousal", kind="class", labels=("low", "middle", "high"))
DIMENSIONS = TargetSpec(name="dimensions", kind="regression", labels=("valence", "dominance"))


def sequence(frames: int | None, values: int) -> FeatureSpec:
    return FeatureSpec(shape=(frames, values), axes=("frame", "mel"), unit="dB")


def image(bands: int, frames: int | None) -> FeatureSpec:
    return FeatureSpec(shape=(1, bands, frames), axes=("channel", "band", "frame"), unit="dB")


SMALL = {
    "neumann-vu-2017": (NeumannVu2017(filters=24, width=4, pool=5, dropout=0.0), sequence(None, 6)),
    "satt-2017": (Satt2017(filters=(4, 6, 8), lstm=12, dense=16, dropout=0.0), image(17, None)),
    "li-2021": (Li2021(lstm=12, dense=16, dropout=0.0), sequence(None, 6)),
    "yenigalla-2018": (Yenigalla2018(maps=5, dense=(24, 16), dropout=0.0), image(31, None)),
}
PHONEMES = {"mel": image(31, None), "phonemes": sequence(None, 9)}
systems = pytest.mark.parametrize(("model", "spec"), SMALL.values(), ids=list(SMALL))
EXPORTED = SMALL | {
    "yao-2020-ms": (Yao2020Ms(filters=(4, 6), dense=8, dropout=0.0), sequence(None, 6)),
    "yao-2020-lld": (Yao2020Lld(lstm=8, dense=12, dropout=0.0), sequence(None, 6)),
}


def batch(specs: dict[str, FeatureSpec], n: int, frames: int = 60) -> dict[str, torch.Tensor]:
    """Random segments, each with a mean of its own; those that vary differ in length and have noise after their end."""
    features = {}
    for name, spec in specs.items():
        still = [1 if axis == "frame" else size for axis, size in zip(spec.axes, spec.shape, strict=True)]
        features[name] = torch.randn(n, *still) + torch.randn(n, *(size or frames for size in spec.shape))
        if spec.varies:
            features[f"{name}_length"] = torch.randint(1, frames + 1, (n,))
            features[f"{name}_length"][0] = frames
    return features


def n_parameters(model, specs: dict[str, FeatureSpec], targets=(EMOTION,)) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in model.build(specs, targets).parameters())


def lstm(n_in: int, n: int) -> int:
    return 2 * 4 * (n * (n_in + n) + 2 * n)  # two directions of four gates with two biases


def dense(n_in: int, n: int) -> int:
    return n_in * n + n


def test_parameters_of_neumann_vu():
    count = 26 * 200 * 10 + 200 + 200 + dense(200, 4)
    assert count == 53_204
    assert n_parameters(NeumannVu2017(), {"mel": sequence(750, 26)}) == count
    assert n_parameters(NeumannVu2017(), {"mel": sequence(None, 26)}, (EMOTION, AROUSAL)) == count + dense(200, 3)


def test_parameters_of_satt():
    convs = dense(12 * 16, 16) + dense(16 * 8 * 12, 24) + dense(24 * 5 * 7, 32)
    count = convs + lstm(32 * 25, 128) + dense(256, 64) + dense(64, 4)
    assert count == 1_035_916
    assert n_parameters(Satt2017(), {"mel": image(200, None)}) == count


def test_parameters_of_li():
    count = lstm(64, 128) + 2 * 128 * 128 + dense(256, 128) + dense(128, 4)
    assert count == 264_836
    assert n_parameters(Li2021(), {"mel": sequence(None, 64)}) == count


def test_parameters_of_yenigalla():
    convs = sum(dense(h * w, 200) for h, w in ((12, 16), (18, 24), (24, 32), (30, 40)))
    last = dense(400, 200) + 2 * (400 + 200) + dense(200, 4)  # and two batch normalizations
    count = convs + dense(16 * 200, 400) + last
    assert count == 1_881_804
    for spec in (image(128, 376), image(40, None)):
        assert n_parameters(Yenigalla2018(), {"mel": spec}) == count
    rows = 40 * 128 + sum(dense(128 * w, 200) for w in (3, 5, 7, 9))
    both = {"mel": image(128, None), "phonemes": sequence(None, 40)}
    assert n_parameters(Yenigalla2018(), both) == count + rows + 4 * 200 * 400
    vector = {"mel": image(128, None), "phonemes": FeatureSpec(shape=(40,), axes=("feature",), unit="")}
    assert n_parameters(Yenigalla2018(), vector) == count + dense(40, 200) + 200 * 400


@pytest.mark.parametrize(
    ("model", "specs"),
    [
        (SMALL["neumann-vu-2017"][0], {"mel": sequence(90, 6)}),
        (SMALL["satt-2017"][0], {"mel": image(16, 50)}),
        (SMALL["li-2021"][0], {"mel": sequence(40, 6)}),
        (SMALL["yenigalla-2018"][0], {"mel": image(32, 50)}),
        (SMALL["yenigalla-2018"][0], PHONEMES),
    ],
    ids=[*SMALL, "with phonemes"],
)
def test_contract(model, specs):
    assert_model(model, specs)


@pytest.mark.parametrize(
    ("model", "specs"),
    [*((model, {"mel": spec}) for model, spec in SMALL.values()), (SMALL["yenigalla-2018"][0], PHONEMES)],
    ids=[*SMALL, "with phonemes"],
)
def test_padding_changes_nothing(model, specs):
    torch.manual_seed(0)
    network = model.build(specs, (EMOTION,)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):  # a trained network: nothing is zero where it matters
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            nn.init.normal_(module.bias)
    features = batch(specs, 8)
    for i, n in enumerate((1, 3, 8, 9, 31, 44, 60)):
        for name in specs:
            features[f"{name}_length"][i] = n
    with torch.no_grad():
        together = network(**features)["emotion"]
        for i, row in enumerate(together):
            alone = {}
            for name, spec in specs.items():
                n = features[f"{name}_length"][i : i + 1]
                alone |= {name: features[name][i : i + 1].narrow(1 + spec.shape.index(None), 0, int(n))}
                alone |= {f"{name}_length": n}
            assert torch.allclose(network(**alone)["emotion"][0], row, atol=1e-5)


@systems
def test_a_fixed_length_is_a_varying_one_that_is_full(model, spec):
    fixed = FeatureSpec(shape=tuple(n or 60 for n in spec.shape), axes=spec.axes, unit=spec.unit)
    features = batch({"mel": fixed}, 3)
    torch.manual_seed(0)
    one = model.build({"mel": fixed}, (EMOTION,)).eval()
    torch.manual_seed(0)
    other = model.build({"mel": spec}, (EMOTION,)).eval()
    with torch.no_grad():
        expected = other(**features, mel_length=torch.full((3,), 60))["emotion"]
        assert torch.allclose(one(**features)["emotion"], expected, atol=1e-5)


@systems
def test_overfits_sixteen_segments(model, spec):
    torch.manual_seed(0)
    network = model.build({"mel": spec}, (EMOTION,))
    features, truth = batch({"mel": spec}, 16), torch.arange(16) % 4
    features["mel_length"].clamp_(min=20)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        loss = nn.functional.cross_entropy(network(**features)["emotion"], truth)
        if loss < 0.02:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        assert (network(**features)["emotion"].argmax(dim=1) == truth).all()


@systems
def test_a_head_per_target(model, spec):
    network = model.build({"mel": spec}, (EMOTION, AROUSAL, DIMENSIONS)).eval()
    result = network(**batch({"mel": spec}, 5))
    assert {name: tuple(values.shape) for name, values in result.items()} == {
        "emotion": (5, 4),
        "arousal": (5, 3),
        "dimensions": (5, 2),
    }


@pytest.mark.parametrize("second", [sequence(None, 9), FeatureSpec(shape=(9,), axes=("feature",), unit="")], ids=str)
def test_what_was_said_matters_where_it_is_given(second):
    torch.manual_seed(0)
    model, spec = SMALL["yenigalla-2018"]
    network = model.build({"mel": spec, "phonemes": second}, (EMOTION,)).eval()
    features = batch({"mel": spec, "phonemes": second}, 4)
    with torch.no_grad():
        before = network(**features)["emotion"]
        features["phonemes"] = -features["phonemes"]
        assert (network(**features)["emotion"] != before).any(dim=1).all()


@pytest.mark.parametrize(("model", "spec"), EXPORTED.values(), ids=list(EXPORTED))
def test_export_has_free_batch_and_time(model, spec):
    torch.manual_seed(0)
    network = StandardizedNetwork(model.build({"mel": spec}, (EMOTION,)), {"mel": spec}).eval()
    recipe = Recipe(
        targets=(Target(name="emotion", kind="class", labels=EMOTION.labels),),
        segments=Segmentation(window_s=None),
        features={"mel": FeatureEntry(name="logmel-sequence", version=1, dist="ser-toolkit 0.1.0")},
        model=ComponentEntry(name=model.name, version=1, dist="ser-toolkit 0.1.0", config=to_config(model)),
    )

    def arrays(n: int, frames: int) -> dict[str, np.ndarray]:
        return {name: x.numpy() for name, x in batch({"mel": spec}, n, frames).items()}

    graph = convert_network(network, recipe, arrays(3, 60)).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["mel", "mel_length"]
    for n, frames in ((1, 7), (5, 133), (2, 60)):
        features = arrays(n, frames)
        (got,) = session.run(["emotion"], features)
        np.testing.assert_allclose(got, network_outputs(network, recipe, features), atol=1e-5)


def test_bidirectional_lstm_is_that_of_torch_over_packed_sequences():
    torch.manual_seed(0)
    ours, theirs = BiLstm(5, 4), nn.LSTM(5, 4, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for name, value in ours.ahead.named_parameters():
            getattr(theirs, name).copy_(value)
        for name, value in ours.back.named_parameters():
            getattr(theirs, f"{name}_reverse").copy_(value)
        x, length = torch.randn(3, 9, 5), torch.tensor([9, 4, 1])
        packed = nn.utils.rnn.pack_padded_sequence(x, length, batch_first=True)
        expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
        got = torch.cat(ours(x, length), dim=2)
    for i, n in enumerate(length):
        assert torch.allclose(got[i, :n], expected[i, :n], atol=1e-6)


@pytest.mark.parametrize(
    ("model", "specs", "message"),
    [
        (NeumannVu2017(), {"mel": image(26, 80)}, "works on one sequence"),
        (NeumannVu2017(), {}, "nothing"),
        (Li2021(), {"a": sequence(80, 26), "b": sequence(80, 26)}, "works on one sequence"),
        (Li2021(), {"a": FeatureSpec(shape=(80, None), axes=("frame", "mel"), unit="")}, "number of frames may vary"),
        (Satt2017(), {"mel": sequence(80, 26)}, "works on one image"),
        (Satt2017(), {"mel": image(7, 80)}, "use 8 or more"),
        (Yenigalla2018(), {"mel": image(29, 80)}, "30 bands and 40 frames"),
        (Yenigalla2018(), {"mel": image(40, 39)}, "30 bands and 40 frames"),
        (Yenigalla2018(), {**PHONEMES, "more": sequence(None, 2)}, "and a sequence or a vector if there is one"),
    ],
)
def test_refuses(model, specs, message):
    with pytest.raises(ComponentError, match=message):
        model.build(specs, (EMOTION,))


def test_needs_a_target():
    with pytest.raises(ComponentError, match="no target"):
        Li2021().build({"mel": sequence(80, 26)}, ())


@systems
def test_configuration_round_trip(model, spec):
    assert create(type(model), to_config(model)) == model


def test_import_brings_no_torch():
    code = "import sys, ser_toolkit_baselines; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

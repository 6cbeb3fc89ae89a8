"""The contracts of models and losses hold for good ones and catch each kind of broken one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LinearRegression, RidgeClassifier
from sklearn.linear_model import LogisticRegression as Estimator
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F

from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import FeatureSpec, TargetSpec
from ser_toolkit.testing.checks import CheckResult, check, require
from ser_toolkit.testing.losses import assert_loss, check_loss
from ser_toolkit.testing.models import assert_model, check_model

VECTOR = {"v": FeatureSpec(shape=(6,), axes=("feature",), unit="mixed")}
FRAMES = {"s": FeatureSpec(shape=(None, 5), axes=("frame", "feature"), unit="dB")}


def failed(results: list[CheckResult]) -> set[str]:
    return {result.name for result in results if not result.passed}


class Net(nn.Module):
    """A network on any inputs: the mean over frames of a sequence, an image or a vector flat; with one fault."""

    def __init__(self, inputs, target, fault=None):
        super().__init__()
        self.inputs, self.target, self.fault = inputs, target, fault
        n = sum(s.shape[-1] if s.varies else int(np.prod(s.shape)) for s in inputs.values())
        self.first, self.last = nn.Linear(n, 32), nn.Linear(32, len(target.labels))
        if fault == "unused parameter":
            self.spare = nn.Linear(3, 3)
        if fault == "own seed":
            self.first.weight.data += torch.from_numpy(np.random.default_rng().random((32, n), np.float32)) / 10
        if fault == "zero start":
            nn.init.zeros_(self.last.weight)

    def flat(self, features, name):
        x = features[name]
        if not self.inputs[name].varies:
            return x.flatten(1)
        if self.fault == "padding":
            return x.mean(1)
        length = features[f"{name}_length"][:, None]
        valid = torch.arange(x.shape[1]) < length
        return (x * valid[:, :, None]).sum(1) / length

    def forward(self, **features):
        x = torch.cat([self.flat(features, name) for name in self.inputs], 1)
        h = torch.relu(self.first(x))
        if self.fault == "always drops":
            h = F.dropout(h, 0.5, training=True)
        if self.fault == "mixes the batch":
            h = h - h.mean(0)
        if self.fault == "fixed batch":
            h = torch.cat([h[i : i + 1] for i in range(len(h))])
        if self.fault == "learns nothing":
            h = h.detach() * 0
        z = self.last(h)
        if self.fault == "not finite":
            z = z / 0.0
        if self.fault == "wrong shape":
            z = z[:, :-1]
        if self.fault == "in vain":
            z = z.detach()
        if self.fault == "no dict":
            return z
        return {"x" if self.fault == "wrong key" else self.target.name: z}


@dataclass(frozen=True, kw_only=True)
class FakeNetwork:
    """Builds `Net`."""

    name: ClassVar[str] = "fake-network"
    version: ClassVar[int] = 1
    fault: str | None = None
    only: tuple[Literal["vector", "sequence", "image"], ...] = ("vector", "sequence", "image")

    def build(self, inputs, targets):
        for key, spec in inputs.items():
            if spec.role not in self.only:
                raise ComponentError(f"no use for {key!r}, a {spec.role}")
        return "no module" if self.fault == "no module" else Net(inputs, targets[0], self.fault)


@pytest.mark.parametrize("inputs", [VECTOR, FRAMES, FRAMES | VECTOR])
def test_good_network(inputs):
    results = check_model(FakeNetwork(), inputs)
    assert failed(results) == set()
    assert {"JSON round trip", "picklable", "batch of one", "overfits 8 segments", "ONNX"} <= {r.name for r in results}
    assert ("padding" in {r.name for r in results}) == (inputs is not VECTOR)


def test_a_start_with_zeros_is_no_fault():
    assert "gradients" not in failed(check_model(FakeNetwork(fault="zero start"), VECTOR))


@pytest.mark.parametrize(
    ("fault", "broken", "message"),
    [
        ("no module", {"builds"}, "build returned str"),
        ("no dict", {"outputs"}, "forward returned Tensor"),
        ("wrong key", {"outputs"}, r"keys \['x'\], not \['emotion'\]"),
        ("wrong shape", {"outputs"}, r"shape \(5, 3\) for a batch of 5, not \(5, 4\)"),
        ("not finite", {"outputs"}, "not all finite"),
        ("own seed", {"seeded"}, "first.weight differs"),
        ("always drops", {"repeats", "batch of one", "ONNX"}, "two passes differ"),
        ("mixes the batch", {"batch of one"}, "a batch of 5 and its segments alone differ"),
        ("fixed batch", {"ONNX"}, "ONNX"),
        ("learns nothing", {"overfits 8 segments", "gradients"}, "a quarter of chance"),
        ("in vain", {"overfits 8 segments", "gradients"}, "RuntimeError"),
        ("unused parameter", {"gradients"}, r"spare.weight, spare.bias \(2 in all\)"),
    ],
)
def test_broken_network(fault, broken, message):
    model = FakeNetwork(fault=fault)
    results = check_model(model, VECTOR)
    assert failed(results) == broken
    with pytest.raises(AssertionError, match=message):
        assert_model(model, VECTOR)


def test_network_that_reads_padding():
    results = check_model(FakeNetwork(fault="padding"), FRAMES)
    assert failed(results) == {"padding"}


def test_chooses_inputs_that_the_network_takes():
    for only, wanted in ((("vector",), "vector"), (("image",), "image"), (("sequence",), "sequence")):
        built = next(r for r in check_model(FakeNetwork(only=only, fault="no dict")) if r.name == "builds")
        assert built.passed and built.detail.endswith(f"parameters for {wanted}")
    refused = next(r for r in check_model(FakeNetwork(only=())) if r.name == "builds")
    assert not refused.passed and "no use for 'sequence'" in refused.detail


def test_leaves_the_random_state_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    check_model(FakeNetwork(fault="no dict"), VECTOR)
    assert torch.equal(torch.rand(3), wanted)


def test_component_that_is_none():
    @dataclass
    class Loose:
        name: ClassVar[str] = "Loose"
        version: ClassVar[int] = 1
        made: Any = field(default_factory=lambda: lambda: 0)

        def build(self, inputs, targets):
            return Net(inputs, targets[0])

    assert {"component class", "JSON round trip", "picklable"} <= failed(check_model(Loose(), VECTOR))


class Fitted(Estimator):
    def __init__(self):
        super().__init__()
        self.classes_, self.coef_ = np.arange(4), np.zeros((4, 6))


class Narrow(Estimator):
    def predict_proba(self, x):
        return super().predict_proba(x)[:, :3]


ESTIMATORS = {
    "good": lambda seed: Estimator(),
    "scores only": lambda seed: RidgeClassifier(random_state=seed),
    "no seed": lambda seed: ExtraTreesClassifier(30, bootstrap=True),
    "fitted": lambda seed: Fitted(),
    "constant": lambda seed: DummyClassifier(),
    "regression": lambda seed: LinearRegression(),
    "narrow": lambda seed: Narrow(),
    "no fit": lambda seed: object(),
    "refuses": lambda seed: KNeighborsClassifier(10_000),
}


@dataclass(frozen=True, kw_only=True)
class FakeClassical:
    """Makes one of `ESTIMATORS`."""

    name: ClassVar[str] = "fake-classical"
    version: ClassVar[int] = 1
    kind: str = "good"

    def estimator(self, inputs, target, *, seed):
        return ESTIMATORS[self.kind](seed)


@pytest.mark.parametrize("kind", ["good", "scores only"])
@pytest.mark.parametrize("labels", [("a", "b"), ("a", "b", "c", "d")])
def test_good_estimator(kind, labels):
    results = check_model(FakeClassical(kind=kind), VECTOR, TargetSpec(name="x", kind="class", labels=labels))
    assert failed(results) == set()
    assert {"estimator", "fits", "outputs", "learns", "seeded", "ONNX"} <= {r.name for r in results}


@pytest.mark.parametrize(
    ("kind", "broken", "message"),
    [
        ("no seed", {"seeded"}, "two fits with one seed differ"),
        ("fitted", {"estimator"}, "Fitted is fitted already"),
        ("constant", {"learns", "ONNX"}, "accuracy 0.25"),
        ("regression", {"estimator"}, "neither predict_proba nor decision_function"),
        ("narrow", {"outputs", "learns", "stored", "ONNX"}, r"shape \(48, 3\), not \(48, 4\)"),
        ("no fit", {"estimator"}, "object has no fit"),
        ("refuses", {"outputs", "learns", "seeded", "stored", "ONNX"}, "n_neighbors"),
    ],
)
def test_broken_estimator(kind, broken, message):
    assert failed(check_model(FakeClassical(kind=kind), VECTOR)) == broken
    with pytest.raises(AssertionError, match=message):
        assert_model(FakeClassical(kind=kind), VECTOR)


def _soft(z, y):
    return F.one_hot(y, z.shape[1]).to(z.dtype) if y.ndim == 1 else y.to(z.dtype)


def _naive(z, y):
    return (_soft(z, y) * -z.softmax(1).log()).sum(1).mean()


LOSSES = {
    "good": lambda z, y: F.cross_entropy(z.float(), y),
    "sum": lambda z, y: F.cross_entropy(z.float(), y, reduction="sum"),
    "each": lambda z, y: F.cross_entropy(z.float(), y, reduction="none"),
    "naive": lambda z, y: _naive(z.float(), y),
    "keeps the type": lambda z, y: F.cross_entropy(z, y),
    "labels only": lambda z, y: F.nll_loss(z.float().log_softmax(1), y),
    "hardens": lambda z, y: F.cross_entropy(z.float(), y if y.ndim == 1 else 0.9 * y + 0.025),
    "wrong sign": lambda z, y: -F.cross_entropy(z.float(), y),
    "no gradient": lambda z, y: F.cross_entropy(z.detach().float(), y),
}


class Wrapped(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, z, y):
        return LOSSES[self.kind](z, y)


@dataclass(frozen=True, kw_only=True)
class FakeLoss:
    """Builds one of `LOSSES`."""

    name: ClassVar[str] = "fake-loss"
    version: ClassVar[int] = 1
    kind: str = "good"

    def build(self, target, class_counts):
        assert len(class_counts) == len(target.labels)
        return LOSSES["good"] if self.kind == "no module" else Wrapped(self.kind)


def test_good_loss():
    assert failed(check_loss(FakeLoss())) == set()
    assert_loss(FakeLoss(), TargetSpec(name="x", kind="class", labels=("a", "b")))


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("no module", {"builds"}),
        ("sum", {"mean over batch"}),
        ("naive", {"extreme logits"}),
        ("keeps the type", {"float32"}),
        ("labels only", {"one-hot labels", "mixed labels"}),
        ("hardens", {"one-hot labels"}),
        ("wrong sign", {"prefers the label"}),
        ("no gradient", {"scalar", "extreme logits", "mixed labels"}),
    ],
)
def test_broken_loss(kind, broken):
    assert failed(check_loss(FakeLoss(kind=kind))) == broken
    with pytest.raises(AssertionError, match=f"FakeLoss.*breaks {len(broken)} of"):
        assert_loss(FakeLoss(kind=kind))


def test_loss_that_gives_a_value_for_each_segment():
    assert {"scalar", "extreme logits"} <= failed(check_loss(FakeLoss(kind="each")))


def test_check_records_whatever_is_raised():
    assert check("a", lambda: "fine") == CheckResult("a", True, "fine")
    assert check("a", lambda: require(1 == 1, "no")) == CheckResult("a", True, "")
    assert check("a", lambda: require(1 == 2, "no")) == CheckResult("a", False, "no")
    assert check("a", lambda: 1 // 0).detail.startswith("ZeroDivisionError")

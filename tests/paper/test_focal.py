"""Focal loss: the values and gradients of the paper's specification, and what training needs of it."""

from __future__ import annotations

import math

import pytest
import torch

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError
from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.testing.losses import assert_loss
from ser_toolkit_paper.focal import Focal

TARGET = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
COUNTS = (10, 20, 30, 40)


def value_and_gradient(loss: Focal, p: float) -> tuple[float, float]:
    """Loss of one segment whose label has probability p, the rest alike; gradient at the label's logit."""
    z = torch.tensor([[math.log(p), *[math.log((1 - p) / 3)] * 3]], dtype=torch.float64, requires_grad=True)
    value = loss.build(TARGET, COUNTS)(z, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(value, z)
    return value.item(), gradient[0, 0].item()


# p, target form (gradient), printed form (gradient), as far as the table of the specification gives digits
TABLE = [
    (0.05, 1.2200, -0.6309, 2.1998, -0.8508),
    (0.25, 0.2193, -0.3380, 0.8773, -0.4746),
    (0.50, 0.0217, -0.0590, 0.5231, -0.2201),
    (0.70, 0.00144, -0.0053, 0.3525, -0.1913),
    (0.90, 0.00001, -0.00002, 0.1380, -0.1139),
    (0.99, 0.0, 0.0, 0.0149, -0.0146),
]


@pytest.mark.parametrize(("p", "target", "target_gradient", "printed", "printed_gradient"), TABLE)
def test_table(p, target, target_gradient, printed, printed_gradient):
    assert value_and_gradient(Focal(), p) == pytest.approx((target, target_gradient), abs=6e-5)
    assert value_and_gradient(Focal(form="printed"), p) == pytest.approx((printed, printed_gradient), abs=6e-5)


@pytest.mark.parametrize("p", [0.001, 0.05, 0.25, 0.3, 0.5, 0.9, 0.999])
def test_closed_form(p):
    value, gradient = value_and_gradient(Focal(), p)
    assert value == pytest.approx(0.5 * (1 - p) ** 4 * -math.log(p), rel=1e-9)
    assert gradient == pytest.approx(0.5 * (1 - p) ** 4 * (4 * p * math.log(p) - (1 - p)), rel=1e-9)


def test_gradient_of_the_specification():
    assert value_and_gradient(Focal(), 0.3)[1] == pytest.approx(-0.257479, abs=5e-7)


def test_start_of_training():
    start = torch.zeros(5, 4), torch.tensor([0, 1, 2, 3, 0])
    assert Focal().build(TARGET, COUNTS)(*start).item() == pytest.approx(0.2193161, abs=5e-7)
    assert Focal(form="printed").build(TARGET, COUNTS)(*start).item() == pytest.approx(0.8772644, abs=5e-7)


def test_gamma_zero_is_cross_entropy():
    z, y = torch.randn(32, 4, generator=torch.Generator().manual_seed(0)) * 5, torch.arange(32) % 4
    z64, z32 = z.double().requires_grad_(), z.clone().requires_grad_()
    loss = Focal(alpha=1.0, gamma=0.0).build(TARGET, COUNTS)
    for logits in (z64, z32):
        ours, theirs = loss(logits, y), torch.nn.functional.cross_entropy(logits, y)
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)
        (a,), (b,) = torch.autograd.grad(ours, logits), torch.autograd.grad(theirs, logits)
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("form", ["target", "printed"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_gradcheck(form, gamma):
    loss = Focal(alpha=(0.1, 0.4, 0.2, 0.3), gamma=gamma, form=form).build(TARGET, COUNTS)
    z = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    soft = torch.softmax(torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)), dim=1)
    assert torch.autograd.gradcheck(loss, (z, torch.arange(6) % 4))
    assert torch.autograd.gradcheck(loss, (z, soft))


@pytest.mark.parametrize(("size", "value"), [(40.0, 20.549), (200.0, 100.549)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits(size, value, dtype):
    z = torch.zeros(2, 4, dtype=dtype)
    z[0, 0], z[1, 0] = -size, size  # hopeless, and certain
    z.requires_grad_()
    loss = Focal().build(TARGET, COUNTS)
    hopeless, certain = (loss(z[i : i + 1], torch.tensor([0])) for i in range(2))
    (gradient,) = torch.autograd.grad(hopeless + certain, z)
    assert hopeless.item() == pytest.approx(value, abs=1e-3)
    assert certain.item() == pytest.approx(0.0, abs=1e-12)
    assert gradient[0, 0].item() == pytest.approx(-0.5, abs=1e-6)
    assert gradient[0, 1:].tolist() == pytest.approx([1 / 6] * 3, abs=1e-6)
    assert gradient[1].abs().max().item() == pytest.approx(0.0, abs=1e-12)


def test_alpha_per_class():
    z, y = torch.randn(8, 4, generator=torch.Generator().manual_seed(3)), torch.arange(8) % 4
    alpha = (0.1, 0.2, 0.3, 0.4)
    singles = [Focal(alpha=a).build(TARGET, COUNTS)(z[y == i], y[y == i]) for i, a in enumerate(alpha)]
    together = Focal(alpha=alpha).build(TARGET, COUNTS)(z, y)
    torch.testing.assert_close(together, torch.stack(singles).mean())


def test_soft_labels_are_the_elementwise_form():
    z = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    y = torch.softmax(torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(5)), dim=1)
    p = z.softmax(1)
    target = (0.5 * (1 - p) ** 4 * y * -p.log()).sum(1).mean()
    printed = ((0.5 * (1 - p) ** 4).sum(1) * (y * -p.log()).sum(1)).mean()
    torch.testing.assert_close(Focal().build(TARGET, COUNTS)(z, y), target)
    torch.testing.assert_close(Focal(form="printed").build(TARGET, COUNTS)(z, y), printed)


def test_float32_under_autocast():
    z, y = torch.randn(8, 4, generator=torch.Generator().manual_seed(6)).bfloat16(), torch.arange(8) % 4
    loss = Focal().build(TARGET, COUNTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = loss(z, y)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, loss(z.float(), y))


def test_two_classes():
    loss = Focal().build(TargetSpec(name="x", kind="class", labels=("no", "yes")), (1, 1))
    value = loss(torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([0]))
    assert value.item() == pytest.approx(0.5 * 0.75**4 * -math.log(0.25))


@pytest.mark.parametrize(
    "loss", [Focal(), Focal(form="printed"), Focal(alpha=(1.0, 0.5, 0.25, 1.0), gamma=0.5), Focal(gamma=0.0)]
)
def test_contract(loss):
    assert_loss(loss)


def test_alphas_must_fit_the_labels():
    with pytest.raises(ConfigError, match=r"alpha has 3 entries for 4 labels \(anger, happiness"):
        Focal(alpha=(1.0, 1.0, 1.0)).build(TARGET, COUNTS)


@pytest.mark.parametrize(
    "target",
    [
        TargetSpec(name="arousal", kind="regression", labels=("arousal",)),
        TargetSpec(name="x", kind="class", labels=("one",)),
    ],
)
def test_refuses_other_targets(target):
    with pytest.raises(ComponentError, match="class target of at least two labels"):
        Focal().build(target, (1,))


@pytest.mark.parametrize(
    "config",
    [{"gamma": -1}, {"gamma": math.inf}, {"gamma": math.nan}, {"alpha": -0.1}, {"alpha": [0.5, -1]}, {"form": "lin"}],
)
def test_bad_configuration(config):
    with pytest.raises(ConfigError, match="focal"):
        create(Focal, config)


def test_configuration_from_json():
    made = create(Focal, {"alpha": [0.25, 0.5], "gamma": 2, "form": "printed"})
    assert made == Focal(alpha=(0.25, 0.5), gamma=2.0, form="printed")
    assert create(Focal, to_config(made)) == made
    assert to_config(Focal()) == {"alpha": 0.5, "gamma": 4.0, "form": "target"}

"""Contract of losses: what a training loop may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.testing.checks import CheckResult, assert_passed, check, check_component, require

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ser_toolkit.interfaces import Loss

__all__ = ["assert_loss", "check_loss"]

TARGET = TargetSpec(name="emotion", kind="class", labels=("anger", "happiness", "neutral", "sadness"))
"""Target that is checked with where none is given."""

DIMENSIONS = TargetSpec(name="dimensions", kind="regression", labels=("valence", "arousal", "dominance"))
"""Target that a loss of dimensions is checked with where none is given."""

TOLERANCE = 1e-5
"""Largest relative difference of two values that must be equal."""


def check_loss(loss: Loss, target: TargetSpec | None = None) -> list[CheckResult]:
    """Check that a loss keeps its contract.

    Parameters
    ----------
    loss : Loss
        The loss, configured.
    target : TargetSpec, optional
        By default four emotions if the loss takes classes, else `DIMENSIONS`.

    Returns
    -------
    list of CheckResult
        Component: frozen dataclass, JSON round trip, picklable. Loss: builds; a scalar; finite, with a finite gradient,
        at logits of 200 and -200; integer labels equal one-hot labels; mixed labels work; the mean over the batch;
        float32 for logits of bfloat16 and float16; lower where the label has the highest logit. Of a regression, see
        `ser_toolkit.testing.regression_losses`.
    """
    from ser_toolkit.testing.regression_losses import RegressionChecks

    target = target or (TARGET if _takes(loss, TARGET) or not _takes(loss, DIMENSIONS) else DIMENSIONS)
    checks = RegressionChecks(loss, target) if target.kind == "regression" else _Checks(loss, target)
    return [*check_component(loss), *checks.run()]


def _takes(loss: Loss, target: TargetSpec) -> bool:
    """Whether a loss is of the kind of a target."""
    try:
        loss.build(target, [10] * len(target.labels))
    except ComponentError:
        return False
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the checks will say
        return True
    return True


def assert_loss(loss: Loss, target: TargetSpec | None = None) -> None:
    """Raise an error that lists what `check_loss` finds broken.

    Parameters
    ----------
    loss : Loss
        The loss, configured.
    target : TargetSpec, optional
        As for `check_loss`.

    Raises
    ------
    AssertionError
        If a check fails.
    """
    assert_passed(loss, check_loss(loss, target))


class _Checks:
    """The checks on one loss; they need torch."""

    def __init__(self, loss: Loss, target: TargetSpec) -> None:
        self.loss, self.target, self.n = loss, target, len(target.labels)

    def run(self) -> list[CheckResult]:
        built = check("builds", self.build)
        if not built.passed:
            return [built]
        checks = {
            "scalar": self.scalar,
            "extreme logits": self.extreme,
            "one-hot labels": self.one_hot,
            "mixed labels": self.mixed,
            "mean over batch": self.mean,
            "float32": self.float32,
            "prefers the label": self.prefers,
        }
        return [built, *(check(name, function) for name, function in checks.items())]

    def build(self) -> None:
        import torch

        module = self.loss.build(self.target, [10 + i for i in range(self.n)])
        require(isinstance(module, torch.nn.Module), f"build returned {type(module).__name__}, no torch.nn.Module")
        self.module: nn.Module = module
        self.logits = 2.0 * torch.randn(4 * self.n, self.n, generator=torch.Generator().manual_seed(0))
        self.labels = torch.arange(4 * self.n) % self.n

    def value(self, logits: Tensor, labels: Tensor) -> float:
        return float(self.module(logits, labels).detach())

    def equal(self, a: float, b: float, message: str) -> None:
        require(abs(a - b) <= TOLERANCE * max(1.0, abs(b)), f"{message}: {a:.7g} and {b:.7g}")

    def scalar(self) -> None:
        result = self.module(self.logits.clone().requires_grad_(), self.labels)
        require(result.shape == (), f"shape {tuple(result.shape)}, not ()")
        require(result.requires_grad, "no gradient flows back from the result")

    def extreme(self) -> None:
        import torch

        for size in (40.0, -40.0, 200.0, -200.0):  # each class in turn, with each label
            logits = (size * torch.eye(self.n)).repeat_interleave(self.n, 0).requires_grad_()
            result = self.module(logits, torch.arange(self.n).repeat(self.n))
            (gradient,) = torch.autograd.grad(result, logits)
            require(result.isfinite(), f"{result.item()} at logits of {size:g}")
            require(gradient.isfinite().all(), f"a gradient that is not finite at logits of {size:g}")

    def one_hot(self) -> None:
        import torch

        soft = torch.nn.functional.one_hot(self.labels, self.n).float()
        self.equal(self.value(self.logits, soft), self.value(self.logits, self.labels), "one-hot and integer labels")

    def mixed(self) -> None:
        import torch

        logits = self.logits.clone().requires_grad_()
        result = self.module(logits, torch.full((len(logits), self.n), 1.0 / self.n))
        (gradient,) = torch.autograd.grad(result, logits)
        require(result.shape == () and result.isfinite(), f"gives {result}")
        require(gradient.isfinite().all(), "a gradient that is not finite")

    def mean(self) -> None:
        each = [self.value(self.logits[i : i + 1], self.labels[i : i + 1]) for i in range(len(self.labels))]
        self.equal(self.value(self.logits, self.labels), sum(each) / len(each), "a batch and the mean of its segments")

    def float32(self) -> None:
        import torch

        for half in (self.logits.bfloat16(), self.logits.half()):
            result = self.module(half, self.labels)
            require(result.dtype == torch.float32, f"{result.dtype} for logits of {half.dtype}")
            wanted = self.value(half.float(), self.labels)
            self.equal(float(result), wanted, f"logits of {half.dtype} and the same in float32")

    def prefers(self) -> None:
        import torch

        right = 3.0 * torch.nn.functional.one_hot(self.labels, self.n).float()
        good, bad = self.value(right, self.labels), self.value(right.roll(1, dims=1), self.labels)
        require(good < bad, f"{good:g} where the label has the highest logit, {bad:g} where another has")

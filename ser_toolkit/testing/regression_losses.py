"""Checks on losses of dimensions, for `ser_toolkit.testing.losses.check_loss`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.testing.checks import CheckResult, check, require

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ser_toolkit.interfaces import Loss

__all__ = ["RegressionChecks"]

TOLERANCE = 1e-5
"""Largest relative difference of two values that must be equal."""


class RegressionChecks:
    """The checks on one loss of a regression target; they need torch.

    A scalar with a gradient; finite, with a finite gradient, at values of 200 and -200 and for a single segment;
    ratings that are NaN have no influence, neither on the loss nor on the gradient of other values; 0 where nothing is
    rated; float32 for values of bfloat16 and float16; lower for the ratings themselves than for those of others.

    Parameters
    ----------
    loss : Loss
        The loss, configured.
    target : TargetSpec
        A regression target.
    """

    def __init__(self, loss: Loss, target: TargetSpec) -> None:
        self.loss, self.target, self.n = loss, target, len(target.labels)

    def run(self) -> list[CheckResult]:
        """All checks; the later ones only for a loss that can be built."""
        built = check("builds", self.build)
        if not built.passed:
            return [built]
        checks = {
            "scalar": self.scalar,
            "extreme values": self.extreme,
            "single segment": self.single,
            "missing ratings": self.missing,
            "nothing rated": self.nothing,
            "float32": self.float32,
            "prefers the rating": self.prefers,
        }
        return [built, *(check(name, function) for name, function in checks.items())]

    def build(self) -> None:
        """Build it, and make values and ratings."""
        import torch

        module = self.loss.build(self.target, [10 + i for i in range(self.n)])
        require(isinstance(module, torch.nn.Module), f"build returned {type(module).__name__}, no torch.nn.Module")
        self.module: nn.Module = module
        generator = torch.Generator().manual_seed(0)
        self.ratings = 2.0 * torch.rand(16, self.n, generator=generator) - 1.0
        self.values = 0.5 * self.ratings + 0.5 * torch.randn(16, self.n, generator=generator)

    def gradient(self, values: Tensor, ratings: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and its gradient by the values."""
        import torch

        asked = values.clone().requires_grad_()
        result: Tensor = self.module(asked, ratings)
        (found,) = torch.autograd.grad(result, asked)
        return result.detach(), found

    def scalar(self) -> None:
        """One number that can be learnt from."""
        result = self.module(self.values.clone().requires_grad_(), self.ratings)
        require(result.shape == (), f"shape {tuple(result.shape)}, not ()")
        require(result.requires_grad, "no gradient flows back from the result")

    def extreme(self) -> None:
        """Values far off, and values that are all alike."""
        for size in (200.0, -200.0, 0.0):
            for values in (size * self.ratings.sign(), self.ratings * 0.0 + size):
                result, found = self.gradient(values, self.ratings)
                require(result.isfinite(), f"{result.item()} at values of {size:g}")
                require(found.isfinite().all(), f"a gradient that is not finite at values of {size:g}")

    def single(self) -> None:
        """A batch of one."""
        result, found = self.gradient(self.values[:1], self.ratings[:1])
        require(result.isfinite() and found.isfinite().all(), f"gives {result.item()}, gradient {found.tolist()}")

    def missing(self) -> None:
        """A rating that is not there is as if its segment were not there."""
        import torch

        holed = self.ratings.clone()
        holed[::3] = torch.nan
        kept = ~holed[:, 0].isnan()
        found, gradient = self.gradient(self.values, holed)
        alone, wanted = self.gradient(self.values[kept], self.ratings[kept])
        a, b = float(found), float(alone)
        require(abs(a - b) <= TOLERANCE * max(1.0, abs(b)), f"{a:.7g} with segments that nobody rated, {b:.7g} without")
        require(not gradient[~kept].any(), "a gradient reaches values that have no rating")
        require(torch.allclose(gradient[kept], wanted, atol=TOLERANCE), "the gradient depends on what is not rated")
        single = self.ratings.clone()
        single[5, 0] = torch.nan
        result, gradient = self.gradient(self.values, single)
        require(result.isfinite() and gradient.isfinite().all(), "not finite where one rating of a segment is missing")
        require(not gradient[5, 0].any(), "a gradient reaches the one value that has no rating")

    def nothing(self) -> None:
        """Nothing is rated, and nothing is learnt."""
        result, gradient = self.gradient(self.values, self.ratings * float("nan"))
        require(float(result) == 0.0 and not gradient.any(), f"gives {result.item()} where nothing is rated, not 0")

    def float32(self) -> None:
        """Computed in float32 whatever comes."""
        import torch

        for half in (self.values.bfloat16(), self.values.half()):
            result = self.module(half, self.ratings)
            require(result.dtype == torch.float32, f"{result.dtype} for values of {half.dtype}")
            a, b = float(result), float(self.module(half.float(), self.ratings))
            require(abs(a - b) <= TOLERANCE * max(1.0, abs(b)), f"{a:.7g} for {half.dtype}, {b:.7g} for float32")

    def prefers(self) -> None:
        """Lower where the values are right."""
        good, bad = (float(self.module(x, self.ratings)) for x in (self.ratings, self.ratings.roll(1, dims=0)))
        require(good < bad, f"{good:g} where all values are right, {bad:g} where they are those of other segments")

"""The losses of `ser_toolkit_paper.focal`, `.cross_entropy`, `.mse` and `.ccc` in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CccLoss", "CrossEntropyLoss", "FocalLoss", "MseLoss"]

_TINY = 1e-8  # keeps the concordance of values that are all alike finite


class FocalLoss(nn.Module):
    """Mean focal loss of a batch, from logits.

    Parameters
    ----------
    alpha : sequence of float
        Factor per class.
    gamma : float
        Focus, 0 or more.
    form : {"target", "printed"}
        Factor of each class by itself, or summed over all; see `ser_toolkit_paper.focal.Focal`.
    """

    alpha: Tensor

    def __init__(self, alpha: Sequence[float], *, gamma: float, form: Literal["target", "printed"]) -> None:
        super().__init__()
        self.register_buffer("alpha", torch.tensor(alpha, dtype=torch.float32), persistent=False)
        self.gamma, self.form = gamma, form

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K), with labels (B,) or label distributions (B, K), to a scalar."""
        z, y = _in_float32(logits, target)
        log_p = z.log_softmax(1)  # (B, K)
        own = torch.eye(z.shape[1], dtype=torch.bool, device=z.device)  # (K, K)
        others = z[:, None, :].masked_fill(own, -torch.inf)  # (B, K, K): for each class, the logits of the rest
        log_not_p = others.logsumexp(2) - z.logsumexp(1, keepdim=True)  # (B, K): log(1 - p)
        factor = self.alpha.to(z.dtype) * (self.gamma * log_not_p).exp()  # (B, K): alpha (1 - p)^gamma
        if self.form == "printed":
            factor = factor.sum(1, keepdim=True)  # (B, 1)
        return (factor * y * -log_p).sum(1).mean()


class CrossEntropyLoss(nn.Module):
    """Mean weighted cross entropy of a batch, from logits.

    Parameters
    ----------
    weight : sequence of float
        Weight per class.
    label_smoothing : float
        Share of each label spread over all classes.
    """

    weight: Tensor

    def __init__(self, weight: Sequence[float], *, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float32), persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Logits (B, K), with labels (B,) or label distributions (B, K), to a scalar."""
        z, y = _in_float32(logits, target)
        y = y * (1.0 - self.label_smoothing) + self.label_smoothing / z.shape[1]
        return (self.weight.to(z.dtype) * y * -z.log_softmax(1)).sum(1).mean()


def _in_float32(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and label distribution, both (B, K), in float32; float64 stays for those who ask for it."""
    z = logits if logits.dtype == torch.float64 else logits.float()
    if target.ndim == 1:
        target = nn.functional.one_hot(target, z.shape[1])
    return z, target.to(z.dtype)


class MseLoss(nn.Module):
    """Mean squared error over all ratings of a batch."""

    def forward(self, values: Tensor, ratings: Tensor) -> Tensor:
        """Values (B, K), with ratings (B, K) that are NaN where nobody rated, to a scalar."""
        x, y, rated = _rated(values, ratings)
        return ((x - y).square() * rated).sum() / rated.sum().clamp(min=1.0)


class CccLoss(nn.Module):
    """One minus the concordance of a batch, averaged over the dimensions that are rated in it."""

    def forward(self, values: Tensor, ratings: Tensor) -> Tensor:
        """Values (B, K), with ratings (B, K) that are NaN where nobody rated, to a scalar."""
        x, y, rated = _rated(values, ratings)
        n = rated.sum(0).clamp(min=1.0)  # (K,)
        mean_x, mean_y = (x * rated).sum(0) / n, (y * rated).sum(0) / n
        dx, dy = (x - mean_x) * rated, (y - mean_y) * rated  # (B, K)
        spread = (dx.square().sum(0) + dy.square().sum(0)) / n + (mean_x - mean_y).square()
        concordance = 2.0 * (dx * dy).sum(0) / n / (spread + _TINY)  # (K,)
        there = rated.amax(0)
        return ((1.0 - concordance) * there).sum() / there.sum().clamp(min=1.0)


def _rated(values: Tensor, ratings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values, ratings and where there is one, all (B, K), in float32; a rating that is not there counts as 0."""
    x = values if values.dtype == torch.float64 else values.float()
    y = ratings.to(x.dtype)
    rated = ~y.isnan()
    return x, torch.where(rated, y, torch.zeros_like(y)), rated.to(x.dtype)

"""Tables of the parent package as tensors, and products with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["product", "table"]


def table(values: NDArray[np.generic], like: torch.Tensor, *, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Copy of an array on the device of `like`, in its own type or in `dtype`."""
    data: Any = values
    return torch.tensor(data, device=like.device, dtype=dtype)


def product(values: torch.Tensor, factors: NDArray[np.generic]) -> torch.Tensor:
    """Matrix product with a table, in the type of `values`.

    Parameters
    ----------
    values : Tensor, shape (..., n)
        Any float type.
    factors : ndarray, shape (n, m) or (n,)
        The table.

    Returns
    -------
    Tensor, shape (..., m) or (...,)
        On CUDA computed in float64: whether float32 products keep their 24 bits there (TF32) is a setting of the
        program around.
    """
    exact = torch.float64 if values.is_cuda else values.dtype
    return (values.to(exact) @ table(factors, values, dtype=exact)).to(values.dtype)

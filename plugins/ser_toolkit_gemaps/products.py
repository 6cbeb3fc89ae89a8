"""Sums of products that the compiler may reorder, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numba import njit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["inner"]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def inner(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Inner product in float64 of two arrays of shape (n,): several sums side by side, added last."""
    total = 0.0
    for i in range(len(x)):
        total += float(x[i]) * float(y[i])
    return total

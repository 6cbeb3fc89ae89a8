"""Probabilities of windows averaged with those of their neighbours in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ser_toolkit.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["smooth"]

_Float = TypeVar("_Float", bound="np.floating[Any]")


def smooth(
    probabilities: NDArray[_Float], starts_s: NDArray[Any], ends_s: NDArray[Any], *, width_s: float
) -> NDArray[_Float]:
    """Weighted mean over the windows around each window.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n_windows, n_labels)
        Rows sum to 1.
    starts_s, ends_s : ndarray of float64, shape (n_windows,)
        Places of the windows in the recording in seconds; their centres rise.
    width_s : float
        Windows count whose centres are within half of this from the centre of the window, in seconds, 0 or more.
        Up to twice the hop it changes nothing.

    Returns
    -------
    ndarray, shape (n_windows, n_labels)
        Of the same type; rows sum to 1. A row that no other window is near to is the row that went in. Costs time in
        proportion to the number of windows times that of the neighbours within the width.

    Raises
    ------
    ConfigError
        If `width_s` is negative or not finite.

    Notes
    -----
    The weight falls in a straight line from 1 at the centre to 0 at half the width. So the result does not jump when
    a window enters or leaves the width, a change of emotion keeps its place, and an emotion that alternates with
    another is evened out but never turned into the other: the transform of a triangle, unlike that of a rectangle,
    is nowhere negative. Windows beyond a silent part weigh by their distance in time, like any others.
    """
    if not math.isfinite(width_s) or width_s < 0:
        raise ConfigError(f"the width of smoothing is {width_s!r}; it takes seconds, 0 or more (0: not smoothed)")
    half_s = width_s / 2
    centre_s = (np.asarray(starts_s, dtype=np.float64) + np.asarray(ends_s, dtype=np.float64)) / 2
    values = np.asarray(probabilities, dtype=np.float64)
    total, weights = values.copy(), np.ones(len(values))
    for lag in range(1, len(values)):
        apart_s = centre_s[lag:] - centre_s[:-lag]
        near = np.flatnonzero(apart_s < half_s)
        if not len(near):
            break
        weight = 1 - apart_s[near] / half_s
        # indices are distinct, so that += adds every one
        weights[near] += weight
        weights[near + lag] += weight
        total[near] += weight[:, None] * values[near + lag]
        total[near + lag] += weight[:, None] * values[near]
    return (total / weights[:, None]).astype(probabilities.dtype)

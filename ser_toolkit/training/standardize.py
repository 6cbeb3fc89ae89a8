"""z-scores of features, fitted on training windows; numbers that end up as constants of the exported graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.training.store import FeatureStore

__all__ = ["CLIP", "Standardization", "fit_standardization"]

CLIP = 10.0
"""Standardized values are clipped to [-CLIP, CLIP]."""

_EPS = 1e-8


@dataclass(frozen=True, kw_only=True)
class Standardization:
    """Mean and inverse deviation of one feature, shaped to broadcast over a segment.

    Parameters
    ----------
    mean, scale : ndarray of float32
        The size of the feature's axes, 1 along its "frame" axes. ``scale`` is 1 / standard deviation, and 0
        where the training data are constant, so that such entries become 0.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardize segments of any batch shape."""
        return np.asarray(np.clip((x - self.mean) * self.scale, -CLIP, CLIP), dtype=np.float32)


def fit_standardization(
    store: FeatureStore, windows: NDArray[np.int64], specs: Mapping[str, FeatureSpec]
) -> dict[str, Standardization]:
    """Statistics of the training windows, in float64, pooled over windows and "frame" axes.

    Parameters
    ----------
    store : FeatureStore
        All windows.
    windows : ndarray of int64
        The training windows; at least one.
    specs : mapping of str to FeatureSpec
        Shapes and axes.

    Returns
    -------
    dict
        Input name to `Standardization`.
    """
    result = {}
    for key, spec in specs.items():
        pooled = tuple(i for i, axis in enumerate(spec.axes) if axis == "frame" or spec.shape[i] is None)
        count, total, square = 0, np.zeros(()), np.zeros(())
        shift = store.get(key, int(windows[0])).astype(np.float64).mean(axis=pooled, keepdims=True)
        for window in windows.tolist():
            x = store.get(key, window).astype(np.float64) - shift
            count += int(np.prod([x.shape[i] for i in pooled], dtype=np.int64))
            total = total + x.sum(axis=pooled, keepdims=True)
            square = square + (x**2).sum(axis=pooled, keepdims=True)
        mean = total / count
        deviation = np.sqrt(np.maximum(square / count - mean**2, 0.0))
        varies = deviation > _EPS * np.maximum(1.0, np.abs(mean + shift))
        scale = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
        result[key] = Standardization(mean=(mean + shift).astype(np.float32), scale=scale.astype(np.float32))
    return result

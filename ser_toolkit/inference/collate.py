"""Windows to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureSpec

__all__ = ["collate"]


def collate(
    rows: Mapping[str, Sequence[NDArray[np.float32]]], specs: Mapping[str, FeatureSpec]
) -> dict[str, NDArray[Any]]:
    """Stack the features of several windows; pad those whose shape varies with zeros and add their lengths.

    Parameters
    ----------
    rows : mapping of str to sequence of ndarray
        Input name to one array per window.
    specs : mapping of str to FeatureSpec
        Shapes.

    Returns
    -------
    dict
        Input name to float32 (batch, *shape), ``<name>_length`` to int64 (batch,).
    """
    batch: dict[str, NDArray[Any]] = {}
    for key, spec in specs.items():
        arrays = rows[key]
        if not spec.varies:
            batch[key] = np.stack(arrays)
            continue
        shape = np.max([a.shape for a in arrays], axis=0)
        padded = np.zeros((len(arrays), *shape), dtype=np.float32)
        for i, a in enumerate(arrays):
            padded[i][tuple(slice(n) for n in a.shape)] = a
        batch[key] = padded
        axis = spec.shape.index(None)
        batch[f"{key}_length"] = np.array([a.shape[axis] for a in arrays], dtype=np.int64)
    return batch

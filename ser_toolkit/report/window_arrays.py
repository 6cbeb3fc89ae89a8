"""Windows of a recording as arrays, whichever way a result holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.report.results import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.report.results import WindowResult

__all__ = ["as_windows", "predicted"]


def as_windows(windows: Sequence[WindowResult], *, labels: Sequence[str], dimensions: Sequence[str] = ()) -> Windows:
    """The same windows as arrays.

    Parameters
    ----------
    windows : sequence of WindowResult
        Of one recording, in order; `Windows` come back as they are.
    labels : sequence of str
        Emotions of the model.
    dimensions : sequence of str, optional
        Dimensions of the model.

    Returns
    -------
    Windows
        Probabilities are float64 if `windows` held none as an array. Smoothed only if all of them are. Prediction
        sets of single `WindowResult` are not taken along, since they are no array.
    """
    if isinstance(windows, Windows):
        return windows
    smoothed = [w.smoothed for w in windows if w.smoothed is not None]
    return Windows(
        labels=tuple(labels),
        starts_s=np.array([w.start_s for w in windows], dtype=np.float64),
        ends_s=np.array([w.end_s for w in windows], dtype=np.float64),
        probabilities=_table([w.probabilities for w in windows], labels),
        smoothed=_table(smoothed, labels) if windows and len(smoothed) == len(windows) else None,
        min_confidence=windows[0].min_confidence if windows else 0.0,
        dimensions=tuple(dimensions),
        values=_table([w.dimensions for w in windows], dimensions) if dimensions else None,
    )


def predicted(probabilities: NDArray[Any], *, min_confidence: float) -> NDArray[np.int64]:
    """What is predicted in each row, as `WindowResult.predicted`.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, n_labels)
        Rows sum to 1.
    min_confidence : float
        See `ser_toolkit.report.results.FileResult`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions in ``(*labels, UNCERTAIN)``: of the likeliest label, or n_labels.
    """
    below = probabilities.max(axis=1).astype(np.float64) < min_confidence
    return np.asarray(np.where(below, probabilities.shape[1], probabilities.argmax(axis=1)), dtype=np.int64)


def _table(rows: Sequence[dict[str, float]], labels: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[row[label] for label in labels] for row in rows], dtype=np.float64).reshape(-1, len(labels))

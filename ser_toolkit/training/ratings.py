"""Ratings of utterances: their scales, and how a network learns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ManifestError
from ser_toolkit.recipe import Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.training.settings import TargetsConfig

__all__ = ["from_unit", "in_units", "ratings_of", "scales_of", "to_unit"]


def ratings_of(utterances: Sequence[Utterance], dimensions: Sequence[str]) -> NDArray[np.float64]:
    """Ratings as the manifest has them.

    Parameters
    ----------
    utterances : sequence of Utterance
        Labelled.
    dimensions : sequence of str
        ``"valence"``, ``"arousal"``, ``"dominance"``.

    Returns
    -------
    ndarray of float64, shape (n_utterances, n_dimensions)
        NaN where nobody rated.
    """
    rows = [[getattr(u, name) for name in dimensions] for u in utterances]
    return np.array(rows, dtype=np.float64).reshape(len(utterances), len(dimensions))


def scales_of(utterances: Sequence[Utterance], config: TargetsConfig | None) -> dict[str, Scale]:
    """Scales of the dimensions that are to be learnt.

    Parameters
    ----------
    utterances : sequence of Utterance
        All that are learnt from or tested on: like labels, scales are those of the data set, not of a part of it.
    config : TargetsConfig or None
        ``dimensions`` and ``range``.

    Returns
    -------
    dict of str to Scale
        By dimension: the range that is given, or the least and greatest rating.

    Raises
    ------
    ManifestError
        If a dimension has no ratings, all ratings are the same, or one is outside the range that was given.
    """
    found: dict[str, Scale] = {}
    for name in config.dimensions if config else ():
        values = ratings_of(utterances, (name,))
        if np.isnan(values).all():
            raise ManifestError(
                f"targets.dimensions: no recording has a rating of {name}: the manifest needs a column {name!r} with "
                "numbers, for some recordings at least"
            )
        least, greatest = float(np.nanmin(values)), float(np.nanmax(values))
        low, high = config.range.get(name, (least, greatest)) if config else (least, greatest)
        if least < low or greatest > high:
            raise ManifestError(
                f"targets.range.{name} is {low:g} to {high:g}, but the manifest has ratings from {least:g} to "
                f"{greatest:g}"
            )
        if not low < high:
            raise ManifestError(f"all ratings of {name} are {least:g}: there is nothing to be learnt")
        found[name] = Scale(low=low, high=high)
    return found


def to_unit(ratings: NDArray[np.float64], scales: Sequence[Scale]) -> NDArray[np.float32]:
    """What a network learns: -1 at the low end of each scale, 1 at the high one; (n, n_dimensions), NaN stays NaN."""
    centre, half = _line(scales)
    return np.asarray((ratings - centre) / half, dtype=np.float32)


def from_unit(values: NDArray[np.floating[Any]], scales: Sequence[Scale]) -> NDArray[np.float64]:
    """What a network says, in the units of the ratings and cut off at the ends of the scales; as the graph does it."""
    centre, half = _line(scales)
    return np.asarray(centre + half * np.clip(np.asarray(values, dtype=np.float64), -1.0, 1.0))


def in_units(outputs: NDArray[np.float32], scales: Sequence[Scale]) -> NDArray[np.floating[Any]]:
    """Outputs of a network, (n, n_classes + n_dimensions), with values of dimensions in the units of the ratings."""
    if not scales:
        return outputs
    logits, values = np.split(outputs, [outputs.shape[1] - len(scales)], axis=1)
    return np.concatenate([logits, from_unit(values, scales)], axis=1)


def _line(scales: Sequence[Scale]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([s.centre for s in scales]), np.array([s.half for s in scales])

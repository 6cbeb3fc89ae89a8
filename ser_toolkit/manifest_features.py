"""Features that come from a column of the manifest, such as the phonemes that were spoken, and not from sound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.interfaces import ColumnFeatureExtractor, FeatureSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.interfaces import FeatureExtractor

__all__ = ["cells_of", "columns_of", "of_utterance", "refuse_columns"]


def columns_of(features: FeatureSet) -> dict[str, str]:
    """Columns of the manifest that features read.

    Parameters
    ----------
    features : FeatureSet
        Any extractors.

    Returns
    -------
    dict
        Input name to column; empty for most.
    """
    return {key: e.column for key, e in features.extractors.items() if isinstance(e, ColumnFeatureExtractor)}


def cells_of(features: FeatureSet, utterance: Utterance) -> dict[str, str]:
    """What the columns that features read say of an utterance.

    Parameters
    ----------
    features : FeatureSet
        Any extractors.
    utterance : Utterance
        From a manifest.

    Returns
    -------
    dict
        Input name to cell; empty for most features.

    Raises
    ------
    ConfigError
        If the manifest does not have a column.
    """
    columns = columns_of(features)
    for key, column in columns.items():
        if column not in utterance.columns:
            there = ", ".join(map(repr, utterance.columns)) or "none"
            raise ConfigError(
                f"the feature {key!r} reads the column {column!r}, which the manifest of {utterance.key!r} does not "
                f"have; columns that mean nothing else: {there}. Name another, features.{key}.column, or leave the "
                "feature out"
            )
    return {key: utterance.columns[column] for key, column in columns.items()}


def of_utterance(features: FeatureSet, utterance: Utterance) -> FeatureSet:
    """The features of one utterance.

    Parameters
    ----------
    features : FeatureSet
        Any extractors.
    utterance : Utterance
        Whose cells are read.

    Returns
    -------
    FeatureSet
        `features` itself where nothing is read; else with extractors that give what the cells say, whatever they hear.

    Raises
    ------
    ConfigError
        As `cells_of`.
    """
    cells = cells_of(features, utterance)
    if not cells:
        return features
    extractors = dict(features.extractors)
    for key, cell in cells.items():
        one = _Cell(extractor=cast("ColumnFeatureExtractor", extractors[key]), cell=cell)
        extractors[key] = cast("FeatureExtractor", one)
    return replace(features, extractors=extractors)


def refuse_columns(features: FeatureSet, name: str) -> None:
    """Refuse recordings without a manifest for a model that reads one.

    Parameters
    ----------
    features : FeatureSet
        Of the model.
    name : str
        Of the model, for the message.

    Raises
    ------
    ModelError
        If a feature reads a column.
    """
    for key, column in columns_of(features).items():
        raise ModelError(
            f"{name} reads the column {column!r} of a manifest (its input {key!r}), and recordings alone do not have "
            "one: `ser-toolkit evaluate MANIFEST --model` asks it about the recordings of a manifest"
        )


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """What an extractor makes of one cell, in place of an extractor of sound."""

    extractor: ColumnFeatureExtractor
    cell: str
    context_s: float = 0.0

    @property
    def name(self) -> str:
        return self.extractor.name

    @property
    def version(self) -> int:
        return self.extractor.version

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        return self.extractor.spec(n_samples, sr)

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        return self.extractor.of_cell(self.cell)

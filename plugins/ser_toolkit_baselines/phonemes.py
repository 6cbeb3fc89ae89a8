"""The phonemes of an utterance, from a column of the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import MinLen

from ser_toolkit.errors import ComponentError
from ser_toolkit.interfaces import FeatureSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ARPABET", "Phonemes"]

ARPABET = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)
"""The 39 phonemes of the CMU pronouncing dictionary."""

STRESS = "012"
"""Digits that may follow a vowel there; they are left out where the inventory has none."""


@dataclass(frozen=True, kw_only=True)
class Phonemes:
    """What was said, a row per phoneme: 1 in the column of that phoneme, 0 elsewhere.

    Parameters
    ----------
    column : str
        Of the manifest. A cell holds symbols between spaces: ``"HH AH0 L OW1"``.
    inventory : tuple of str
        All symbols, in the order of the columns.

    Notes
    -----
    An empty cell, and a recording without a manifest, is a single row of zeros. All windows of an utterance get all of
    its phonemes: the cell does not say when they were spoken.

    References
    ----------
    Yenigalla, Kumar, Tripathi, Singh, Kar, Vepa, "Speech emotion recognition using spectrogram and phoneme embedding",
    Interspeech 2018.
    """

    name: ClassVar[str] = "phonemes"
    version: ClassVar[int] = 1
    context_s: ClassVar[float] = 0.0

    column: Annotated[str, MinLen(1)] = "phonemes"
    inventory: Annotated[tuple[str, ...], MinLen(1)] = ARPABET

    def spec(self, n_samples: int | None, sr: int) -> FeatureSpec:
        """Shape ``(None, 39)``: a row per phoneme, of which there are as many as were spoken."""
        return FeatureSpec(shape=(None, len(self.inventory)), axes=("phoneme", "symbol"), unit="1")

    def of_cell(self, cell: str) -> NDArray[np.float32]:
        """Rows of the symbols of a cell.

        Parameters
        ----------
        cell : str
            Symbols between spaces; may be empty.

        Returns
        -------
        ndarray of float32, shape (n_phonemes, n_symbols)
            At least one row.

        Raises
        ------
        ComponentError
            If a symbol is not in the inventory.
        """
        position = {symbol: i for i, symbol in enumerate(self.inventory)}
        symbols = [s if s in position else s.rstrip(STRESS) for s in cell.split()]
        if unknown := [s for s in symbols if s not in position]:
            raise ComponentError(
                f"the column {self.column!r} has {unknown[0]!r}, which is none of the {len(position)} phonemes of the "
                f"inventory ({', '.join(self.inventory[:5])}, ...): give them all as `inventory`"
            )
        rows = np.zeros((max(1, len(symbols)), len(self.inventory)), dtype=np.float32)
        for i, symbol in enumerate(symbols):
            rows[i, position[symbol]] = 1.0
        return rows

    def __call__(self, y: NDArray[np.float32], sr: int) -> NDArray[np.float32]:
        """A row of zeros, float32 (1, n_symbols): sound alone does not say."""
        return self.of_cell("")

"""Rows of the pipeline on their way between the processes of a cluster: packed into two Arrow columns."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Parcel", "packed", "unpacked"]


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A row, and what its process has to say.

    Parameters
    ----------
    row : dict
        As `ser_toolkit.inference.columns.Batch` describes.
    seconds : dict of str to float
        Time that was spent in each stage since the last parcel of this process.
    said : tuple of str
        For people.
    device : str
        Where the network ran, if it did.
    """

    row: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    device: str = ""


def packed(parcels: Sequence[Parcel]) -> pyarrow.Table:
    """Parcels as a table with the columns ``index`` (int64, of the file) and ``parcel`` (bytes)."""
    import pyarrow

    data = [pickle.dumps(parcel, protocol=5) for parcel in parcels]
    return pyarrow.table(
        {
            "index": pyarrow.array([parcel.row["index"] for parcel in parcels], pyarrow.int64()),
            "parcel": pyarrow.array(data, pyarrow.large_binary()),
        }
    )


def unpacked(table: pyarrow.Table) -> Iterator[Parcel]:
    """Parcels of a table that this run made: what arrives from elsewhere is never opened here."""
    for value in table.column("parcel"):
        yield pickle.loads(value.as_buffer())

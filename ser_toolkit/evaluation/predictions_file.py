"""Predictions as one Parquet file that anybody may have written: windows as rows, utterances as JSON in its metadata.

Everything is checked before it is used, so that what is read can be scored: an owner out of range or a temperature of
zero would otherwise surface much later, as another error or as a wrong number.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ser_toolkit.components import describe
from ser_toolkit.data import atomic
from ser_toolkit.data.files import display_path
from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.predictions import Item, Predictions
from ser_toolkit.untrusted_json import parse

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["read_predictions", "write_predictions"]

_KEY = b"ser_toolkit.predictions"

_MAX_CHARACTERS = 200_000_000
_MAX_DEPTH = 5
_MAX_NUMBERS = 500_000_000
_LARGEST = 1e300
"""A logit above this would overflow when it is divided by the temperature."""

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Item)}


class _About(BaseModel):
    """The metadata: all that is no number per window."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1]
    labels: Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(max_length=1000)]
    dimensions: Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(max_length=1000)] = ()
    protocol: str
    alpha: Annotated[float, Field(gt=0, lt=1, strict=True)] | None
    notes: tuple[str, ...]
    items: tuple[Item, ...]

    @model_validator(mode="after")
    def _items_suit_the_labels(self) -> _About:
        for names in (self.labels, self.dimensions):
            if len(set(names)) != len(names):
                raise ValueError(f"labels repeat: {list(names)[:10]}")
        if not self.labels and not self.dimensions:
            raise ValueError("there are neither labels nor dimensions")
        known = frozenset(self.labels)
        for i, item in enumerate(self.items):
            if len(item.ratings) not in (0, len(self.dimensions)):
                raise ValueError(f"items.{i} has {len(item.ratings)} ratings for {len(self.dimensions)} dimensions")
            if known and item.emotion not in known:
                raise ValueError(f"the emotion of items.{i} is {item.emotion[:60]!r}, which is none of the labels")
            if len(item.thresholds) not in (0, len(self.labels)):
                raise ValueError(f"items.{i} has {len(item.thresholds)} thresholds for {len(self.labels)} labels")
        return self


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions.

    Parameters
    ----------
    predictions : Predictions
        What models said.
    path : Path
        Parquet file; replaced if it is there.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {
        "format": 1,
        "labels": predictions.labels,
        **({"dimensions": predictions.dimensions} if predictions.dimensions else {}),
        "protocol": predictions.protocol,
        "alpha": predictions.alpha,
        "notes": predictions.notes,
        "items": [{k: v for k, v in vars(item).items() if v != _DEFAULTS.get(k)} for item in predictions.items],
    }
    numbers = np.asarray(predictions.logits, dtype=np.float64)
    if predictions.values is not None:
        numbers = np.concatenate([numbers, predictions.values], axis=1)
    arrays = [pa.array(np.asarray(predictions.owner, dtype=np.int64)), *(pa.array(column) for column in numbers.T)]
    table = pa.table(arrays, names=_columns(predictions.labels, predictions.dimensions))
    with atomic.replacing(path) as temporary:
        table = table.replace_schema_metadata({_KEY: json.dumps(about).encode("ascii")})
        pq.write_table(table, temporary, write_page_checksum=True)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote, or anybody else.

    Parameters
    ----------
    path : Path
        Parquet file.

    Returns
    -------
    Predictions
        Checked: every utterance has a label of the table, a temperature above 0 and thresholds that fit; every window
        an utterance, in ascending order, and finite logits.

    Raises
    ------
    ModelError
        If the file is missing, or holds anything else; names the file and what is wrong, in one line.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            about = _about((file.schema_arrow.metadata or {}).get(_KEY))
            _check_columns(file.schema_arrow, file.metadata.num_rows, _columns(about.labels, about.dimensions))
            table = file.read()
        if any(column.null_count for column in table.columns):
            raise ValueError("a window has no value in a column")
        owner = table["item"].to_numpy().astype(np.int64)
        names = _columns(about.labels, about.dimensions)[1:]
        numbers = np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.float64)
        _check_windows(owner, numbers, len(about.items))
        logits, values = np.split(numbers, [len(about.labels)], axis=1)
    except ValidationError as error:
        raise _refusal(path, describe(error)) from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _refusal(path, str(error)) from error
    return Predictions(
        labels=about.labels,
        protocol=about.protocol,
        items=about.items,
        owner=owner,
        logits=logits,
        alpha=about.alpha,
        notes=about.notes,
        dimensions=about.dimensions,
        values=values if about.dimensions else None,
    )


def _refusal(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path}: no predictions of ser-toolkit: {display_path(reason)}")


def _columns(labels: tuple[str, ...], dimensions: tuple[str, ...]) -> list[str]:
    return ["item", *(f"logit_{i}" for i in range(len(labels))), *(f"value_{i}" for i in range(len(dimensions)))]


def _about(text: bytes | None) -> _About:
    if text is None:
        raise ValueError(f"its metadata has no {_KEY.decode()!r}")
    data = parse(text, what="its metadata", max_characters=_MAX_CHARACTERS, max_depth=_MAX_DEPTH)
    return _About.model_validate(data)


def _check_columns(schema: pa.Schema, n_rows: int, wanted: list[str]) -> None:
    import pyarrow as pa

    if schema.names != wanted:
        raise ValueError(f"its columns are {schema.names[:10]}, not {wanted[:10]}")
    if schema.types[0] != pa.int64() or not all(pa.types.is_floating(kind) for kind in schema.types[1:]):
        raise ValueError(f"its columns are of the types {', '.join(map(str, schema.types[:10]))}; logits are numbers")
    if n_rows * len(wanted) > _MAX_NUMBERS:
        raise ValueError(f"it has {n_rows:,} windows; no real one has over {_MAX_NUMBERS // len(wanted):,}")


def _check_windows(owner: NDArray[np.int64], logits: NDArray[np.float64], n_items: int) -> None:
    if len(owner) and (owner[0] < 0 or owner[-1] >= n_items):
        raise ValueError(f"windows belong to items {owner[0]} to {owner[-1]}, but there are {n_items} items")
    if (np.diff(owner) < 0).any():
        raise ValueError("its windows are not in the order of the items")
    if not (np.abs(logits) <= _LARGEST).all():
        raise ValueError("a logit is not a finite number")

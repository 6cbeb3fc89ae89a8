"""What a compressed model says of itself: a part of its metadata beside the recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError

from ser_toolkit.components import describe
from ser_toolkit.data.files import display_path
from ser_toolkit.errors import RecipeError
from ser_toolkit.inference.session import open_session
from ser_toolkit.recipe_part import Part, Text
from ser_toolkit.untrusted_json import parse

if TYPE_CHECKING:
    from ser_toolkit.inference.session import Session

__all__ = ["METADATA_KEY", "Mark", "Method", "Precision", "mark_of", "read_mark"]

METADATA_KEY = "ser_toolkit.compression"
"""Key in the metadata of an ONNX file; models that were not compressed have none."""

Method = Literal["int8", "fp16", "prune"]
Precision = Literal["fp32", "fp16", "int8"]

_MAX_CHARACTERS = 1_000_000
_MAX_DEPTH = 12


class Mark(Part):
    """How a model was compressed, and what that cost.

    Parameters
    ----------
    format : 1
        Version of this layout.
    method : {"int8", "fp16", "prune"}
        What was done.
    precision : {"fp32", "fp16", "int8"}
        Of its layers.
    lossy : bool
        True if the no-loss gate refused it and it was written all the same.
    settings : dict of str to str
        How it was done, in words.
    report : dict
        The gate's figures, and size and speed before and after, as `ser_toolkit.compression.results.Compressed` has
        them.
    """

    format: Literal[1] = 1
    method: Method
    precision: Precision
    lossy: bool
    settings: dict[Annotated[str, StringConstraints(max_length=80)], Text] = Field(default_factory=dict, max_length=50)
    report: dict[str, JsonValue] = Field(default_factory=dict)

    def about(self) -> dict[str, str]:
        """Lines for whoever runs the model; the caution comes first if there is one."""
        names = {"int8": "8-bit integers", "fp16": "16-bit floating point", "prune": "pruned channels"}
        said = {"compressed": names[self.method]}
        if self.lossy:
            said["caution"] = "LOSSY: the no-loss gate refused this compression, and it was forced"
        return said

    def to_json(self) -> str:
        """Compact JSON text."""
        return json.dumps(self.model_dump(mode="json"), allow_nan=False, separators=(",", ":"))


def read_mark(metadata: Mapping[str, str]) -> Mark | None:
    """Read what anybody may have written into a model's metadata.

    Parameters
    ----------
    metadata : mapping of str to str
        Of the file, `ser_toolkit.inference.session.Session.metadata`.

    Returns
    -------
    Mark or None
        None if the model was not compressed.

    Raises
    ------
    RecipeError
        If there is one that is malformed; says where.
    """
    text = metadata.get(METADATA_KEY)
    if text is None:
        return None
    try:
        data = parse(text, what="the compression", max_characters=_MAX_CHARACTERS, max_depth=_MAX_DEPTH)
        return Mark.model_validate(data)
    except ValidationError as error:
        raise RecipeError(f"the compression in the metadata is not valid: {display_path(describe(error))}") from error
    except ValueError as error:
        raise RecipeError(str(error)) from error


def mark_of(path: Path, session: Session | None = None) -> Mark | None:
    """Mark of a model file.

    Parameters
    ----------
    path : Path
        The file.
    session : Session, optional
        If it is open already.

    Returns
    -------
    Mark or None
        As `read_mark`.

    Raises
    ------
    ModelError, RecipeError
        If the file cannot be opened, or its mark is malformed.
    """
    opened = session or open_session(path, device="cpu", threads=1)
    try:
        return read_mark(opened.metadata)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error

"""What the parts of a recipe have in common: nothing unknown, nothing infinite, no control characters."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

__all__ = ["Part", "Text"]


def _no_controls(text: str) -> str:
    if any(unicodedata.category(c) == "Cc" and c not in "\r\n\t" for c in text):
        raise ValueError(f"holds control characters: {text[:60]!r}")
    return text


Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_no_controls)]
"""Words for people."""


class Part(BaseModel):
    """One part of a recipe: immutable; unknown keys and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

"""Entries of components in a recipe: who they are and how they are configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints, model_validator

from ser_toolkit.interfaces import Scope
from ser_toolkit.recipe_part import Part

__all__ = ["ComponentEntry", "FeatureEntry", "Key", "Steps"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Dist = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*)( [A-Za-z0-9.+!_-]+)?$", max_length=200)]


class ComponentEntry(Part):
    """One component: who it is and how it is configured.

    Parameters
    ----------
    name, version : str, int
        The component's own; the version must be the installed one's.
    dist : str
        Distribution that it came from, with version: ``"ser-toolkit 0.1.0"``.
    config : dict
        Every field, defaults included, as JSON values.
    """

    name: Name
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    dist: Dist
    config: dict[Annotated[str, StringConstraints(max_length=80)], JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_paths(self) -> ComponentEntry:
        for text in _strings(self.config):
            if "/" in text or "\\" in text or "\0" in text or text.lower().endswith(".conf"):
                raise ValueError(
                    f"the configuration of {self.name!r} holds a file path ({text[:80]!r}); a recipe may not"
                )
        return self


class FeatureEntry(ComponentEntry):
    """A feature extractor, and whether it sees each segment or the whole recording."""

    scope: Scope = "segment"


Steps = Annotated[tuple[ComponentEntry, ...], Field(max_length=8)]
"""Preprocessors, in order."""


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)

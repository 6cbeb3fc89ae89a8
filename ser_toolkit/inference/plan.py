"""What the stages of a run need to know, as plain values, and how a process makes of it what it needs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import ValidationError

from ser_toolkit.components import describe
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import RecipeError
from ser_toolkit.inference.front_end import FrontEnd, FrontEndRecipe, Hop, front_end
from ser_toolkit.inference.session import Session, open_session, recipe_text
from ser_toolkit.manifest_features import refuse_columns
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.recipe import Recipe

if TYPE_CHECKING:
    from ser_toolkit.data.cache_key import CacheKeys

__all__ = ["CacheUse", "Plan", "Setup"]

CacheUse = Literal["off", "read", "write"]
"""Whether features of earlier runs are used, and those of this one kept."""


class Setup(Protocol):
    """What stages get their front end and session from."""

    def front_end(self) -> FrontEnd:
        """Windows and extractors."""
        ...

    def session(self) -> Session:
        """The open network."""
        ...

    def cache(self) -> tuple[FeatureCache, CacheKeys] | None:
        """Where features are kept, if they are."""
        ...

    @property
    def cache_use(self) -> CacheUse:
        """Whether a cache is read, and written."""
        ...

    @property
    def hashes(self) -> bool:
        """Whether recordings are hashed, to know those that a model was trained on."""
        ...

    @property
    def speech(self) -> bool:
        """Whether windows without speech are left out."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A `Setup` that can be sent to another process: every process opens its own model once.

    Parameters
    ----------
    model : str
        Path of the exported model; empty for features without a network.
    recipe : str
        JSON of its recipe, or of a `FrontEndRecipe`; empty: the one in the model.
    name : str
        For messages.
    hop_s : float, "window" or None
        See `ser_toolkit.inference.front_end.Hop`.
    threads : int
        Threads of one inference; 0 takes one per core.
    cache_use : {"off", "read", "write"}
        See `CacheUse`.
    hashes : bool
        Whether the last row of a recording that is not long has its `ser_toolkit.data.audio.recording_hash`.
    speech : bool
        Whether windows without speech are left out; see `ser_toolkit.inference.hear.Hear`.
    """

    model: str = ""
    recipe: str = ""
    name: str = ""
    hop_s: Hop = None
    threads: int = 1
    cache_use: CacheUse = "off"
    hashes: bool = False
    speech: bool = False

    def session(self) -> Session:
        """The model, open on the CPU; the same in every call of a process."""
        return _session(self.model, self.threads)

    def recipe_json(self) -> str:
        """The recipe as text, from the model if the plan has none."""
        return self.recipe or recipe_text(self.session(), Path(self.model))

    def front_end(self) -> FrontEnd:
        """Windows and extractors; the same in every call of a process."""
        return _front_end(self)

    def cache(self) -> tuple[FeatureCache, CacheKeys] | None:
        """The user's cache and where this front end's features lie in it."""
        return None if self.cache_use == "off" else _cache(self)


@functools.lru_cache(maxsize=4)
def _session(model: str, threads: int) -> Session:
    return open_session(Path(model), device="cpu", threads=threads, spin=False)


@functools.lru_cache(maxsize=4)
def _front_end(plan: Plan) -> FrontEnd:
    name = plan.name or plan.model
    text = plan.recipe_json()
    try:
        recipe = Recipe.from_json(text) if plan.model else FrontEndRecipe.model_validate_json(text)
        front = front_end(recipe, hop_s=plan.hop_s, registry=default_registry(), name=name)
    except ValidationError as error:
        raise RecipeError(f"{name}: {describe(error)}") from error
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from error
    refuse_columns(front.features, name or "extract")
    return front


@functools.lru_cache(maxsize=4)
def _cache(plan: Plan) -> tuple[FeatureCache, CacheKeys]:
    cache = FeatureCache.default()
    return cache, cache.keys(plan.front_end().features)

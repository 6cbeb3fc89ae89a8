"""The part of a model before its network: steps, windows and feature extractors, as its recipe says."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ser_toolkit.components import create
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import ModelError
from ser_toolkit.features import FeatureSet
from ser_toolkit.inference.probe_check import check_probes
from ser_toolkit.models.needs import require_libraries
from ser_toolkit.recipe import FeatureEntry, Key, Recipe, Steps
from ser_toolkit.recipe_components import extractors_of, steps_of
from ser_toolkit.recipe_part import Part

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec
    from ser_toolkit.plugin_registry import Registry

__all__ = ["FrontEnd", "FrontEndRecipe", "Hop", "front_end"]

Hop = float | Literal["window"] | None
"""Seconds between the starts of windows; ``"window"``: their length; None: as the model was trained."""


class FrontEndRecipe(Part):
    """The part of a recipe that features depend on, for features without a model; see `ser_toolkit.recipe.Recipe`."""

    sr: Annotated[int, Field(ge=4000, le=192_000)] = 16_000
    preprocess: Steps = ()
    segments: Segmentation
    features: Annotated[dict[Key, FeatureEntry], Field(min_length=1, max_length=32)]


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """What turns audio into the inputs of a network.

    Parameters
    ----------
    features : FeatureSet
        Extractors, windows, and steps before them.
    specs : dict of str to FeatureSpec
        Shapes of the inputs.
    recipe : Recipe or FrontEndRecipe
        Where it comes from.
    """

    features: FeatureSet
    specs: dict[str, FeatureSpec]
    recipe: Recipe | FrontEndRecipe

    @property
    def output(self) -> tuple[str, ...]:
        """Names of the network's outputs; empty without a network."""
        return self.recipe.outputs if isinstance(self.recipe, Recipe) else ()

    @functools.cached_property
    def warnings(self) -> tuple[str, ...]:
        """Features that are computed otherwise here than where the model was trained; runs every extractor once."""
        if not isinstance(self.recipe, Recipe):
            return ()
        checks = check_probes(self.recipe, dict(self.features.extractors), preprocess=self.features.preprocess)
        return tuple(check.message for check in checks if not check.agrees)


def front_end(recipe: Recipe | FrontEndRecipe, *, hop_s: Hop, registry: Registry, name: str) -> FrontEnd:
    """Make the front end that a recipe describes.

    Parameters
    ----------
    recipe : Recipe or FrontEndRecipe
        Of the model, or of features by themselves.
    hop_s : float, "window" or None
        See `Hop`.
    registry : Registry
        Where feature extractors and steps before them are looked up.
    name : str
        Of the model, for messages.

    Returns
    -------
    FrontEnd
        Of the installed extractors; nothing is computed yet.

    Raises
    ------
    RecipeError
        If a plugin or library is missing, or a plugin of another version.
    ModelError
        If the model cannot have this hop.
    ConfigError
        If its steps cannot come before its features.
    """
    extractors = extractors_of(recipe, registry)
    features = FeatureSet(
        extractors=extractors,
        segmentation=_windows(recipe.segments, extractors, hop_s=hop_s, name=name),
        sr=recipe.sr,
        scopes={key: entry.scope for key, entry in recipe.features.items()},
        preprocess=steps_of(recipe.preprocess, registry),
    )
    if isinstance(recipe, Recipe):
        require_libraries([*extractors.values(), *features.preprocess])
    return FrontEnd(features=features, specs=features.specs(), recipe=recipe)


def _windows(segments: Segmentation, extractors: dict[str, FeatureExtractor], *, hop_s: Hop, name: str) -> Segmentation:
    sliding = [key for key, e in extractors.items() if getattr(e, "sliding_agreement", 1.0) < 1]
    if sliding and hop_s not in (None, "window", segments.hop_s):
        raise ModelError(
            f"{name} was trained on features that slide by {segments.hop_s:g} s ({', '.join(sliding)}): at another "
            "hop they would differ. Leave out --hop, or give --hop recipe"
        )
    if segments.window_s is None and isinstance(hop_s, float):
        raise ModelError(f"{name} sees whole recordings; a hop between windows does not apply")
    if hop_s is None or sliding or segments.window_s is None:
        return segments
    return create(Segmentation, {**asdict(segments), "hop_s": segments.window_s if hop_s == "window" else hop_s})

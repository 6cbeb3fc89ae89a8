"""Between recipes and components: entries of components, components of entries."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any, Protocol

from ser_toolkit.components import create, to_config
from ser_toolkit.errors import ComponentError, ConfigError, RecipeError, SerToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.interfaces import Component, FeatureExtractor, Kind, Preprocessor
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.recipe import ComponentEntry

__all__ = ["entry_of", "extractors_of", "library_versions", "resolve", "steps_of"]


def entry_of(registry: Registry, kind: Kind, component: Component) -> dict[str, Any]:
    """Fields of a `ComponentEntry` for a component.

    Parameters
    ----------
    registry : Registry
        Where the component is registered.
    kind : {"feature", "model", "loss", "preprocessor"}
        Its kind.
    component : Component
        Its configuration is stored whole.

    Returns
    -------
    dict
        ``name``, ``version``, ``dist`` and ``config``.
    """
    return {
        "name": component.name,
        "version": component.version,
        "dist": registry.find(kind, component.name).dist,
        "config": to_config(component),
    }


def resolve(registry: Registry, kind: Kind, entry: ComponentEntry) -> Any:
    """The component that an entry describes.

    Parameters
    ----------
    registry : Registry
        Where to look it up.
    kind : {"feature", "model", "loss", "preprocessor"}
        Its kind.
    entry : ComponentEntry
        From a recipe.

    Returns
    -------
    component
        Equal to the one that was stored.

    Raises
    ------
    RecipeError
        As `Recipe.extractors`.
    """
    try:
        cls = registry.find(kind, entry.name).cls
    except SerToolkitError as error:
        dist, _, version = entry.dist.partition(" ")
        raise RecipeError(
            f"the model needs the {kind} {entry.name!r} of {dist} {version}, which cannot be used here: {error} "
            f"If you trust it, install its plugin: pip install {dist}"
        ) from error
    if cls.version != entry.version:
        raise RecipeError(
            f"the model was made with version {entry.version} of the {kind} {entry.name!r} ({entry.dist}), installed "
            f"is version {cls.version}, which gives other numbers: install {entry.dist.replace(' ', '==')}"
        )
    try:
        return create(cls, entry.config)
    except (ConfigError, ComponentError) as error:
        raise RecipeError(f"the recipe's {kind} cannot be made: {error}") from error


def library_versions(components: Mapping[str, Component], *, preprocess: Sequence[Preprocessor] = ()) -> dict[str, str]:
    """Versions of the distributions that components name in ``libraries``.

    Parameters
    ----------
    components : mapping
        Any components.
    preprocess : sequence of Preprocessor, optional
        More of them.

    Returns
    -------
    dict
        Distribution to version, sorted; ``"missing"`` where it is not installed.
    """
    names = {
        "numpy",
        "soxr",
        *(lib for c in (*components.values(), *preprocess) for lib in getattr(c, "libraries", ())),
    }
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    return versions


class HasFeatures(Protocol):
    """A recipe, or the part of one that features depend on."""

    @property
    def features(self) -> Mapping[str, ComponentEntry]:
        """Input name to extractor."""
        ...


def extractors_of(recipe: HasFeatures, registry: Registry) -> dict[str, FeatureExtractor]:
    """The feature extractors of a recipe by input name, in order; see `resolve`."""
    return {key: resolve(registry, "feature", entry) for key, entry in recipe.features.items()}


def steps_of(entries: Sequence[ComponentEntry], registry: Registry) -> tuple[Preprocessor, ...]:
    """The preprocessors of a recipe, in order; see `resolve`."""
    return tuple(resolve(registry, "preprocessor", entry) for entry in entries)

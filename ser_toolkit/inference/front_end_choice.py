"""Which features and windows `extract` computes: from options, or as a model has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from ser_toolkit.components import create, describe
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.errors import ConfigError, close_matches
from ser_toolkit.inference.front_end import FrontEndRecipe, Hop, front_end
from ser_toolkit.inference.session import open_session, recipe_text
from ser_toolkit.models import bundled
from ser_toolkit.recipe import FeatureEntry, Recipe
from ser_toolkit.recipe_components import entry_of
from ser_toolkit.training.config import INPUT_NAMES, read_changes

if TYPE_CHECKING:
    from pathlib import Path

    from ser_toolkit.plugin_registry import Registry

__all__ = ["ExtractHop", "Preset", "chosen", "of_model"]

Preset = Literal["robust", "paper", "utterance"]
"""Names of `ser_toolkit.data.segments.PRESETS`."""

ExtractHop = float | Literal["window", "recipe"] | None
"""Seconds between windows; ``"window"``: no overlap; ``"recipe"``: as in the preset, or as the model was trained."""


def chosen(
    registry: Registry,
    *,
    features: Sequence[str] = ("egemaps",),
    settings: Sequence[str] = (),
    windows: Preset | None = None,
    window_s: float | None = None,
    hop_s: ExtractHop = None,
    sr: int = 16_000,
) -> FrontEndRecipe:
    """Features without a model.

    Parameters
    ----------
    registry : Registry
        Where extractors are looked up.
    features : sequence of str, optional
        Names of extractors.
    settings : sequence of str, optional
        ``features.KEY.FIELD=VALUE``, as for `ser_toolkit.training.config.read_changes`.
    windows : {"robust", "paper", "utterance"}, optional
        Preset of windows; default: ``"utterance"``, one a recording, or ``"robust"`` where `window_s` or `hop_s` is
        given.
    window_s : float, optional
        Length of a window in seconds; default: the preset's.
    hop_s : float, "window" or "recipe", optional
        See `ExtractHop`; default: the preset's, or the window's length where `window_s` is given.
    sr : int, optional
        Sample rate in Hz.

    Returns
    -------
    FrontEndRecipe
        Checked: its extractors can be made here.

    Raises
    ------
    ConfigError, ComponentError
        Unknown feature or setting, a value out of bounds, or options that contradict each other.
    """
    entries = {}
    for key, table in _tables(features, settings).items():
        own = dict(table)
        name, scope = own.pop("name", None), own.pop("scope", "segment")
        if not isinstance(name, str):
            raise ConfigError(f"features.{key}.name is {name!r}; it takes the name of a feature")
        if scope not in ("segment", "recording"):
            raise ConfigError(f"features.{key}.scope is {scope!r}; it takes 'segment' or 'recording'")
        entries[key] = FeatureEntry(**entry_of(registry, "feature", registry.create("feature", name, own)), scope=scope)
    try:
        return FrontEndRecipe(sr=sr, segments=_segments(windows, window_s, hop_s), features=entries)
    except ValidationError as error:
        raise ConfigError(f"extract: {describe(error)}") from error


def of_model(registry: Registry, model: str | Path, *, hop_s: ExtractHop = None) -> tuple[FrontEndRecipe, list[str]]:
    """Features as a model has them.

    Parameters
    ----------
    registry : Registry
        Where extractors are looked up.
    model : str or path
        An exported ``.onnx`` file or a bundled name.
    hop_s : float, "window" or "recipe", optional
        See `ExtractHop`; default: as the model was trained.

    Returns
    -------
    recipe : FrontEndRecipe
        Sample rate, steps, windows and extractors.
    warnings : list of str
        Features that are computed otherwise here than where the model was trained.

    Raises
    ------
    ModelError, RecipeError
        If the model cannot be used, or cannot have this hop.
    """
    path = bundled.resolve(model)
    name = bundled.display_name(path)
    recipe = Recipe.from_json(recipe_text(open_session(path, device="cpu"), path))
    hop: Hop = None if hop_s == "recipe" else hop_s
    front = front_end(recipe, hop_s=hop, registry=registry, name=name)
    made = FrontEndRecipe(
        sr=recipe.sr,
        preprocess=recipe.preprocess,
        segments=front.features.segmentation,
        features=recipe.features,
    )
    return made, list(front.warnings)


def _tables(features: Sequence[str], settings: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    if not features:
        raise ConfigError("no feature is named: give one or more, as in --features egemaps,melspec")
    if twice := sorted({name for name in features if list(features).count(name) > 1}):
        raise ConfigError(f"feature {twice[0]!r} is named twice")
    keys = {INPUT_NAMES.get(name, name.replace("-", "_")): name for name in features}
    changes = ["features={}", *(f"features.{key}.name='{name}'" for key, name in keys.items()), *settings]
    data = read_changes(overrides=changes)
    if other := sorted(data.keys() - {"features"}):
        raise ConfigError(f"--set {other[0]}: extract has settings of features only, such as features.mel.n_mels=64")
    tables: Mapping[str, Any] = data["features"]
    for key, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"--set features.{key}: is a table; give one of its settings, features.{key}.FIELD=VALUE")
        if key not in keys:
            raise ConfigError(f"--set features.{key}: no feature has this input name. {close_matches(key, keys)}")
    return tables


def _segments(windows: Preset | None, window_s: float | None, hop_s: ExtractHop) -> Segmentation:
    name = windows or ("utterance" if window_s is hop_s is None else "robust")
    if name not in PRESETS:
        raise ConfigError(f"no windows are called {name!r}. {close_matches(name, PRESETS)}")
    base = PRESETS[name]
    if base.window_s is None:
        if window_s is not None or hop_s not in (None, "recipe"):
            raise ConfigError("windows 'utterance' are one a recording: a length or a hop does not apply")
        return base
    length_s = base.window_s if window_s is None else window_s
    if hop_s is None:
        hop_s = "recipe" if window_s is None else "window"
    hop = length_s if hop_s == "window" else base.hop_s if hop_s == "recipe" else hop_s
    return create(Segmentation, {**asdict(base), "window_s": length_s, "hop_s": hop})

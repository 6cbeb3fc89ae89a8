"""What the bundled models are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import ModelError, RecipeError
from ser_toolkit.models import bundled
from ser_toolkit.models.needs import missing_libraries

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Registry

__all__ = ["BundledModel", "bundled_models"]


@dataclass(frozen=True, kw_only=True)
class BundledModel:
    """One model that comes with the toolkit.

    Parameters
    ----------
    name : str
        What ``--model`` takes.
    default : bool
        Whether it is taken where none is named.
    path : str
        Where its file is; its card, if there is one, lies beside it with the suffix ``.md``.
    n_bytes : int
        Size of the file.
    inputs : tuple of str
        Names of its feature extractors.
    labels : tuple of str
        Its emotions.
    licence : str
        Terms of its weights: ``license_name`` or ``license`` of the card, else what the recipe says.
    scores : str
        ``scores`` of the card, else what the recipe says; empty if neither does.
    missing : tuple of str
        Libraries that it needs and that are not installed.
    problem : str
        Why else it cannot be used here; empty if it can.
    """

    name: str
    default: bool
    path: str
    n_bytes: int
    inputs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    licence: str = ""
    scores: str = ""
    missing: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """One JSON object."""
        return asdict(self)


def bundled_models(*, folder: Path | None = None, registry: Registry | None = None) -> list[BundledModel]:
    """All bundled models: the default first, the others by name.

    Parameters
    ----------
    folder : Path, optional
        Where ``.onnx`` files and their cards are; default: those of the package.
    registry : Registry, optional
        Where feature extractors are looked up; default: the installed plugins.

    Returns
    -------
    list of BundledModel
        One for each file; one that cannot be read says why in `problem`.
    """
    paths = sorted(
        (folder or bundled.FOLDER).glob("*.onnx"), key=lambda path: (path.stem != bundled.DEFAULT, path.stem)
    )
    return [_described(path, registry) for path in paths]


def _described(path: Path, registry: Registry | None) -> BundledModel:
    from ser_toolkit.inference.about import about_model
    from ser_toolkit.inference.session import open_session, recipe_text
    from ser_toolkit.plugin_registry import default_registry
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.recipe_components import extractors_of, steps_of

    facts: dict[str, Any] = {
        "name": path.stem,
        "default": path.stem == bundled.DEFAULT,
        "path": str(path),
        "n_bytes": path.stat().st_size,
    }
    try:
        recipe = Recipe.from_json(recipe_text(open_session(path, device="cpu", threads=1), path))
    except (ModelError, RecipeError) as error:
        return BundledModel(**facts, problem=str(error))
    card = _card(path.with_suffix(".md"))
    facts |= {
        "inputs": tuple(entry.name for entry in recipe.features.values()),
        "labels": recipe.labels,
        "licence": str(card.get("license_name") or card.get("license") or recipe.license or ""),
        "scores": str(card.get("scores") or about_model(recipe).get("scores", "")),
    }
    registry = registry or default_registry()
    try:
        components = [*extractors_of(recipe, registry).values(), *steps_of(recipe.preprocess, registry)]
    except RecipeError as error:
        return BundledModel(**facts, problem=str(error))
    return BundledModel(**facts, missing=missing_libraries(components))


def _card(path: Path) -> dict[str, Any]:
    """What stands between the first two lines of dashes of a card."""
    import yaml

    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not text.startswith("---\n"):
        return {}
    found = yaml.safe_load(text.split("\n---", 1)[0])
    return found if isinstance(found, dict) else {}

"""Libraries that the inputs of a model need, and whether they are here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ser_toolkit.errors import RecipeError

if TYPE_CHECKING:
    from ser_toolkit.interfaces import Component

__all__ = ["missing_libraries", "require_libraries"]


def missing_libraries(components: Iterable[Component]) -> tuple[str, ...]:
    """Distributions that components name in ``libraries`` and that are not installed; sorted, each once."""
    named = {library for c in components for library in getattr(c, "libraries", ())}
    return tuple(sorted(library for library in named if not _is_here(library)))


def require_libraries(components: Iterable[Component]) -> None:
    """Refuse a model whose inputs cannot be computed here.

    Parameters
    ----------
    components : iterable of Component
        Its feature extractors, and the steps before them.

    Raises
    ------
    RecipeError
        If a library is missing; says what to install, and which bundled models work without it.
    """
    missing = missing_libraries(components)
    if missing:
        from ser_toolkit.models.listing import bundled_models

        works = [model.name for model in bundled_models() if not model.missing and not model.problem]
        others = f"Bundled models that work here: {', '.join(works)}" if works else "No bundled model works here"
        raise RecipeError(
            f"the model needs {' and '.join(missing)}, not installed here: pip install {' '.join(missing)}. {others} "
            "(ser-toolkit models)"
        )


def _is_here(library: str) -> bool:
    try:
        importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(library.replace("-", "_")) is not None
    return True

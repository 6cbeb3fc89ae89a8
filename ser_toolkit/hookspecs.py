"""The hooks that a plugin may implement.

Each hook takes nothing and returns a list of component *classes* (not instances); an argument can be added later
without breaking a plugin. A plugin is a module, named by an entry point in the group ``ser_toolkit``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_toolkit import hookspec

if TYPE_CHECKING:
    from ser_toolkit.interfaces import ClassicalModel, Corpus, FeatureExtractor, Loss, NeuralModel, Preprocessor


@hookspec
def ser_register_features() -> list[type[FeatureExtractor]]:  # type: ignore[empty-body]
    """Feature extractors: classes that satisfy `ser_toolkit.interfaces.FeatureExtractor`."""


@hookspec
def ser_register_models() -> list[type[NeuralModel] | type[ClassicalModel]]:  # type: ignore[empty-body]
    """Models: classes that satisfy `ser_toolkit.interfaces.NeuralModel` or `ser_toolkit.interfaces.ClassicalModel`."""


@hookspec
def ser_register_losses() -> list[type[Loss]]:  # type: ignore[empty-body]
    """Losses: classes that satisfy `ser_toolkit.interfaces.Loss`."""


@hookspec
def ser_register_corpora() -> list[type[Corpus]]:  # type: ignore[empty-body]
    """Corpus readers: classes that satisfy `ser_toolkit.interfaces.Corpus`."""


@hookspec
def ser_register_preprocessors() -> list[type[Preprocessor]]:  # type: ignore[empty-body]
    """Steps before features: classes that satisfy `ser_toolkit.interfaces.Preprocessor`."""

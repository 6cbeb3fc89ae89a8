"""Whether features are computed here as where the model was trained."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_toolkit.features import probe, probes_differ
from ser_toolkit.recipe_components import library_versions

if TYPE_CHECKING:
    from ser_toolkit.interfaces import FeatureExtractor, Preprocessor
    from ser_toolkit.recipe import Recipe

__all__ = ["ProbeCheck", "check_probes"]


@dataclass(frozen=True, kw_only=True)
class ProbeCheck:
    """The probe of one feature, here and in the recipe.

    Parameters
    ----------
    feature : str
        Its key in the recipe: ``"gemaps"``.
    extractor : str
        Name of its component: ``"egemaps"``.
    agrees : bool
        Whether the two are equal to rounding.
    libraries : dict of str to str
        What it is computed with here: library to version.
    changed : tuple of str
        Versions that differ: ``"opensmile 2.5.0 -> 2.6.0"``.
    """

    feature: str
    extractor: str
    agrees: bool
    libraries: dict[str, str]
    changed: tuple[str, ...]

    @property
    def message(self) -> str:
        """A sentence for users if they do not agree; empty if they do."""
        if self.agrees:
            return ""
        changed = f"changed: {', '.join(self.changed)}" if self.changed else "no library version changed"
        return (
            f"feature {self.feature!r} ({self.extractor}) gives other numbers here than where the model was trained; "
            f"{changed}"
        )


def check_probes(
    recipe: Recipe, extractors: Mapping[str, FeatureExtractor], *, preprocess: Sequence[Preprocessor] = ()
) -> tuple[ProbeCheck, ...]:
    """Compute the probe of each feature and compare it with the recipe's.

    Parameters
    ----------
    recipe : Recipe
        Of a model.
    extractors : mapping of str to FeatureExtractor
        Its features, made here.
    preprocess : sequence of Preprocessor, optional
        Its steps before them, made here.

    Returns
    -------
    tuple of ProbeCheck
        One per feature that the recipe has a probe of. Each extractor is probed once per process.
    """
    steps, checks = tuple(preprocess), []
    for key, extractor in extractors.items():
        if key not in recipe.probe:
            continue
        here = library_versions({key: extractor}, preprocess=steps)
        checks.append(
            ProbeCheck(
                feature=key,
                extractor=extractor.name,
                agrees=not probes_differ(recipe.probe[key], _probe(extractor, recipe.sr, steps)),
                libraries=here,
                changed=tuple(
                    f"{name} {recipe.libraries.get(name, 'unknown')} -> {version}"
                    for name, version in here.items()
                    if recipe.libraries.get(name) != version
                ),
            )
        )
    return tuple(checks)


@functools.cache
def _probe(extractor: FeatureExtractor, sr: int, steps: tuple[Preprocessor, ...]) -> tuple[float, ...]:
    return probe(extractor, sr, preprocess=steps)

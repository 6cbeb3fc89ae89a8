"""What a table of features consists of: its columns, its rows, and what is said of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ser_toolkit.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.interfaces import FeatureExtractor, FeatureSpec
    from ser_toolkit.report.results import FileResult

__all__ = ["ABOUT", "NPZ_ARRAYS", "FeatureBlock", "FeatureFile", "FeatureLayout", "FeatureWriter", "value_names"]

ABOUT = ("file", "start", "end", "status", "reason", "notes")
"""First columns of every table."""

NPZ_ARRAYS = ("index", "names", "recipe", "metadata", "duration_s")
"""Further arrays of an ``.npz`` file."""


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """One recording, or a part of one, and what became of it.

    Parameters
    ----------
    result : FileResult
        Name, status, reason, notes and duration; no probabilities.
    start_s, end_s : float or None
        Its place in the file in seconds; None: the end is not known.
    labels : mapping of str to (str, float or None)
        What the manifest says of it.
    """

    result: FileResult
    start_s: float = 0.0
    end_s: float | None = None
    labels: Mapping[str, str | float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureBlock:
    """Consecutive windows of a recording.

    Parameters
    ----------
    starts_s, ends_s : ndarray of float64, shape (n_windows,)
        Places in the file in seconds.
    features : mapping of str to sequence of ndarray
        Input name to float32 arrays, one a window.
    """

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    features: Mapping[str, Sequence[NDArray[np.float32]]]


@dataclass(frozen=True, kw_only=True)
class FeatureLayout:
    """What is the same for all rows.

    Parameters
    ----------
    specs : mapping of str to FeatureSpec
        Shape of each feature.
    names : mapping of str to tuple of str
        From `value_names`.
    labels : mapping of str to type
        Columns that come from a manifest, each `str` or `float`.
    recipe : str
        JSON of the `ser_toolkit.inference.front_end.FrontEndRecipe` that the numbers follow from.
    about : mapping of str to JSON value
        Versions, licences, the model.
    """

    specs: Mapping[str, FeatureSpec]
    names: Mapping[str, tuple[str, ...]]
    recipe: str
    labels: Mapping[str, type] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def is_vector(self, key: str) -> bool:
        """Whether a feature has a column per value; others have one column of lists."""
        return is_vector(self.specs[key])

    def to_json(self) -> dict[str, Any]:
        """Everything that is said of the table, as JSON values by keys that begin with ``ser_toolkit.``."""
        shapes = {
            key: {"shape": spec.shape, "axes": spec.axes, "unit": spec.unit, "names": self.names[key]}
            for key, spec in self.specs.items()
        }
        said = {**self.about, "features": shapes, "recipe": json.loads(self.recipe)}
        return {f"ser_toolkit.{key}": value for key, value in said.items()}

    def metadata(self) -> dict[str, str]:
        """The same as texts: what is no text already is JSON."""
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in self.to_json().items()}


class FeatureWriter(Protocol):
    """Takes files one by one, in order."""

    def write(self, file: FeatureFile, blocks: Iterator[FeatureBlock]) -> None:
        """Write the rows of a file, none of which are kept longer than needed."""


def is_vector(spec: FeatureSpec) -> bool:
    """Whether a feature is a fixed number of values."""
    return len(spec.shape) == 1 and not spec.varies


def value_names(
    extractors: Mapping[str, FeatureExtractor], specs: Mapping[str, FeatureSpec], *, taken: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Columns of each feature.

    Parameters
    ----------
    extractors : mapping of str to FeatureExtractor
        By input name. ``feature_names()`` is called where there is such a method.
    specs : mapping of str to FeatureSpec
        Their shapes.
    taken : iterable of str, optional
        Names that other columns have.

    Returns
    -------
    dict
        Input name to one name per value of a vector: the extractor's own, else ``<input name>_0`` and so on. Features
        that are no vector have one name, their input name. A name that occurs twice is preceded by the input name.

    Raises
    ------
    ConfigError
        If names occur twice even so.
    """
    own = {key: _own_names(key, extractor, specs[key]) for key, extractor in extractors.items()}
    reserved = {*ABOUT, *NPZ_ARRAYS, *taken}
    counts = Counter(name for names in own.values() for name in names)
    clashing = {name for name, n in counts.items() if n > 1} | reserved
    made = {key: tuple(f"{key}_{name}" if name in clashing else name for name in names) for key, names in own.items()}
    counts = Counter([*reserved, *(name for names in made.values() for name in names)])
    if twice := [name for name, n in counts.items() if n > 1]:
        raise ConfigError(f"two values are called {twice[0]!r}: extract the features one by one")
    return made


def _own_names(key: str, extractor: FeatureExtractor, spec: FeatureSpec) -> tuple[str, ...]:
    if not is_vector(spec):
        return (key,)
    names = spec.names or tuple(getattr(extractor, "feature_names", tuple)())
    (n,) = spec.shape
    return names if len(names) == n else tuple(f"{key}_{i}" for i in range(n or 0))

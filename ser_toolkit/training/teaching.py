"""What teachers need of a training's windows, and what they say about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.inference.collate import collate
from ser_toolkit.training.teacher_models import open_teacher

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.features import FeatureSet
    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.store import FeatureStore
    from ser_toolkit.training.teachers import Teacher, Teachers

__all__ = ["teach", "with_teachers"]

_BATCH = 64
"""Windows that a teacher sees at a time."""


def with_teachers(features: FeatureSet, teachers: Iterable[Teachers]) -> FeatureSet:
    """What is extracted for a network and its teachers from the same windows.

    Parameters
    ----------
    features : FeatureSet
        Of the network.
    teachers : iterable of Teachers
        Whose inputs are added, under names that no network's input has.

    Returns
    -------
    FeatureSet
        An input that is there already is not added again.
    """
    for teacher in (model for each in teachers for model in each.models):
        extractors, scopes = dict(features.extractors), dict(features.scopes)
        for key, found in _stored(features, teacher).items():
            if found not in extractors:
                extractors[found] = teacher.features.extractors[key]
                scopes[found] = teacher.features.scopes[key]
        features = replace(features, extractors=extractors, scopes=scopes)
    return features


def _stored(features: FeatureSet, teacher: Teacher) -> dict[str, str]:
    """Name of each input of a teacher among some features; a new one where it is not there."""
    names = {}
    for key, extractor in teacher.features.extractors.items():
        same = (
            name
            for name, other in features.extractors.items()
            if other == extractor and features.scopes.get(name) == teacher.features.scopes[key]
        )
        new = (f"teacher-{n}-{key}" for n in range(1, len(features.extractors) + 2))
        names[key] = next(same, None) or next(name for name in new if name not in features.extractors)
    return names


def teach(
    teachers: Sequence[Teacher],
    features: FeatureSet,
    store: FeatureStore,
    windows: NDArray[np.int64],
    labels: Sequence[str],
    *,
    device: str,
    registry: Registry,
) -> NDArray[np.float32]:
    """What teachers say of windows together.

    Parameters
    ----------
    teachers : sequence of Teacher
        At least one.
    features : FeatureSet
        Of the store, from `with_teachers`.
    store : FeatureStore
        Holds the inputs of all of them.
    windows : ndarray of int64, shape (n,)
        Which.
    labels : sequence of str
        Those that are wanted, in order; probabilities of others are left aside.
    device : str
        Where they run: ``"cpu"``, ``"cuda"``.
    registry : Registry
        Where components are looked up.

    Returns
    -------
    ndarray of float32, shape (n, n_labels)
        Logarithms of the mean of their calibrated probabilities.
    """
    total = np.zeros((len(windows), len(labels)))
    for teacher in teachers:
        specs, names = teacher.features.specs(), _stored(features, teacher)
        columns = [teacher.recipe.labels.index(label) for label in labels]
        ask = open_teacher(teacher.path, teacher.recipe, device=device, registry=registry)
        for first in range(0, len(windows), _BATCH):
            part = windows[first : first + _BATCH]
            said = ask(_batch(store, part, specs, names))[:, columns]
            total[first : first + _BATCH] += said / said.sum(axis=1, keepdims=True)
    return np.log(np.maximum(total / len(teachers), np.finfo(np.float32).tiny)).astype(np.float32)


def _batch(
    store: FeatureStore, windows: NDArray[np.int64], specs: Mapping[str, FeatureSpec], names: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    return collate({key: [store.get(names[key], int(w)) for w in windows] for key in specs}, specs)

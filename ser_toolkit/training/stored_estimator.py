"""Fitted scikit-learn estimators as bytes, by skops: numbers and the names of known types, no code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import MissingTierError, ModelError
from ser_toolkit.training.grid_search import fit_by_speaker

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_storable", "dump", "load", "parts_of"]

_TREE = "sklearn.tree._tree.Tree"
_BOOSTED_TREE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"

_TRUSTED = [_TREE, _BOOSTED_TREE]
"""Types that skops does not know to be safe. Trees are arrays of numbers and indices, see `_check_indices`."""

_TRANSFORMING = {"sklearn.pipeline", "sklearn.compose._column_transformer"}
"""Modules of estimators that hand their parts other features than they get."""

_ANY = 2**31
"""More features than there are."""


def dump(estimator: Any, *, also: Sequence[str] = ()) -> bytes:
    """A fitted estimator as bytes that `load` takes.

    Parameters
    ----------
    estimator : object
        Of scikit-learn, fitted.
    also : sequence of str, optional
        More types that it may hold: ``stored_types`` of its `ser_toolkit.interfaces.ClassicalModel`.

    Returns
    -------
    bytes
        A skops file.

    Raises
    ------
    ModelError
        If it holds a type that `load` would refuse; names it.
    """
    skops = _skops()
    try:
        data: bytes = skops.dumps(estimator)
    except Exception as error:  # skops raises what its writers of types raise
        problem = f"{type(error).__name__}: {str(error)[:200]}"
        raise ModelError(f"a fitted {type(estimator).__name__} cannot be stored: {problem}") from error
    if untrusted := _untrusted(data, also):
        raise ModelError(
            f"a fitted {type(estimator).__name__} cannot be stored: it holds {', '.join(untrusted[:5])}, which reading "
            "it back would have to trust. Use estimators of scikit-learn and plain numbers only, or name types of your "
            "own in stored_types of the model"
        )
    return data


def load(data: bytes, *, also: Sequence[str] = ()) -> Any:
    """A fitted estimator; nothing but types of scikit-learn, scipy and numpy is made, whoever wrote the bytes.

    Parameters
    ----------
    data : bytes
        From `dump`.
    also : sequence of str, optional
        As of `dump`; from the installed plugin, never from the file.

    Returns
    -------
    object
        The estimator; indices inside it lead nowhere outside.

    Raises
    ------
    ModelError
        If it holds types that are not trusted.
    ValueError
        If it is damaged.
    """
    skops = _skops()
    try:
        if untrusted := _untrusted(data, also):
            raise ModelError(f"it holds types that are not trusted: {', '.join(untrusted[:5])}")
        estimator = skops.loads(data, trusted=[*_TRUSTED, *also])
        _check_indices(estimator)
    except ModelError:
        raise
    except Exception as error:  # skops and the types that it makes raise anything on hostile bytes
        raise ValueError(f"{type(error).__name__}: {str(error)[:200]}") from error
    return estimator


def check_storable(estimator: Any, *, n_features: int, n_classes: int, also: Sequence[str] = ()) -> None:
    """Find out before a training whether its result can be stored: fit a copy to a few random numbers and store that.

    Parameters
    ----------
    estimator : object
        Of scikit-learn, unfitted; left so.
    n_features : int
        Entries of the vectors that it is made for.
    n_classes : int
        Classes.
    also : sequence of str, optional
        As of `dump`.

    Raises
    ------
    ModelError
        As `dump`. An estimator that cannot be fitted to so little passes.
    """
    from sklearn.base import clone

    rng = np.random.default_rng(0)
    y = np.arange(12 * n_classes) % n_classes
    x = (rng.standard_normal((len(y), min(n_features, 64))) + y[:, None]).astype(np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of solvers that do not converge
            fitted = fit_by_speaker(clone(estimator), x, y, groups=np.arange(len(y)) // n_classes % 4)
    except Exception:  # noqa: BLE001 - the real data decide whether it fits
        return
    dump(fitted, also=also)


def parts_of(estimator: Any) -> Iterator[tuple[Any, int]]:
    """An estimator and all that it is made of.

    Parameters
    ----------
    estimator : object
        Fitted.

    Yields
    ------
    part : object
        The estimator; what its attributes, lists and dicts hold, at any depth.
    n_features : int
        Least number of features that the estimators around it were fitted to, up to one that hands its parts other
        features than its own.
    """
    waiting, met = [(estimator, _ANY)], set()
    while waiting:
        part, n_features = waiting.pop()
        if id(part) in met or isinstance(part, str | bytes | int | float | type):
            continue
        met.add(id(part))
        n_features = min(n_features, getattr(part, "n_features_in_", n_features))
        yield part, n_features
        if type(part).__module__ in _TRANSFORMING:
            n_features = _ANY
        inside: list[Any] = []
        if isinstance(part, dict):
            inside = list(part.values())
        elif isinstance(part, list | tuple):
            inside = list(part)
        elif isinstance(part, np.ndarray):
            inside = part.ravel().tolist() if part.dtype == object else []
        elif hasattr(part, "__dict__"):
            inside = list(vars(part).values())
        waiting += [(p, n_features) for p in inside]


def _check_indices(estimator: Any) -> None:
    """Refuse indices that lead outside: following them would crash the process. Compiled code does not look."""
    for part, n_features in parts_of(estimator):
        kind = f"{type(part).__module__}.{type(part).__qualname__}"
        if kind == _TREE:
            fine = len(part.value) == part.node_count and _is_tree(
                part.children_left, part.children_right, part.feature, part.children_left >= 0, n_features
            )
        elif kind == _BOOSTED_TREE:
            nodes = part.nodes
            fine = not nodes["is_categorical"].any() and _is_tree(
                nodes["left"], nodes["right"], nodes["feature_idx"], nodes["is_leaf"] == 0, n_features
            )
        elif kind.startswith("sklearn.neighbors.") and hasattr(part, "classes_") and hasattr(part, "_fit_X"):
            known, votes = vars(part)["_fit_X"], vars(part)["_y"]
            fine = len(known) == len(votes) == part.n_samples_fit_ and bool(
                np.isin(votes, np.arange(len(part.classes_))).all()
            )
        else:
            continue
        if not fine:
            raise ValueError(f"a {type(part).__name__} leads outside itself")


def _is_tree(
    left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], inner: NDArray[np.bool_], n_features: int
) -> bool:
    """Whether the children and features of all inner nodes are there."""
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    own = np.concatenate([np.flatnonzero(inner)] * 2)
    return bool(
        len(left)
        and (children > own).all()  # scikit-learn numbers children after their parents: no way round in circles
        and (children < len(left)).all()
        and (feature[inner] >= 0).all()
        and (feature[inner] < n_features).all()
    )


def _untrusted(data: bytes, also: Sequence[str]) -> list[str]:
    return sorted(set(_skops().get_untrusted_types(data=data)) - {*_TRUSTED, *also})


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingTierError("storing a classical model", "train", error.name) from error
    return skops.io

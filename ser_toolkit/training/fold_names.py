"""Names of folds: each its own, and before the warnings that are about some folds only."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

__all__ = ["distinct_names", "gather"]

_NAMED = 3


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of which no two are the same.

    Parameters
    ----------
    names : sequence of str
        One per fold.

    Returns
    -------
    list of str
        Those that occur once as they are; the others numbered in their order, ``"same (1)"``, ``"same (2)"``.
    """
    counts, given = Counter(names), set(names)
    numbers: dict[str, itertools.count[int]] = {}
    distinct = []
    for name in names:
        if counts[name] > 1:
            numbered = (f"{name} ({n})" for n in numbers.setdefault(name, itertools.count(1)))
            name = next(text for text in numbered if text not in given)
        distinct.append(name)
    return distinct


def gather(found: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """Warnings of many folds, each sentence once and with the folds that it is about.

    Parameters
    ----------
    found : sequence of (str, sequence of str)
        Name of the fold, its warnings.

    Returns
    -------
    tuple of str
        In the order of their first occurrence.
    """
    where: dict[str, list[str]] = {}
    for name, said in found:
        for text in said:
            where.setdefault(text, []).append(name)
    texts = []
    for text, names in where.items():
        some = "; ".join([*names[:_NAMED], *["..."] * (len(names) > _NAMED)])
        texts.append(text if len(names) == len(found) else f"{len(names)} of {len(found)} folds ({some}): {text}")
    return tuple(texts)

"""Which training windows an epoch sees, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["epoch_order"]

_MIX, _DECK = 0xBA1A, 0xDEC4
"""Keep the random numbers of this module apart from those that others draw from the same seed."""


def epoch_order(
    classes: NDArray[np.int64],
    *,
    sampling: Literal["all", "balanced", "corpus-balanced"],
    seed: int,
    epoch: int,
    corpora: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Order of the training windows in one epoch, the same in every process.

    Parameters
    ----------
    classes : ndarray of int64, shape (n_windows,)
        Class of each training window.
    sampling : {"all", "balanced", "corpus-balanced"}
        ``"all"``: each window once. ``"balanced"``: as many windows, and of all classes that occur the same number,
        or one more of some where it does not divide. The windows of a class are dealt like cards, and shuffled again
        when all were dealt, over the epochs too: none comes a second time before each has come once.
        ``"corpus-balanced"``: the same with the classes of each corpus in place of the classes.
    seed : int
        Of the draw.
    epoch : int
        From 1.
    corpora : ndarray of int64, shape (n_windows,), optional
        Corpus of each training window; default: one corpus.

    Returns
    -------
    ndarray of int64, shape (n_windows,)
        Positions in `classes`.
    """
    n = len(classes)
    if sampling == "all":
        return np.random.default_rng([seed, epoch]).permutation(n)
    cells = classes
    if sampling == "corpus-balanced" and corpora is not None:
        cells = corpora * (classes.max() + 1) + classes
    present = np.unique(cells)
    share, rest = divmod(n, len(present))
    dealt = [
        _deal(np.flatnonzero(cells == k), share + (i < rest), seed=[seed, int(k)], epoch=epoch)
        for i, k in enumerate(present)
    ]
    return np.random.default_rng([seed, epoch, _MIX]).permutation(np.concatenate(dealt))


def _deal(members: NDArray[np.int64], count: int, *, seed: list[int], epoch: int) -> NDArray[np.int64]:
    """Cards `count` * (`epoch` - 1) and following of a deck that is shuffled anew whenever it is used up."""
    first = count * (epoch - 1)
    begin, end = first // len(members), -(-(first + count) // len(members))
    decks = [np.random.default_rng([*seed, deck, _DECK]).permutation(members) for deck in range(begin, end)]
    start = first - begin * len(members)
    return np.concatenate(decks)[start : start + count]

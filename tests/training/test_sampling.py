"""The order of windows: every window once, or every class as often."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.training.sampling import epoch_order

CLASSES = np.repeat([0, 1, 2, 4], [70, 20, 7, 3])  # nobody has class 3


def test_all_is_every_window_once_in_the_order_that_earlier_versions_drew():
    order = epoch_order(CLASSES, sampling="all", seed=5, epoch=3)
    assert np.array_equal(order, np.random.default_rng([5, 3]).permutation(100))


def test_balanced_classes_are_equally_frequent():
    order = epoch_order(CLASSES, sampling="balanced", seed=5, epoch=1)
    assert np.bincount(CLASSES[order]).tolist() == [25, 25, 25, 0, 25]
    uneven = epoch_order(CLASSES[:98], sampling="balanced", seed=5, epoch=1)
    assert sorted(np.bincount(CLASSES[uneven])) == [0, 24, 24, 25, 25]
    assert len(uneven) == 98


def test_no_window_comes_twice_before_each_of_its_class_came_once():
    drawn = np.concatenate([epoch_order(CLASSES, sampling="balanced", seed=5, epoch=e) for e in range(1, 8)])
    for k in (0, 1, 2, 4):
        counts = np.bincount(drawn, minlength=100)[k == CLASSES]
        assert counts.min() >= counts.max() - 1
        assert counts.sum() == 7 * 25


@pytest.mark.parametrize("sampling", ["all", "balanced"])
def test_seed_and_epoch_decide(sampling):
    def order(**keys):
        return epoch_order(CLASSES, sampling=sampling, **keys).tolist()

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert order(seed=1, epoch=2) != order(seed=1, epoch=3)
    assert order(seed=1, epoch=2) != order(seed=2, epoch=2)


def test_a_balanced_epoch_is_mixed():
    order = CLASSES[epoch_order(CLASSES, sampling="balanced", seed=0, epoch=1)]
    assert len(set(order[:25].tolist())) == 4


CORPORA = np.tile([0, 0, 0, 1, 2], 20)  # corpus 1 and 2 have a fifth each


def test_classes_of_corpora_are_equally_frequent():
    order = epoch_order(CLASSES, sampling="corpus-balanced", seed=5, epoch=1, corpora=CORPORA)
    cells, before = np.unique(CORPORA * 10 + CLASSES, return_counts=True)
    drawn, counts = np.unique((CORPORA * 10 + CLASSES)[order], return_counts=True)
    assert np.array_equal(drawn, cells)
    assert before.min() == 1
    assert set(counts) == {100 // len(cells), 100 // len(cells) + 1}
    assert len(order) == 100


def test_one_corpus_is_balanced_by_class():
    balanced = epoch_order(CLASSES, sampling="balanced", seed=5, epoch=2)
    for corpora in (None, np.zeros(100, np.int64)):
        same = epoch_order(CLASSES, sampling="corpus-balanced", seed=5, epoch=2, corpora=corpora)
        assert np.array_equal(same, balanced)

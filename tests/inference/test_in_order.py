"""Rows in any order become files in order, each once."""

from __future__ import annotations

import numpy as np
import pytest

from ser_toolkit.inference.in_order import InOrder


def row(index, piece=0, *, last=True, n=2, heard=None):
    rng = np.random.default_rng([index, piece])
    heard = np.ones(n, dtype=bool) if heard is None else np.array(heard)
    kept = int(heard.sum())
    return {
        "index": index,
        "piece": piece,
        "last": last,
        "starts": 100 * piece + np.arange(len(heard), dtype=np.int64),
        "heard": heard,
        "features": {
            "vector": [rng.standard_normal(3).astype(np.float32) for _ in range(kept)],
            "frames": [rng.standard_normal((1, 2, 1 + i)).astype(np.float32) for i in range(kept)],
        },
        "n_samples": 1000,
        "y": np.zeros(1000),
    }


def taken(order):
    """Index, starts and values of the files whose turn it is."""
    found = []
    for light, pieces in order.ready():
        pieces = list(pieces)
        values = [v for piece in pieces for key in ("vector", "frames") for v in piece.features.get(key, [])]
        found.append((light["index"], [int(s) for piece in pieces for s in piece.starts], values))
    return found


def wanted(*rows):
    starts = [int(s) for r in rows for s in r["starts"][r["heard"]]]
    return rows[0]["index"], starts, [v for r in rows for key in ("vector", "frames") for v in r["features"][key]]


def same(found, expected):
    assert [one[:2] for one in found] == [one[:2] for one in expected]
    for (_, _, got), (_, _, want) in zip(found, expected, strict=True):
        assert len(got) == len(want)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_files_and_pieces_come_in_order(tmp_path):
    zero, one = row(0), row(1)
    two = [row(2, 0, last=False), row(2, 1, last=False, heard=[True, False]), row(2, 2)]
    with InOrder(tmp_path) as order:
        assert order.add(two[2]) is None
        assert order.add(one)["index"] == 1
        assert order.add(two[0]) is None
        assert taken(order) == []
        done = order.add(zero)
        assert "y" not in done
        assert "features" not in done
        same(taken(order), [wanted(zero), wanted(one)])
        assert order.add(two[1])["n_samples"] == 1000
        same(taken(order), [wanted(*two)])
        assert taken(order) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("late", [True, False])
def test_a_file_that_begins_again_or_fails(tmp_path, late):
    with InOrder(tmp_path) as order:
        if late:
            order.add(row(1))
        order.add(row(0, 0, last=False))
        order.drop(0)
        assert order.add(row(0, 1)) is None
        assert order.add({"index": 0, "path": "a", "status": "failed", "reason": "crashed", "detail": "?"})
        if not late:
            assert [one[:2] for one in taken(order)] == [(0, [])]
            order.add(row(1))
            same(taken(order), [wanted(row(1))])
        else:
            found = taken(order)
            assert found[0] == (0, [], [])
            same(found[1:], [wanted(row(1))])


def test_what_was_written_is_not_written_again(tmp_path):
    with InOrder(tmp_path) as order:
        order.add(row(0))
        assert len(taken(order)) == 1
        order.drop(0)
        assert order.add(row(0)) is None
        assert order.add({"index": 0, "status": "failed", "reason": "crashed", "detail": "?"}) is None
        order.add(row(1))
        same(taken(order), [wanted(row(1))])


def test_a_file_of_silence_alone_has_no_values(tmp_path):
    with InOrder(tmp_path) as order:
        order.add(row(0, 0, last=False))
        silent = row(0, 1, heard=[False, False])
        order.add(silent | {"features": {}})
        same(taken(order), [wanted(row(0, 0))])

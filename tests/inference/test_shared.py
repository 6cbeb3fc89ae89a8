"""One session for many files: batches go across them, and a bad one fails alone."""

from __future__ import annotations

import numpy as np
from fake_setup import FakeSetup, Formula

from ser_toolkit.inference.shared import WINDOWS_AT_ONCE, infer


class Runner:
    def __init__(self, **options):
        self.formula = Formula(**options)

    def run(self, features):
        return self.formula.run(features)


def row(index, n, *, value=0.1, silent=0):
    rng = np.random.default_rng(index)
    features = [np.array([value, *rng.uniform(0, 1, 2)], dtype=np.float32) for _ in range(n)]
    heard = np.array([True] * n + [False] * silent)
    return {"index": index, "features": {"vector": features}, "heard": heard}


def run(rows, runner, seconds=None):
    return list(infer(iter(rows), runner, FakeSetup().front_end().specs, seconds=seconds))


def test_batches_across_files_equal_single_ones():
    sizes = [3, 1, 50, 90, 2, 200, 1]
    runner, seconds = Runner(), {}
    together = run([row(i, n, silent=i % 2) for i, n in enumerate(sizes)], runner, seconds)
    assert [r["index"] for r in together] == list(range(len(sizes)))
    assert len(runner.formula.sizes) < len(sizes)
    assert seconds["inference"] > 0
    for i, (n, made) in enumerate(zip(sizes, together, strict=True)):
        (alone,) = run([row(i, n)], Runner())
        np.testing.assert_allclose(made["probabilities"], alone["probabilities"], atol=1e-6)
        assert made["features"] == {}


def test_nothing_waits_when_there_is_nothing_more():
    runner = Runner()
    given = infer(iter([row(0, 2), None, row(1, 2)]), runner, FakeSetup().front_end().specs)
    assert next(given)["index"] == 0
    assert next(given) is None
    assert next(given)["index"] == 1
    assert runner.formula.sizes == [2, 2]
    run([row(i, WINDOWS_AT_ONCE) for i in range(3)], runner)
    assert runner.formula.sizes[2:] == [WINDOWS_AT_ONCE] * 3


def test_a_poisonous_row_fails_alone():
    rows = [row(0, 2), row(1, 2, value=9.0), row(2, 2)]
    made = run(rows, Runner(poison=5.0))
    assert [r.get("status") for r in made] == [None, "failed", None]
    assert made[1]["reason"] == "crashed"
    assert "ValueError: such a window cannot be" in made[1]["detail"]
    for i in (0, 2):
        (alone,) = run([row(i, 2)], Runner())
        np.testing.assert_allclose(made[i]["probabilities"], alone["probabilities"], atol=1e-6)


def test_rows_that_need_no_network_pass():
    refused = {"index": 0, "status": "failed", "reason": "missing", "detail": ""}
    dropped = {"index": 1, "dropped": True}
    silent = row(2, 0, silent=4)
    runner = Runner()
    made = run([refused, dropped, silent], runner)
    assert runner.formula.sizes == []
    assert [r["index"] for r in made] == [0, 1, 2]
    assert "probabilities" not in made[2]

"""A timeline has no overlaps, keeps gaps, and says of every moment what the nearest window says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_toolkit.report.results import UNCERTAIN, WindowResult, Windows
from ser_toolkit.report.timeline import intervals

LABELS = ("anger", "joy", "sadness")


def windows(*rows, **common):
    """Each row is (start, end, probability of anger, of joy)."""
    return tuple(
        WindowResult(start_s=s, end_s=e, probabilities=dict(zip(LABELS, (a, j, 1 - a - j), strict=True)), **common)
        for s, e, a, j in rows
    )


def told(found):
    return [(i.start_s, i.end_s, i.label, pytest.approx(i.confidence)) for i in found]


def test_boundaries_lie_midway_between_the_centres_of_overlapping_windows():
    found = intervals(windows((0, 3, 0.8, 0.1), (1, 4, 0.1, 0.7), (2, 5, 0.1, 0.8)), labels=LABELS)
    # anger until (1.5 + 2.5) / 2; joy: one second at .7, then two at .8
    assert told(found) == [(0, 2, "anger", 0.8), (2, 5, "joy", (0.7 * 1 + 0.8 * 2) / 3)]


def test_touching_windows_and_a_last_one_that_ends_with_the_recording():
    found = intervals(windows((0, 3, 0.8, 0.1), (3, 6, 0.1, 0.7), (3.5, 6.5, 0.9, 0.1)), labels=LABELS)
    assert told(found) == [(0, 3, "anger", 0.8), (3, 4.75, "joy", 0.7), (4.75, 6.5, "anger", 0.9)]


def test_what_has_no_window_is_a_gap_even_between_equal_labels():
    found = intervals(windows((0, 3, 0.8, 0.1), (6, 9, 0.6, 0.1), (9.0001, 12, 0.6, 0.1)), labels=LABELS)
    assert told(found) == [(0, 3, "anger", 0.8), (6, 12, "anger", 0.6)]  # a sample between windows is no gap


def test_uncertain_below_the_least_confidence():
    rows = windows((0, 3, 0.45, 0.3), (3, 6, 0.3, 0.45), (6, 9, 0.5, 0.1), min_confidence=0.5)
    assert told(intervals(rows, labels=LABELS)) == [(0, 6, UNCERTAIN, 0.45), (6, 9, "anger", 0.5)]


def test_the_smoothed_distribution_is_taken_where_there_is_one():
    smoothed = {"anger": 0.1, "joy": 0.6, "sadness": 0.3}
    rows = windows((0, 3, 0.8, 0.1), (3, 6, 0.1, 0.7), smoothed=smoothed)
    assert told(intervals(rows, labels=LABELS)) == [(0, 6, "joy", 0.6)]


def test_one_window_and_none():
    assert told(intervals(windows((0, 1.25, 0.2, 0.7)), labels=LABELS)) == [(0, 1.25, "joy", 0.7)]
    assert intervals((), labels=LABELS) == ()


def test_a_window_within_another_overlaps_nothing():
    found = intervals(windows((0, 10, 0.8, 0.1), (2, 3, 0.1, 0.7), (2.5, 12, 0.1, 0.1)), labels=LABELS)
    assert all(a.end_s <= b.start_s for a, b in zip(found[:-1], found[1:], strict=True))
    assert found[0].start_s == 0
    assert found[-1].end_s == 12


@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([None, 0.5]))
def test_every_moment_belongs_to_the_nearest_window(n, seed, least):
    rng = np.random.default_rng(seed)
    starts = np.cumsum(rng.choice([0.5, 0.75, 3.0, 7.0], size=n)).astype(float)
    p = rng.dirichlet(np.ones(3), size=n).astype(np.float32)
    held = Windows(labels=LABELS, starts_s=starts, ends_s=starts + 3, probabilities=p, min_confidence=least or 0.0)
    found = intervals(held, labels=LABELS)
    assert found == intervals(tuple(held), labels=LABELS)  # arrays and objects agree
    assert all(i.end_s > i.start_s for i in found)
    assert all(a.end_s <= b.start_s for a, b in zip(found[:-1], found[1:], strict=True))
    for moment in rng.uniform(starts[0], starts[-1] + 3, size=20):
        inside = [w for w in held if w.start_s <= moment <= w.end_s]
        here = [i.label for i in found if i.start_s <= moment <= i.end_s]
        if not inside:
            assert not here
            continue
        nearest = min(inside, key=lambda w: abs((w.start_s + w.end_s) / 2 - moment))
        assert nearest.predicted in here

"""Speed and the time that is left: right for equal files, silent rather than wild."""

from __future__ import annotations

import pytest

from ser_toolkit.report.pace import Pace


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def run(n, files, *, seconds_each=0.1, duration_s=3.0):
    """A pace after some equal files."""
    clock = Clock()
    pace = Pace(n, clock=clock)
    for _ in range(files):
        clock.now += seconds_each
        pace.audio_done(duration_s)
        pace.file_done(duration_s)
    return pace, clock


def test_equal_files():
    pace, _ = run(1000, 400)
    assert pace.files_per_s == pytest.approx(10)
    assert pace.real_time == pytest.approx(30)
    assert pace.left_s == pytest.approx(60)
    assert pace.elapsed_s == pytest.approx(40)


def test_audio_counts_once_whether_it_was_reported_or_not():
    clock = Clock()
    pace = Pace(10, clock=clock)
    pace.audio_done(3)
    pace.file_done(3)
    pace.file_done(3)
    assert pace.audio_s == 6


def test_nothing_is_said_before_enough_is_known():
    assert run(1000, 2, seconds_each=5)[0].left_s is None
    assert run(1000, 10)[0].left_s is None
    assert Pace(0, clock=Clock()).left_s == 0
    assert Pace(5, clock=Clock()).files_per_s == Pace(5, clock=Clock()).real_time == 0


def test_one_long_file_does_not_stretch_the_rest():
    pace, clock = run(1000, 100)
    before = pace.left_s
    for _ in range(3600):  # an hour at 30 times real time
        clock.now += 1 / 30
        pace.audio_done(1)
    during = pace.left_s
    pace.file_done(3600)
    assert during is None
    assert before == pytest.approx(90)
    assert pace.left_s == pytest.approx(90, rel=0.02)


def test_a_long_file_at_the_start():
    clock = Clock()
    pace = Pace(100, clock=clock)
    clock.now += 120
    pace.file_done(3600)
    for _ in range(19):
        clock.now += 0.1
        pace.file_done(3)
    assert pace.left_s == pytest.approx(80 * 0.1, rel=0.02)


def test_the_last_file_is_not_nearly_done_when_it_is_long():
    pace, clock = run(400, 399)
    clock.now += 60
    pace.audio_done(1800)
    assert pace.left_s is None


def test_a_file_that_failed_in_the_middle_is_no_longer_in_work():
    pace, clock = run(500, 400)
    clock.now += 1
    pace.audio_done(3000)
    assert pace.left_s is None
    pace.file_done(None)
    assert pace.left_s is not None


def test_the_speed_is_that_of_the_last_minute():
    pace, clock = run(100_000, 10_000, seconds_each=0.01)
    for _ in range(700):
        clock.now += 0.1
        pace.file_done(3.0)
    assert pace.files_per_s == pytest.approx(10, rel=0.05)


def test_files_without_audio_count_as_files():
    pace, _ = run(100, 50, seconds_each=0.2, duration_s=0.0)
    assert pace.left_s == pytest.approx(10)
    assert run(10, 10)[0].left_s == 0

"""Sound that a thread takes in: in order, no more than there is room for, and with the time at which it came."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ser_toolkit.data.arrivals import HELD_S, Arrivals
from ser_toolkit.errors import AudioError

SR = 100


def test_blocks_come_in_order_with_their_times():
    now = [0.0]
    asked = [threading.Event() for _ in range(4)]

    def source():
        for i in range(3):
            asked[i].wait(10)
            now[0] = 10.0 * (i + 1)
            yield np.full(50, 0.1 * i, dtype=np.float32)
        asked[3].wait(10)

    with Arrivals(source(), SR, clock=lambda: now[0]) as sound:
        blocks = iter(sound)
        for i in range(3):
            asked[i].set()
            assert next(blocks)[0] == pytest.approx(0.1 * i)
        assert (sound.came_s, sound.waiting_s, sound.ended) == (1.5, 0, False)
        assert [sound.when(s) for s in (0.2, 0.5, 0.51, 1.0, 1.5, 9.0)] == [10, 10, 20, 20, 30, 30]
        now[0] = 31.5
        assert sound.silent_for_s == 1.5
        asked[3].set()
        assert list(blocks) == []
        assert sound.ended


def test_a_source_waits_for_room():
    n_given = []
    full = threading.Event()

    def source():
        for i in range(100):
            if i >= HELD_S:
                full.set()
            n_given.append(i)
            yield np.zeros(SR, dtype=np.float32)

    with Arrivals(source(), SR) as sound:
        assert full.wait(10)
        assert sound.waiting_s <= HELD_S
        assert len(list(sound)) == 100
    assert sound.waiting_s == 0


def test_leaving_ends_a_source_that_waits():
    left = threading.Event()

    def source():
        try:
            while True:
                yield np.zeros(SR, dtype=np.float32)
        finally:
            left.set()

    given = source()
    with Arrivals(given, SR) as sound:
        next(iter(sound))
    (thread,) = [t for t in threading.enumerate() if t.name == "sound"] or [None]
    if thread:
        thread.join(10)
    given.close()
    assert left.wait(10)
    assert sound.ended


def test_a_block_longer_than_there_is_room_for():
    with Arrivals([np.zeros(SR * 100, dtype=np.float32)] * 2, SR) as sound:
        assert [len(y) for y in sound] == [SR * 100] * 2


def test_errors_come_after_the_sound():
    def source():
        yield np.ones(3, dtype=np.float32)
        raise AudioError("unreadable", "pulled out")

    with Arrivals(source(), SR) as sound:
        blocks = iter(sound)
        assert len(next(blocks)) == 3
        with pytest.raises(AudioError, match="pulled out"):
            next(blocks)


def test_level():
    now = [0.0]
    loud, quiet = (np.array([a, -a], dtype=np.float32) for a in (0.5, 0.05))
    gate = threading.Event()

    def source():
        yield np.zeros(0, dtype=np.float32)
        yield loud
        gate.wait(10)
        now[0] = 0.5
        yield quiet

    with Arrivals(source(), SR, clock=lambda: now[0]) as sound:
        assert sound.level_dbfs in (-np.inf, pytest.approx(-6.02, abs=0.01))
        blocks = iter(sound)
        next(blocks), next(blocks)
        assert sound.level_dbfs == pytest.approx(-6.02, abs=0.01)
        assert sound.when(0.0) == 0.0
        gate.set()
        next(blocks)
        assert sound.level_dbfs == pytest.approx(-26.02, abs=0.01)
        now[0] = 9.0
        assert sound.level_dbfs == -np.inf


def test_nothing_came():
    with Arrivals([], SR, clock=lambda: 5.0) as sound:
        assert list(sound) == []
        assert sound.when(1.0) == 5.0
        assert sound.came_s == 0

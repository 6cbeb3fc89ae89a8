"""Jobs in several processes: their order, their errors, what a death says, and how many are held."""

from __future__ import annotations

import contextlib
import os

import pytest

from ser_toolkit.data.process_map import process_map
from ser_toolkit.errors import AudioError, SerToolkitError


def square(n: int) -> tuple[int, int]:
    return n * n, os.getpid()


def refuse_seven(n: int) -> int:
    if n == 7:
        raise AudioError("empty", "seven")
    return n


def die_at_seven(n: int) -> int:
    if n == 7:
        os._exit(1)
    return n


def said(near) -> str:
    return f"died near {list(near)[:3]}"


@pytest.mark.parametrize(("workers", "n"), [(1, 50), (2, 50), (0, 3)])
def test_results_are_in_order(workers, n):
    results = list(process_map(square, range(n), n_jobs=n, workers=workers, died=said))
    assert [value for value, _ in results] == [i * i for i in range(n)]
    assert (os.getpid() in {pid for _, pid in results}) == (workers != 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_of_a_job_arrives_where_its_result_would(workers):
    results = process_map(refuse_seven, range(20), n_jobs=20, workers=workers, died=said)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(AudioError, match="seven"):
        next(results)


def test_a_death_names_the_jobs_that_may_have_caused_it():
    with pytest.raises(SerToolkitError, match=r"died near \[\d"):
        list(process_map(die_at_seven, range(20), n_jobs=20, workers=2, died=said))


def test_a_bounded_number_of_jobs_is_read_ahead():
    read = []

    def jobs():
        for n in range(1000):
            read.append(n)
            yield n

    with contextlib.closing(process_map(square, jobs(), n_jobs=1000, workers=2, died=said)) as results:
        next(results)
        assert len(read) < 50


def test_no_jobs():
    assert list(process_map(square, [], n_jobs=0, workers=2, died=said)) == []

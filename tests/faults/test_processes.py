"""Processes that are killed, crash, hang or raise cost no more than the file that they were at."""

from __future__ import annotations

import itertools
import os
import signal

import fault_runs
import pytest
from fault_runs import DEADLINE_S, leftovers, rows, workers

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")


@pytest.fixture
def unbroken(bench, recordings, tmp_path):
    """Bytes of the table of a run in which nothing happens, for the folder as it is then."""

    def table():
        path = tmp_path / "unbroken.jsonl"
        assert bench.run(recordings, "-o", path)[0] == 0
        return path.read_bytes()

    return table


def assert_whole(bench, recordings, out, unbroken, *, code=0):
    """A run with --resume gives what an unbroken one gives, and leaves nothing else behind."""
    done, _, err = bench.run(recordings, "-o", out / "o.jsonl", "--resume")
    assert done == code, err
    assert (out / "o.jsonl").read_bytes() == unbroken()
    assert leftovers(out, "o.jsonl") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        ("segfault", "crashed", "the process that worked on it ended: SIGSEGV"),
        ("exit", "crashed", "the process that worked on it ended: exit code 7"),
        ("raise", "crashed", "ZeroDivisionError: [red]in a plugin[/red]"),
        ("nan", "crashed", "gave values that are not finite"),
    ],
)
@pytest.mark.parametrize("where", ["3.wav", "long.wav"])
def test_a_plugin_that_fails_on_one_file_costs_one_row(
    bench, long_recordings, out, unbroken, fault, reason, detail, where
):
    other = {"3.wav": "long.wav", "long.wav": "3.wav"}[where]
    (long_recordings / other).unlink()
    code, _, err = bench.run(long_recordings, "-o", out / "o.jsonl", env={"FAULT": fault})
    found = rows(out / "o.jsonl")
    assert code == 3
    assert {name for name, row in found.items() if row["status"] != "ok"} == {where}
    assert found[where]["reason"] == reason
    assert detail in found[where]["detail"]
    assert len(found) == 8
    assert leftovers(out, "o.jsonl") == ["o.jsonl.resume"]
    assert f"the same command with --resume tries the failed files again ({out / 'o.jsonl.resume'} remembers)" in err
    if fault in ("segfault", "exit"):
        assert err.count("it is tried once more") == err.count("it is left out") == 1
    assert_whole(bench, long_recordings, out, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "hang with the lock"])
@pytest.mark.parametrize("where", ["3.wav", "long.wav"])
def test_a_plugin_that_hangs_is_given_up(bench, long_recordings, out, unbroken, events, fault, where):
    (long_recordings / {"3.wav": "long.wav", "long.wav": "3.wav"}[where]).unlink()
    with events.heard() as pids:
        environment = {"FAULT": fault, **events.environment}
        code, _, err = bench.run(long_recordings, "-o", out / "o.jsonl", "--timeout", "1", env=environment)
        next(pids)
    found = rows(out / "o.jsonl")
    assert code == 3
    assert {name: row["reason"] for name, row in found.items() if row["status"] != "ok"} == {where: "timed out"}
    assert err.count(f"{where}: nothing came of it in 1 s; it is left out") == 1
    assert_whole(bench, long_recordings, out, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["3.wav", "long.wav"])
def test_a_worker_that_is_killed_is_replaced_and_its_file_tried_again(
    bench, long_recordings, out, unbroken, events, where
):
    (long_recordings / {"3.wav": "long.wav", "long.wav": "3.wav"}[where]).unlink()
    with events.heard() as pids:
        run = bench.start(long_recordings, "-o", out / "o.jsonl", env={"FAULT": "hang", **events.environment})
        os.kill(next(pids), signal.SIGKILL)
        os.kill(next(pids), signal.SIGKILL)
        code, _, err = run.wait()
    bench.assert_clean(run, err)
    found = rows(out / "o.jsonl")
    assert code == 3
    assert {name: row["reason"] for name, row in found.items() if row["status"] != "ok"} == {where: "crashed"}
    assert "the process that worked on it ended: SIGKILL (out of memory?)" in found[where]["detail"]
    assert_whole(bench, long_recordings, out, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["3.wav", "long.wav"])
def test_a_worker_that_is_killed_once_costs_nothing(bench, long_recordings, out, unbroken, events, where):
    (long_recordings / {"3.wav": "long.wav", "long.wav": "3.wav"}[where]).unlink()
    with events.heard() as pids:
        run = bench.start(long_recordings, "-o", out / "o.jsonl", env={"FAULT": "hang", **events.environment})
        os.kill(next(pids), signal.SIGKILL)
        next(pids)  # the second try
        (events.folder / "block").open("w").close()
        code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 0, err
    assert err.count(f"{where}: the process that worked on it ended: SIGKILL (out of memory?)") == 1
    assert (out / "o.jsonl").read_bytes() == unbroken()
    assert leftovers(out, "o.jsonl") == []


@pytest.mark.slow
def test_the_reader_of_a_long_recording_is_killed(bench, long_recordings, out, unbroken, events):
    (long_recordings / "3.wav").unlink()
    with events.heard() as pids:
        run = bench.start(long_recordings, "-o", out / "o.jsonl", env={"FAULT": "hang", **events.environment})
        busy = next(pids)
        (reader,) = (pid for pid in workers(run)[-1:] if pid != busy)
        os.kill(reader, signal.SIGKILL)
        (events.folder / "block").open("w").close()
        code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 0, err
    assert (out / "o.jsonl").read_bytes() == unbroken()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_processes_are_killed_at_random_all_the_time(bench, long_recordings, out, unbroken, seed):
    """Each may cost a file, never the run, and what is lost comes with --resume."""
    import random

    rng = random.Random(seed)
    run = bench.start(long_recordings, "-o", out / "o.jsonl", env={"FAULT_WORK": "200"})
    for _ in itertools.repeat(None, 4):
        if run.ends_within(rng.uniform(0.8, 1.5)):
            break
        if found := workers(run):
            os.kill(rng.choice(found), signal.SIGKILL)
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code in (0, 3), err
    assert len(rows(out / "o.jsonl")) == 9
    assert_whole(bench, long_recordings, out, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "hang with the lock"])
def test_a_worker_that_hangs_ends_with_the_run_that_is_killed(bench, recordings, out, events, fault):
    with events.heard() as pids:
        run = bench.start(recordings, "-o", out / "o.jsonl", env={"FAULT": fault, **events.environment})
        next(pids)
        run.signal(signal.SIGKILL)
        run.process.wait(DEADLINE_S)
        fault_runs.assert_nobody_is_left(run.pid)


@pytest.mark.slow
def test_a_run_that_is_stopped_and_goes_on_gives_nothing_up(bench, recordings, out, unbroken, events):
    """Ctrl-Z and fg: the time between them is nobody's fault."""
    with events.heard() as pids:
        run = bench.start(
            recordings, "-o", out / "o.jsonl", "--timeout", "1.5", env={"FAULT": "hang", **events.environment}
        )
        next(pids)
        os.killpg(run.pid, signal.SIGSTOP)
        assert not run.ends_within(2.5)
        os.killpg(run.pid, signal.SIGCONT)
        (events.folder / "block").open("w").close()
        code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 0, err
    assert (out / "o.jsonl").read_bytes() == unbroken()

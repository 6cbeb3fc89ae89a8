"""Runs that end too early: by Ctrl-C, by kill -9, because the reader of their output has gone."""

from __future__ import annotations

import os
import random
import signal
import subprocess

import fault_runs
import pytest
from fault_runs import DEADLINE_S, leftovers, rows, workers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]
WORK = {"FAULT_WORK": "60"}


@pytest.fixture
def journal(out):
    return out / "o.jsonl.resume"


def n_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_ctrl_c_prints_and_saves_what_is_done(bench, long_recordings, out, journal, tmp_path, seed, twice):
    rng = random.Random(seed)
    n_workers = "0" if seed == 2 else "2"
    run = bench.start(long_recordings, "-o", out / "o.jsonl", "--workers", n_workers, env=WORK)
    run.reaches(lambda: n_lines(journal) > rng.randrange(0, 8))
    run.interrupt()
    if twice:
        run.ends_within(rng.uniform(0, 0.3))
        run.interrupt()
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    # a second Ctrl-C may find Python on its way out, with threads of its libraries still there
    assert code in ((0, 130, -signal.SIGINT, -signal.SIGABRT) if twice else (0, 130)), err
    if code != 0:  # else it was done before it heard
        assert "interrupted" in err
        assert leftovers(out, "o.jsonl") == ["o.jsonl.resume"]
    if not twice and code:
        assert "the same command with --resume goes on" in err
        assert all(row["status"] == "ok" for row in rows(out / "o.jsonl").values())
    code, _, err = bench.run(long_recordings, "-o", out / "o.jsonl", "--resume")
    assert code == 0, err
    assert bench.run(long_recordings, "-o", tmp_path / "unbroken.jsonl")[0] == 0
    assert (out / "o.jsonl").read_bytes() == (tmp_path / "unbroken.jsonl").read_bytes()
    assert leftovers(out, "o.jsonl") == []


@pytest.mark.parametrize("seed", range(5))
def test_ctrl_c_at_any_moment(bench, recordings, out, seed):
    """Without an output nothing is left at all."""
    run = bench.start(recordings, "--json", env=WORK)
    if run.reaches(lambda: bool(workers(run))):
        run.ends_within(random.Random(seed).uniform(0, 1.2))
    run.interrupt()
    code, text, err = run.wait()
    bench.assert_clean(run, err)
    assert code in (0, 130, -signal.SIGINT), err
    if code != 130:  # it was done, and on its way out
        assert len(text.splitlines()) == 8


@pytest.mark.parametrize("kind", ["csv"])
def test_kill_9_and_resume_twenty_times(bench, long_recordings, out, tmp_path, kind):
    rng = random.Random(kind)
    table = out / f"o.{kind}"
    journal = out / f"o.{kind}.resume"
    n_killed = 0
    assert bench.run(long_recordings, "-o", tmp_path / f"unbroken.{kind}")[0] == 0
    unbroken = (tmp_path / f"unbroken.{kind}").read_bytes()
    before = 0
    while n_killed < 20:
        run = bench.start(
            long_recordings, "-o", table, "--resume", "--workers", rng.choice(["0", "2"]), env={"FAULT_WORK": "300"}
        )
        if run.reaches(journal.exists):
            run.ends_within(rng.uniform(0, 0.4))
        run.signal(signal.SIGKILL)
        n_killed += run.process.wait(DEADLINE_S) == -signal.SIGKILL
        fault_runs.assert_nobody_is_left(run.pid)
        if run.process.returncode == 0:
            assert table.read_bytes() == unbroken
            table.unlink()
            before = 0
        else:
            assert n_lines(journal) >= before  # what was done stays done
            before = n_lines(journal)
            assert not table.exists()
    assert bench.run(long_recordings, "-o", table, "--resume")[0] == 0
    assert table.read_bytes() == unbroken
    assert leftovers(out, table.name) == []


def test_a_reader_that_leaves(bench, recordings):
    run = bench.start(recordings, "--json")
    line = run.process.stdout.readline()
    assert line.startswith(b'{"file"')
    run.process.stdout.close()
    err = run.process.stderr.read().decode()
    assert run.process.wait(DEADLINE_S) in (0, 1, 141)
    run.process.stderr.close()
    bench.assert_clean(run, err)
    assert err == ""


def test_closed_standard_output(bench, recordings, out):
    run = bench.start(recordings, "-o", out / "o.csv", stdout=None, preexec_fn=lambda: os.close(1))
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 0, err
    run = bench.start(recordings, "--json", stdout=None, preexec_fn=lambda: os.close(1))
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert (code, err) == (1, "error: standard output is closed; write to a file with --output\n")


def test_closed_standard_error(bench, recordings, out):
    run = bench.start(recordings, "-o", out / "o.csv", stderr=subprocess.DEVNULL, preexec_fn=lambda: os.close(2))
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 0
    assert leftovers(out, "o.csv") == []

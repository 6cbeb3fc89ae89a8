"""`analyze --engine ray` on a cluster of three nodes: what a local run gives, whatever happens on the way."""

from __future__ import annotations

import os
import signal

import fault_runs
import pytest
from fault_runs import rows, speech, write

START_S = 1500.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Thirty good recordings of 1.5 to 3.5 s, one of two minutes, one that is none, and one of silence."""
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(30):
        write(folder / f"{i}.wav", speech(1.5 + (i % 5) / 2, seed=i))
    write(folder / "long.wav", speech(120, seed=77))
    write(folder / "silent.wav", 0 * speech(2, seed=1))
    (folder / "none.wav").write_text("no sound")
    return folder


def assert_same(found, expected, *, but=()):
    """The same rows, numbers to 1e-6."""
    assert found.keys() == expected.keys()
    for name in expected.keys() - set(but):
        a, b = found[name], expected[name]
        assert (a["status"], a["reason"], a["notes"]) == (b["status"], b["reason"], b["notes"]), name
        assert a["probabilities"] == pytest.approx(b["probabilities"], abs=1e-6), name
        assert [w["start_s"] for w in a["windows"]] == [w["start_s"] for w in b["windows"]], name
        for w, v in zip(a["windows"], b["windows"], strict=True):
            assert w["probabilities"] == pytest.approx(v["probabilities"], abs=1e-6), name


@pytest.fixture(scope="module")
def expected(site_and_model, recordings, tmp_path_factory):
    """Rows of a local run in which nothing happens."""
    folder = tmp_path_factory.mktemp("local")
    run = fault_runs.Bench(*site_and_model, folder).start(recordings, "-o", folder / "o.jsonl", "--workers", 0)
    _, err = run.process.communicate(timeout=START_S)
    assert run.process.returncode == 3, err
    return rows(folder / "o.jsonl")


def on_ray(nodes):
    return "--engine", "ray", "--address", nodes.address, "--workers", 3


def n_lines(path):
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def test_three_nodes_give_what_one_process_gives(bench, recordings, expected, nodes, tmp_path):
    code, _, err = bench.run(recordings, "-o", tmp_path / "o.jsonl", "--profile", *on_ray(nodes))
    assert code == 3, err
    found = rows(tmp_path / "o.jsonl")
    assert_same(found, expected)
    assert found["long.wav"]["windows"][-1]["end_s"] == 120
    assert (found["none.wav"]["reason"], found["silent.wav"]["reason"]) == ("undecodable", "no speech")
    assert "3 workers" in err
    assert "decode" in err
    assert "features: fault-vector" in err


def test_a_file_that_kills_its_actor_is_one_failed_row(bench, recordings, expected, nodes, tmp_path):
    folder = tmp_path / "with-poison"
    folder.mkdir()
    for path in recordings.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "3.wav").unlink()
    write(folder / "3.wav", speech(3, seed=3, poison=True))
    code, _, err = bench.run(folder, "-o", tmp_path / "o.jsonl", *on_ray(nodes))
    assert code == 3, err
    found = rows(tmp_path / "o.jsonl")
    assert (found["3.wav"]["status"], found["3.wav"]["reason"]) == ("failed", "crashed")
    assert found["3.wav"]["detail"] == "the process that worked on it ended twice"
    assert "tried once more, each by itself" in err
    assert_same(found, expected, but=["3.wav"])


def test_a_driver_that_is_killed_goes_on_where_it_was(bench, recordings, expected, nodes, tmp_path):
    out = tmp_path / "o.jsonl"
    run = bench.start(recordings, "-o", out, *on_ray(nodes))
    assert run.reaches(lambda: n_lines(out.with_name("o.jsonl.resume")) > 8)
    run.signal(signal.SIGKILL)
    run.wait()
    fault_runs.assert_nobody_is_left(run.pid)
    n_before = n_lines(out.with_name("o.jsonl.resume"))
    assert 8 < n_before < len(expected)
    code, _, err = bench.run(recordings, "-o", out, "--resume", *on_ray(nodes))
    assert code == 3, err
    assert "files were done before" in err
    assert_same(rows(out), expected)


def test_ctrl_c_leaves_a_table_of_what_was_done(bench, recordings, nodes, tmp_path):
    out = tmp_path / "o.jsonl"
    run = bench.start(recordings, "-o", out, *on_ray(nodes))
    assert run.reaches(lambda: n_lines(out.with_name("o.jsonl.resume")) > 4)
    run.interrupt()
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 130, err
    assert "interrupted after" in err
    assert 0 < len(rows(out)) < 33


def test_a_node_that_is_lost_takes_no_file_with_it(bench, recordings, expected, nodes, tmp_path):
    out = tmp_path / "o.jsonl"
    run = bench.start(recordings, "-o", out, *on_ray(nodes))
    assert run.reaches(lambda: n_lines(out.with_name("o.jsonl.resume")) > 4)
    nodes.kill_one()
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    nodes.add()
    assert code == 3, err
    assert_same(rows(out), expected)

"""``ser-toolkit cache``."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest

from ser_toolkit.cli import cache as command
from ser_toolkit.data.cache_entry import write_entry
from ser_toolkit.report.cache import age, size


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache [bold]"
    monkeypatch.setenv("SER_TOOLKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def run(monkeypatch, capfd):
    """The group by itself: exit code, standard output, standard error."""
    from typer.testing import CliRunner

    monkeypatch.setenv("COLUMNS", "160")

    def invoke(*args, input=None):
        done = CliRunner().invoke(command.app, list(args), input=input)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return invoke


def fill(folder, n=3, kind="melspec-1"):
    paths = [folder / kind / f"{i:02x}" / f"{i:038x}.bin" for i in range(n)]
    for path in paths:
        write_entry(path, [np.arange(10_000, dtype=np.float32)])
    return paths


def test_info_of_nothing(run, cache):
    done = run("info")
    assert done.exit_code == 0
    assert "0 bytes in 0 entries, limit 20.0 GB" in done.stdout
    assert not cache.exists()


def test_info_lists_features(run, cache, monkeypatch):
    old = time.time() - 3 * 86_400
    os.utime(fill(cache)[0], (old, old))
    fill(cache, 1, "_recordings-1")
    monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", "0.5")
    text = run("info").stdout
    assert "melspec" in text
    assert "120.4 kB" in text
    assert "3 days ago" in text
    assert "cache [bold]" in text.replace("\n", "")
    assert "limit 500.0 MB" in text
    assert "recordings" in text
    for limit, said in (("inf", "no limit"), ("0", "switched off")):
        monkeypatch.setenv("SER_TOOLKIT_CACHE_MAX_GB", limit)
        assert said in run("info").stdout
    shown = json.loads(run("info", "--json").stdout)
    assert shown["folder"] == str(cache)
    assert [(f["name"], f["entries"]) for f in shown["features"]] == [("_recordings", 1), ("melspec", 3)]


def test_clear_asks_first(run, cache):
    paths = fill(cache)
    refused = run("clear", input="n\n")
    assert refused.exit_code == 1
    assert "remove 3 entries (120.4 kB)?" in refused.stderr
    assert all(p.exists() for p in paths)
    done = run("clear", input="y\n")
    assert done.exit_code == 0
    assert "removed 3 entries, 120.4 kB" in done.stdout
    assert not any(p.exists() for p in paths)
    assert run("clear").stdout == "removed 0 entries, 0 bytes\n"  # nothing to ask about


def test_clear_some(run, cache):
    mel, gemaps = fill(cache, 3), fill(cache, 2, "egemaps-1")
    old = time.time() - 40 * 86_400
    os.utime(mel[0], (old, old))
    assert "removed 1 entries" in run("clear", "--older-than", "30", "-y").stdout
    assert "removed 2 entries" in run("clear", "--feature", "egemaps", "--yes").stdout
    assert [p.exists() for p in (*mel, *gemaps)] == [False, True, True, False, False]


def test_verify_counts_and_removes_the_damaged(run, cache):
    paths = fill(cache)
    done = run("verify")
    assert (done.exit_code, done.stdout) == (0, "3 entries, 0 of them damaged\n")
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    done = run("verify")
    assert (done.exit_code, done.stdout) == (1, "3 entries, 1 of them damaged and removed\n")
    assert not paths[1].exists()
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("name", ["info", "clear", "verify"])
def test_help_has_examples(run, name):
    text = run(name, "--help").stdout
    assert "Examples" in text
    assert text.count(f"ser-toolkit cache {name}") >= 2


def test_sizes_and_ages_in_words():
    assert [size(n) for n in (0, 999, 1000, 12_345_678, 20e9, 3e15)] == [
        "0 bytes", "999 bytes", "1.0 kB", "12.3 MB", "20.0 GB", "3000.0 TB",
    ]  # fmt: skip
    assert [age(s) for s in (5, 60, 7200, 90_000)] == ["just now", "1 minute ago", "2 hours ago", "1 day ago"]

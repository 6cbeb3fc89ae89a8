"""Outputs that cannot be written: what was done is kept, and the message says where it failed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest
from fault_runs import leftovers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of so many kB of its own, which is taken away in the end."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(n_kb):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={n_kb}k", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("this machine lets nobody mount")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(folder, *, leave_kb):
    """Use a disk up but for so many kB."""
    n_bytes = shutil.disk_usage(folder).free - leave_kb * 1024
    (folder / "filling").write_bytes(b"x" * n_bytes)


def assert_message(err, *words):
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, err
    assert all(word in errors[0] for word in ("No space left on device", *words)), err


@pytest.mark.parametrize("level", ["file", "window"])
def test_the_disk_is_full_while_results_come(bench, long_recordings, small_disk, tmp_path, level):
    disk = small_disk(64)
    fill(disk, leave_kb=8)
    arguments = (long_recordings, "--level", level, "-o", disk / "o.jsonl")
    code, _, err = bench.run(*arguments)
    assert code == 1
    assert_message(err, "o.jsonl.resume: cannot be written", "go on with --resume")
    assert leftovers(disk, "filling") == ["o.jsonl.resume"]
    (disk / "filling").unlink()
    n_done = (disk / "o.jsonl.resume").read_bytes().count(b"\n") - 1
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    code, _, err = bench.run(*arguments, "--resume")
    assert code == 0, err
    assert (f"{n_done} of 9 files were done before" in err) == (n_done > 0)
    assert bench.run(*arguments[:3], "-o", tmp_path / "unbroken.jsonl")[0] == 0
    assert (disk / "o.jsonl").read_bytes() == (tmp_path / "unbroken.jsonl").read_bytes()
    assert leftovers(disk, "o.jsonl") == []


@pytest.mark.parametrize(
    ("main", "more"), [("o.csv", ()), ("o.parquet", ()), ("r.html", ()), ("o.csv", ("--textgrid", "tracks"))]
)
def test_the_disk_is_full_when_the_outputs_are_written(bench, recordings, small_disk, out, main, more):
    """The journal fits, what is made of it in the end does not."""
    option = "--report" if main.endswith("html") else "-o"
    (recordings / "bad.wav").touch()
    assert bench.run(recordings, option, out / main)[0] == 3  # leaves its journal behind
    n_pages = -(-(out / f"{main}.resume").stat().st_size // 4096)
    (recordings / "bad.wav").unlink()
    disk = small_disk(4096)
    fill(disk, leave_kb=4 * n_pages)
    arguments = (recordings, option, disk / main, *more[:1], *(disk / name for name in more[1:]))
    code, _, err = bench.run(*arguments)
    assert code == 1, err
    assert_message(err, "cannot be written")
    assert f"the same command with --resume goes on ({disk / main}.resume remembers what was done)" in err
    assert set(leftovers(disk, "filling", "tracks")) - {main} == {f"{main}.resume"}
    assert not (disk / "tracks").exists() or not list((disk / "tracks").iterdir())
    (disk / "filling").unlink()
    code, _, err = bench.run(*arguments, "--resume")
    assert code == 0, err
    assert "8 of 8 files were done before" in err
    beside = ["r.json"] if option == "--report" else []
    assert leftovers(disk, main, "tracks") == beside
    if option == "-o" and main.endswith("csv"):
        assert bench.run(recordings, "-o", out / main)[0] == 0
        assert (disk / main).read_bytes() == (out / main).read_bytes()


def test_the_temporary_disk_is_full(bench, recordings, small_disk):
    """Without an output results are in TMPDIR."""
    disk = small_disk(16)
    fill(disk, leave_kb=4)
    run = bench.start(recordings, env={"TMPDIR": str(disk)})
    code, _, err = run.wait()
    bench.assert_clean(run, err)
    assert code == 1
    assert_message(err, "cannot be written", "Set TMPDIR to a folder with room, or name an --output")
    assert leftovers(disk, "filling") == []


def test_a_folder_that_is_read_only(bench, recordings, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere; covered by the read-only disk")
    folder = tmp_path / "closed"
    folder.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    code, _, err = bench.run(recordings, "-o", folder / "o.csv")
    assert code == 1
    assert err.startswith(f"error: {folder / 'o.csv.resume'}: cannot be written: Permission denied")


def test_a_disk_that_is_read_only(bench, recordings, small_disk):
    disk = small_disk(64)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for arguments in (("-o", disk / "o.csv"), ("--report", disk / "r.html")):
        code, _, err = bench.run(recordings, *arguments)
        assert code == 1
        assert err.startswith("error: ")
        assert "cannot be written: Read-only file system" in err
        assert len(err.splitlines()) == 1
    code, _, err = bench.run(recordings, "--audacity", disk / "tracks")
    assert code == 1
    assert "Read-only file system" in err

"""Folders that change, go round in circles, and hold files of any name and content."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from fault_runs import SR, leftovers, rows, speech, write

from ser_toolkit.data.files import display_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]


@pytest.mark.parametrize("n_workers", ["0", "2"])
def test_the_bad_files_of_the_foundation(bench, recordings, out, n_workers):
    good = (recordings / "7.wav").read_bytes()
    y = speech(2.0, seed=20)
    nan = (y / 32768).astype(np.float32)
    nan[500] = np.nan
    bad = {
        "zero.wav": ("failed", "empty", b""),
        "text.wav": ("failed", "undecodable", b"this is no sound at all\n" * 40),
        "header-only.wav": ("failed", "undecodable", b"RIFF\x24\x00\x00\x00WAVEfmt "),
        "ten-ms.wav": ("skipped", "too short", y[:40]),
        "silence.wav": ("skipped", "no speech", np.zeros(SR, dtype=np.int16)),
        "nan.wav": ("failed", "non-finite", nan),
        "truncated.wav": ("ok", "", good[: len(good) * 2 // 3]),
    }
    for name, (_, _, content) in bad.items():
        if isinstance(content, bytes):
            (recordings / name).write_bytes(content)
        elif content.dtype == np.float32:
            import soundfile

            soundfile.write(recordings / name, content, SR, subtype="FLOAT")
        else:
            write(recordings / name, content)
    os.mkfifo(recordings / "pipe.wav")
    (recordings / "folder.wav").mkdir()
    (recordings / "broken-link.wav").symlink_to(recordings / "nowhere.wav")
    code, _, err = bench.run(recordings, recordings / "missing.wav", "-o", out / "o.jsonl", "--workers", n_workers)
    assert code == 3, err
    found = rows(out / "o.jsonl")
    expected = {name: row[:2] for name, row in bad.items()}
    expected |= {f"{i}.wav": ("ok", "") for i in range(8)}
    expected |= {"pipe.wav": ("failed", "unreadable")}
    expected |= dict.fromkeys(("missing.wav", "broken-link.wav"), ("failed", "missing"))
    assert {name: (row["status"], row["reason"]) for name, row in found.items()} == expected


def test_one_corrupt_file_in_a_thousand(bench, tmp_path, out):
    for i in range(1000):
        write(tmp_path / "many" / f"{i:03}.wav", speech(0.4, seed=i))
    (tmp_path / "many" / "500.wav").write_bytes(b"RIFF, and then nothing of the kind")
    code, _, err = bench.run(tmp_path / "many", "-o", out / "o.csv")
    assert code == 3
    with (out / "o.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == len({row["file"] for row in found}) == 1000
    assert [Path(row["file"]).name for row in found if row["status"] != "ok"] == ["500.wav"]
    assert sum(bool(row["predicted"]) for row in found) == 999
    assert "1000 files, 999 ok, 1 failed" in " ".join(err.split())


def test_a_folder_that_changes_while_it_is_read(bench, long_recordings, out, events, tmp_path):
    """What is listed is looked at as it is when its turn comes; what came later is seen by --resume."""
    folder = long_recordings
    with events.heard() as pids:
        run = bench.start(folder, "-o", out / "o.jsonl", "--workers", "1", env={"FAULT": "hang", **events.environment})
        next(pids)  # at 3.wav: 0 to 2 are done, 4 and more are to come, and 4 is at hand
        (folder / "5.wav").unlink()
        (folder / "6.wav").write_bytes((folder / "6.wav").read_bytes()[:2000])
        write(folder / "7.wav", speech(1.2, seed=77))
        write(folder / "8.wav", speech(1.2, seed=78))
        write(folder / "0.wav", speech(2.2, seed=79))
        (events.folder / "block").open("w").close()
        next(pids)  # in the middle of long.wav
        os.truncate(folder / "long.wav", 2 * 300 * SR)
        (events.folder / "block").open("w").close()
        code, _, err = run.wait()
    bench.assert_clean(run, err)
    found = rows(out / "o.jsonl")
    assert code == 3, err
    assert {name: row["reason"] for name, row in found.items() if row["status"] != "ok"} == {"5.wav": "missing"}
    assert "truncated" in found["6.wav"]["notes"]
    assert found["7.wav"]["duration_s"] == pytest.approx(1.2)
    assert "8.wav" not in found
    assert found["0.wav"]["duration_s"] == pytest.approx(1.5)
    assert "truncated" in found["long.wav"]["notes"]
    code, _, err = bench.run(folder, "-o", out / "o.jsonl", "--resume")
    assert code == 0, err
    assert bench.run(folder, "-o", tmp_path / "unbroken.jsonl")[0] == 0
    assert (out / "o.jsonl").read_bytes() == (tmp_path / "unbroken.jsonl").read_bytes()
    assert set(rows(out / "o.jsonl")) == {f"{i}.wav" for i in (0, 1, 2, 3, 4, 6, 7, 8)} | {"long.wav"}
    assert leftovers(out, "o.jsonl") == []


def test_links_that_go_round(bench, recordings, out):
    deep = recordings / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "up").symlink_to(recordings, target_is_directory=True)
    (deep / "self").symlink_to(deep / "self")
    (deep / "self.wav").symlink_to(deep / "self.wav")
    (recordings / "z").symlink_to(deep, target_is_directory=True)
    code, _, err = bench.run(recordings, recordings / "a", "-o", out / "o.jsonl")
    found = rows(out / "o.jsonl")
    assert code == 3, err
    assert set(found) == {f"{i}.wav" for i in range(8)} | {"self.wav"}
    assert found["self.wav"]["status"] == "failed"


HOSTILE = [
    b"<script>window.hit=1</script>.wav".replace(b"/", b"\xe2\x88\x95"),
    b"<img src=x onerror=window.hit=1>.wav",
    b"[red]bold[b] [link=file:x]y.wav",
    b"=cmd()|calc.wav",
    b"+1+1.wav",
    b"@sum(a1).wav",
    b"line\nfeed\r\ttab.wav",
    b"not-utf8-\xff\xfe.wav",
    b"\x1b]0;title\x07\x1b[2Jclear.wav",
    "right\u202eto\u202cleft.wav".encode(),
    "sep\u2028arator\x85.wav".encode(),
    b"%41%0A.wav",
    b"{{ 7*7 }}{% raw %}.wav",
    b"-o.wav",
    b"n" * 251 + b".wav",
    b"quote\"and'comma,semi;.wav",
    "naïve-日本語-🎙.wav".encode(),
]


@pytest.fixture
def hostile_folder(tmp_path):
    """A recording of each name, and one at the end of a path of nearly 4,000 characters."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for i, name in enumerate(HOSTILE):
        os.rename(os.fsencode(write(folder / "x.wav", speech(1.2, seed=i))), os.fsencode(folder) + b"/" + name)
    write(folder / "x.wav", speech(1.2, seed=99))
    here = os.open(folder, os.O_RDONLY)
    n = len(os.fsencode(folder))
    source = os.open(folder, os.O_RDONLY)
    while n < 3700:
        os.mkdir("d" * 250, dir_fd=here)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, n = inner, n + 251
    os.rename("x.wav", "deep.wav", src_dir_fd=source, dst_dir_fd=here)
    os.close(here)
    os.close(source)
    return folder


def test_hostile_names(bench, hostile_folder, out):
    names = {display_path(os.fsdecode(name)) for name in HOSTILE} | {"deep.wav"}
    code, text, err = bench.run(hostile_folder, "--report", out / "r.html", "-o", out / "o.csv")
    assert code == 0, err
    assert leftovers(out, "r.html", "r.json", "o.csv") == []
    for shown in (text, err):
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "\u202e" not in shown
    with (out / "o.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["file"] for row in csv.DictReader(file)]
    assert {cell.removeprefix(f"{hostile_folder}/").rpartition("/")[2] for cell in cells} == names
    assert len(cells) == len(names)
    page = (out / "r.html").read_text(encoding="utf-8")
    assert "<script>window.hit" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page
    json.loads((out / "r.json").read_text(encoding="utf-8"))
    code, text, err = bench.run(hostile_folder, "--json")
    assert code == 0
    found = [json.loads(line) for line in text.splitlines()]
    assert {Path(row["file"]).name for row in found} == names
    code, text, err = bench.run(hostile_folder)
    assert code == 0
    assert "[red]bold[b] [link=file:x]y.wav" in text
    assert "=cmd()|calc.wav" in text
    assert "line%0Afeed%0D%09tab.wav" in text
    assert "not-utf8-%FF%FE.wav" in text
    assert not {"\x1b", "\x07", "\u202e", "\x85"} & set(text)


def test_hostile_names_by_relative_path(bench, hostile_folder, out):
    """A table whose cells begin with what a spreadsheet would compute."""
    code, _, err = bench.run(
        *(Path(name.decode()) for name in (b"=cmd()|calc.wav", b"+1+1.wav", b"@sum(a1).wav")),
        "-o",
        out / "o.csv",
        cwd=hostile_folder,
    )
    assert code == 0, err
    with (out / "o.csv").open(newline="", encoding="utf-8") as file:
        cells = [row["file"] for row in csv.DictReader(file)]
    assert cells == ["'=cmd()|calc.wav", "'+1+1.wav", "'@sum(a1).wav"]


def test_hostile_names_that_fail_are_harmless_too(bench, hostile_folder, out, events):
    for path in hostile_folder.iterdir():
        if path.is_file():
            path.write_bytes(b"no sound")
    code, text, err = bench.run(hostile_folder, "-o", out / "o.jsonl")
    assert code == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(text + err)
    assert sum(row["status"] == "failed" for row in rows(out / "o.jsonl").values()) == len(HOSTILE)
    for i, name in enumerate(HOSTILE):
        path = write(hostile_folder / "x.wav", speech(1.2, seed=i, poison=b"\n" in name or b"\x1b" in name))
        os.rename(os.fsencode(path), os.fsencode(hostile_folder) + b"/" + name)
    code, text, err = bench.run(hostile_folder, "-o", out / "o.jsonl", "--resume", env={"FAULT": "segfault"})
    assert code == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(text + err)
    assert "line%0Afeed%0D%09tab.wav: the process that worked on it ended: SIGSEGV; it is left out" in err
    code, text, err = bench.run(hostile_folder, "-o", out / "o.jsonl", "--resume")
    assert code == 0, err
    assert leftovers(out, "o.jsonl") == []

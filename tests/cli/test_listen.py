"""`listen` as users run it: sound in one pipe, rows in another, or a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import soundfile

import ser_toolkit
from ser_toolkit.testing.sounds import speech

SR = 16_000
COMMAND = [sys.executable, "-m", "ser_toolkit", "listen"]
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "listen-row.schema.json").read_text())
DEADLINE_S = 120


@pytest.fixture(scope="module")
def sound():
    return np.concatenate([speech(3.5, SR), np.zeros(4 * SR, dtype=np.float32), speech(1.1, SR, seed=1)])


def pcm(y):
    return (y * 32767).astype("<i2").tobytes()


def rows_of(text):
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        jsonschema.validate(row, SCHEMA)
    return rows


@contextlib.contextmanager
def begun(*args, **kwargs):
    """The command, listening to a pipe."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *args], stdin=pipe, stdout=pipe, stderr=pipe, **kwargs) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_rows_of_analyze_and_nothing_is_kept(tmp_path, cli, sound):
    """A WAV file of two channels at another rate, piped: the windows that `analyze` has, and no file is written."""
    import soxr

    path, folder = tmp_path / "x.wav", tmp_path / "empty"
    folder.mkdir()
    soundfile.write(path, np.stack([soxr.resample(sound, SR, 22_050)] * 2, axis=1), 22_050)
    environment = os.environ | {"TMPDIR": str(folder), "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "c")}
    with path.open("rb") as file:
        done = subprocess.run(COMMAND, stdin=file, capture_output=True, cwd=folder, env=environment, check=False)
    rows = rows_of(done.stdout.decode())
    assert done.returncode == 0
    assert "listening to standard input (22,050 Hz, s16le, 2 channels) with trilingual" in done.stderr.decode()
    assert "heard 0:09 of sound: " in done.stderr.decode()
    sounds = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".nbi", ".nbc", ".pyc")]
    assert sounds == []
    expected = cli("analyze", path, "--hop", "recipe", "--level", "window", "--json", "--workers", "0", "--no-cache")
    whole = [json.loads(line) for line in expected.out.splitlines()]
    spoken = [row for row in rows if row["status"] == "ok"]
    assert len(rows) > len(spoken) > 2
    assert [(r["start_s"], r["end_s"]) for r in spoken] == [(r["start_s"], r["end_s"]) for r in whole]
    for one, other in zip(spoken, whole, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
        assert one["prediction_set"] == other["prediction_set"]


def test_rows_come_while_sound_comes_until_ctrl_c(sound):
    with begun("--speech", "off", "--hop", "window", "--min-confidence", "1") as process:
        process.stdin.write(pcm(sound[: 4 * SR]))
        process.stdin.flush()
        (row,) = rows_of(process.stdout.readline().decode())  # while the pipe is open
        assert (row["start_s"], row["end_s"], row["predicted"]) == (0, 3, "uncertain")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().splitlines()[-1].startswith("interrupted; heard 0:03 of sound: 1 of 1 windows with speech")
    assert "Traceback" not in err.decode()


def test_ctrl_c_while_the_model_opens():
    with begun() as process:
        process.stdin.write(bytes(100))
        process.stdin.flush()
        process.stdin.fileno()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in (130, -signal.SIGINT)  # Python itself may still be starting
    assert "Fatal" not in err.decode()


def test_a_reader_that_goes(sound):
    with begun() as process:
        process.stdin.write(pcm(sound[: 4 * SR]))
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.write(pcm(sound))
                process.stdin.flush()
        assert process.wait(DEADLINE_S) in (1, 141)  # typer has its own way
        assert b"Traceback" not in process.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal(sound):
    import pty

    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "90", "LINES": "30"}
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, env=environment, close_fds=True
    ) as process:
        os.close(theirs)
        process.stdin.write(pcm(sound))
        process.stdin.close()
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(ours, 65536):
                shown += data
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 0
    assert "standard input (16,000 Hz, s16le, mono)" in text
    assert all(label in text for label in ("anger", "happiness", "neutral", "sadness"))
    assert "latency" in text
    assert "{" not in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")


def test_no_sound(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", None)
    done = cli("listen")
    assert (done.code, done.out) == (2, "")
    assert "standard input is closed" in done.err

    class Terminal:
        closed = False

        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    done = cli("listen")
    assert done.code == 2
    assert "--mic default" in done.err


@pytest.mark.parametrize(
    ("data", "args", "code", "said"),
    [
        (b"", (), 1, "empty: "),
        (bytes(2 * 4000), (), 1, "too short: "),
        (b"fLaC" + bytes(99), (), 1, "FLAC, which is compressed"),
        (bytes(99), ("--rate", "0"), 2, "the sample rate of a stream is 1 to 768,000 Hz, not 0"),
        (bytes(99), ("--mic", "default", "--encoding", "s16le"), 2, "a microphone has none"),
    ],
)
def test_what_cannot_be_followed(cli, monkeypatch, tmp_path, data, args, code, said):
    path = tmp_path / "sound"
    path.write_bytes(data)
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        done = cli("listen", *args)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len([line for line in done.err.splitlines() if "error" in line]) == 1


def test_in_this_process(cli, monkeypatch, tmp_path, sound):
    path = tmp_path / "sound"
    y = sound.astype("<f4")
    y[5] = np.nan
    path.write_bytes(y.tobytes())
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        done = cli("listen", "--encoding", "f32le", "--hop", "window", "--json")
    rows = rows_of(done.out)
    assert done.code == 0
    assert [r["start_s"] for r in rows] == [0, 3, pytest.approx(5.6)]
    assert {r["status"] for r in rows} == {"ok"}
    assert "warning: 1 samples were NaN, infinite or absurdly large" in done.err


def test_windows_that_fail(cli, monkeypatch, tmp_path, sound):
    path = tmp_path / "sound"
    path.write_bytes(pcm(sound[: 4 * SR]))

    def fails(self, output, features):
        raise ValueError("a network of a stranger")

    opened = ser_toolkit.load(device="cpu")
    monkeypatch.setattr(type(opened.session), "run", fails)
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        done = cli("listen")
    assert done.code == 1
    assert {r["detail"] for r in rows_of(done.out)} == {"a network of a stranger"}
    assert "failed" in done.err

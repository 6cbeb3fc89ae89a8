"""``analyze``: every file a row, whatever it holds; the exit code says how it went."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

SR = 16_000


@pytest.fixture
def bad_folder(tmp_path, tiny_corpus):
    """The bad files of the issue beside three good ones, with the status and reason that each must get."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    good, _ = soundfile.read(tiny_corpus.parent / "audio" / "s0-anger-1.wav", dtype="float32")
    expected = {}

    def add(name, status, reason="", *, y=None, sr=SR, data=None, **kwargs):
        path = os.fsencode(folder) + b"/" + name if isinstance(name, bytes) else folder / name
        if data is None:
            with open(path, "wb") as file:
                soundfile.write(file, good if y is None else y, sr, format=kwargs.pop("format", "WAV"), **kwargs)
        else:
            with open(path, "wb") as file:
                file.write(data)
        expected[name] = (status, reason)

    nan = good.copy()
    nan[500] = np.nan
    add("good.wav", "ok")
    add("zero.wav", "failed", "empty", data=b"")
    add("text.wav", "failed", "undecodable", data=b"this is no sound at all\n" * 40)
    add("header-only.wav", "failed", "undecodable", data=b"RIFF\x24\x00\x00\x00WAVEfmt ")
    add("ten-ms.wav", "skipped", "too short", y=good[:160])
    add("silence.wav", "skipped", "no speech", y=np.zeros(SR))
    add("nan.wav", "failed", "non-finite", y=nan, subtype="FLOAT")
    add("eight-channels.wav", "ok", y=np.stack([good] * 8, axis=1))
    add("8k.wav", "ok", y=good[::2], sr=8000)
    add("192k.wav", "ok", y=np.repeat(good, 12), sr=192_000)
    add("[red]bold[b] <script>.wav", "ok")
    add("=cmd()\nnewline.wav", "ok")
    add(b"not-utf8-\xff\xfe.wav", "ok")
    whole = (folder / "good.wav").read_bytes()
    add("truncated.wav", "ok", data=whole[: len(whole) * 2 // 3])
    return folder, expected


def test_every_bad_file_is_a_row(cli, bad_folder, tiny_model):
    folder, expected = bad_folder
    done = cli("analyze", folder, folder / "missing.wav", "--model", tiny_model, "--json")
    rows = {r["file"]: r for r in map(json.loads, done.out.splitlines())}
    assert done.code == 3
    assert done.err == ""
    assert len(rows) == len(expected) + 1
    prefix = f"{folder}/"
    shown = {"=cmd()\nnewline.wav": "=cmd()%0Anewline.wav", b"not-utf8-\xff\xfe.wav": "not-utf8-%FF%FE.wav"}
    for name, (status, reason) in expected.items():
        row = rows[prefix + shown.get(name, name)]
        assert (row["status"], row["reason"]) == (status, reason), name
        assert bool(row["probabilities"]) == (status == "ok")
    assert rows[prefix + "missing.wav"]["reason"] == "missing"
    notes = {
        name: rows[prefix + name]["notes"] for name in ("8k.wav", "192k.wav", "eight-channels.wav", "truncated.wav")
    }
    assert "resampled" in notes["8k.wav"]
    assert "resampled" in notes["192k.wav"]
    assert "mixed down" in notes["eight-channels.wav"]
    assert "truncated" in notes["truncated.wav"]


def test_the_table_shows_them_all_and_obeys_none(cli, bad_folder, tiny_model):
    folder, expected = bad_folder
    done = cli("analyze", folder, "--model", tiny_model)
    assert done.code == 3
    assert "[red]bold[b] <script>.wav" in done.out
    assert "not-utf8-%FF%FE.wav" in done.out
    assert "Not analyzed" in done.out
    assert f"{len(expected)} files, 8 ok, 2 skipped, 4 failed" in done.out
    assert "\x1b" not in done.out


def test_unreadable_file(cli, bad_folder, tiny_model):
    if os.geteuid() == 0:
        # root reads everything: ask as somebody else
        pytest.skip("root can read any file; covered by the process test below")
    folder, _ = bad_folder
    (folder / "good.wav").chmod(0)
    done = cli("analyze", folder / "good.wav", "--model", tiny_model, "--json")
    assert json.loads(done.out)["reason"] == "unreadable"


@pytest.mark.skipif(not hasattr(os, "setuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_unreadable_file_as_another_user(bad_folder, tiny_model, tmp_path):
    import subprocess
    import sys

    folder, _ = bad_folder
    (folder / "good.wav").chmod(0)
    code = (
        "import os; from ser_toolkit.inference.analysis import Analysis\n"
        "from ser_toolkit.inference.options import Options\n"
        "from ser_toolkit.data.files import find_audio\n"
        f"files = find_audio([{str(folder / 'good.wav')!r}])\n"
        f"with Analysis(files, Options(model={str(tiny_model)!r}, device='cpu', workers=0, cache_use='off')) as run:\n"
        "    import soundfile, soxr\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "    ((_, r),) = run.results(); print(r.status, r.reason)"
    )
    for part in (*folder.parents, folder):
        if str(part).startswith(str(tmp_path.parents[1])):
            part.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "failed unreadable"


def test_exit_codes(cli, bad_folder, tiny_model, tmp_path):
    folder, _ = bad_folder
    (tmp_path / "empty").mkdir()
    model = ("--model", tiny_model, "--workers", "0")
    assert cli("analyze", folder / "good.wav", *model).code == 0
    assert cli("analyze", folder / "good.wav", folder / "silence.wav", *model).code == 0
    assert cli("analyze", folder / "good.wav", folder / "zero.wav", *model).code == 3
    assert cli("analyze", folder / "zero.wav", *model).code == 1
    assert cli("analyze", tmp_path / "nowhere", *model).code == 1
    nothing = cli("analyze", tmp_path / "empty", *model)
    assert nothing.code == 1
    assert "no audio file in this folder" in " ".join(nothing.out.split())
    assert cli("analyze").code == 2
    assert cli("analyze", folder, "--format", "xml").code == 2
    assert cli("analyze", folder, "--json", "-o", "x.csv").code == 2
    assert cli("analyze", folder, "--format", "parquet").code == 2
    assert cli("analyze", folder, "-o", tmp_path / "x.txt").code == 2
    assert cli("analyze", folder, "--format", "table", "-o", tmp_path / "x").code == 2


def test_errors_are_one_line_that_says_what_to_do(cli, bad_folder, tiny_model, tmp_path):
    folder, _ = bad_folder
    wrong = cli("analyze", folder, "--model", tmp_path / "no.onnx")
    assert wrong.code == 1
    assert wrong.out == ""
    assert wrong.err.startswith("error: ")
    assert "no such file" in wrong.err
    assert len(wrong.err.splitlines()) == 1
    text = tmp_path / "text.onnx"
    text.write_text("[red]no[/red]")
    assert "is no ONNX model" in cli("analyze", folder, "--model", text).err
    assert "no device is called 'gpu'" in cli("analyze", folder, "--device", "gpu", "--model", tiny_model).err


def test_files(cli, bad_folder, tiny_model, tmp_path):
    folder, expected = bad_folder
    model = ("--model", tiny_model, "--workers", "0")
    for name in ("o.csv", "o.jsonl", "o.parquet"):
        done = cli("analyze", folder, *model, "-o", tmp_path / name)
        assert done.code == 3
        assert done.out == ""
        assert f"wrote {tmp_path / name}" in done.err
        assert "Not analyzed" in done.err
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    parquet = pyarrow.parquet.read_table(tmp_path / "o.parquet").to_pylist()
    jsonl = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert len(rows) == len(parquet) == len(jsonl) == len(expected)
    for a, b, c in zip(rows, parquet, jsonl, strict=True):
        assert a["file"] == b["file"] == c["file"]
        assert a["status"] == b["status"] == c["status"]
        if c["status"] == "ok":
            assert float(a["anger"]) == pytest.approx(b["anger"], abs=1e-5)
            assert b["anger"] == c["probabilities"]["anger"]


def set_thresholds(model, path, sets):
    """A copy of a model with these prediction sets in its recipe."""
    import onnx

    from ser_toolkit.recipe import METADATA_KEY

    proto = onnx.load(model)
    data = json.loads(proto.metadata_props[0].value)
    data["calibration"]["conformal"] = sets
    onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(data)})
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize(("threshold", "uncertain"), [(1.0, True), (0.0, False)])
def test_sets_in_every_output(cli, bad_folder, tiny_model, tmp_path, threshold, uncertain):
    folder, _ = bad_folder
    sets = {"method": "class-conditional", "alpha": 0.2, "thresholds": [threshold] * 2, "n": 73, "fitted_on": "[b]dev"}
    model = set_thresholds(tiny_model, tmp_path / "m.onnx", sets)
    arguments = (folder / "good.wav", folder / "silence.wav", "--model", model, "--workers", "0")
    table = " ".join(cli("analyze", *arguments).out.split())
    assert "hold the true emotion in 80 % of recordings of each emotion like the 73" in table
    assert "([b]dev)" in table
    assert f"{int(uncertain)} of 1 (~): the set holds more than one emotion" in table
    assert (" ~ " in table) == uncertain
    ok, skipped = map(json.loads, cli("analyze", *arguments, "--json").out.splitlines())
    assert ok["ranked"] == sorted(ok["probabilities"], key=ok["probabilities"].get, reverse=True)
    assert ok["prediction_set"] == (ok["ranked"] if uncertain else ok["ranked"][:1])
    assert ok["uncertain"] is uncertain
    assert 0 <= ok["entropy"] <= 1
    assert ok["windows"][0]["prediction_set"][0] in ok["ranked"]
    assert (skipped["prediction_set"], skipped["entropy"], skipped["uncertain"]) == (None, None, None)
    cli("analyze", *arguments, "-o", tmp_path / "o.csv")
    cli("analyze", *arguments, "-o", tmp_path / "o.parquet")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["uncertain"] for r in rows] == [str(uncertain).lower(), ""]
    assert rows[0]["prediction_set"] == "; ".join(ok["prediction_set"])
    assert pyarrow.parquet.read_table(tmp_path / "o.parquet")["uncertain"].to_pylist() == [uncertain, None]


def test_a_model_without_thresholds_says_so(cli, bad_folder, tiny_model, tmp_path):
    folder, _ = bad_folder
    model = set_thresholds(tiny_model, tmp_path / "m.onnx", None)
    done = cli("analyze", folder / "good.wav", "--model", model)
    assert "none (the model has no thresholds)" in done.out
    assert "~" not in done.out
    row = json.loads(cli("analyze", folder / "good.wav", "--model", model, "--json").out)
    assert (row["prediction_set"], row["uncertain"]) == (None, None)
    assert row["entropy"] is not None


def test_output_that_cannot_be_written(cli, bad_folder, tiny_model, tmp_path):
    folder, _ = bad_folder
    done = cli("analyze", folder / "good.wav", "--model", tiny_model, "-o", tmp_path / "none" / "o.csv")
    assert done.code == 1
    assert "o.csv.resume: cannot be written: No such file or directory" in done.err


def test_nothing_that_is_read_is_written_over(cli, bad_folder, tiny_model, tmp_path):
    folder, _ = bad_folder
    good, model = folder / "good.wav", tmp_path / "m.onnx"
    model.write_bytes(tiny_model.read_bytes())
    before = good.read_bytes()
    assert cli("analyze", folder, "--model", model, "-o", good, "-f", "csv").code == 2
    assert cli("analyze", good, "--model", model, "-o", model, "-f", "csv").code == 2
    assert good.read_bytes() == before
    assert model.read_bytes() == tiny_model.read_bytes()
    fifo = tmp_path / "pipe.csv"
    os.mkfifo(fifo)
    done = cli("analyze", good, "--model", model, "-o", fifo)
    assert done.code == 1
    assert "is no regular file" in done.err
    assert fifo.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_a_full_device_behind_standard_output_is_one_line(bad_folder, tiny_model):
    import subprocess
    import sys

    folder, _ = bad_folder
    command = f"{sys.executable} -m ser_toolkit analyze '{folder}' --model '{tiny_model}' --json > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_windows_and_hop(cli, tiny_corpus, tiny_model):
    path = tiny_corpus.parent / "audio" / "s0-anger-1.wav"
    counts = [
        json.loads(cli("analyze", path, "--model", tiny_model, "--json", *hop).out)["n_windows"]
        for hop in ((), ("--hop", "0.1"))
    ]
    assert counts == [2, 2]  # 1.6 s: one window of 1.5 s and one that ends with the recording


def test_a_plugin_that_raises_on_one_file_costs_one_row(cli, tiny_model, tiny_corpus, monkeypatch):
    from ser_toolkit.features import FeatureSet

    right = FeatureSet.of
    calls = []

    def sometimes(self, piece):
        calls.append(1)
        if len(calls) == 3:  # the first of two features of the second file
            raise ZeroDivisionError("in a plugin")
        return right(self, piece)

    monkeypatch.setattr(FeatureSet, "of", sometimes)
    done = cli("analyze", tiny_corpus.parent, "--model", tiny_model, "--json", "--workers", "0", "--no-cache")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 3
    assert len(rows) == 24
    assert [r["reason"] for r in rows if r["status"] != "ok"] == ["crashed"]
    assert "ZeroDivisionError: in a plugin" in rows[1]["detail"]


@pytest.fixture
def ctrl_c_at(monkeypatch):
    """Ctrl-C when this file is opened, once."""
    from ser_toolkit.inference import stages

    right = stages.open_recording

    def arm(name):
        armed = [name]

        def interrupted(path, **kwargs):
            if Path(path).name in armed:
                armed.clear()
                raise KeyboardInterrupt
            return right(path, **kwargs)

        monkeypatch.setattr(stages, "open_recording", interrupted)

    return arm


def test_ctrl_c_prints_and_saves_what_is_done(cli, bad_folder, tiny_model, tmp_path, ctrl_c_at):
    folder, expected = bad_folder
    arguments = ("analyze", folder, "--model", tiny_model, "--workers", "0", "-o", tmp_path / "o.jsonl")
    ctrl_c_at("eight-channels.wav")
    done = cli(*arguments)
    n_done = len((tmp_path / "o.jsonl").read_text().splitlines())
    assert done.code == 130
    assert n_done == 4  # 192k, 8k, =cmd(), [red]
    assert f"interrupted after {n_done} of 14 files; what was done is kept" in done.err
    assert "the same command with --resume goes on" in done.err
    done = cli(*arguments, "--resume")
    assert done.code == 3
    assert f"{n_done} of 14 files were done before" in done.err
    first = (tmp_path / "o.jsonl").read_bytes()
    assert len(first.splitlines()) == len(expected)
    assert cli(*arguments).code == 3
    assert (tmp_path / "o.jsonl").read_bytes() == first


def test_rows_that_were_done_before_are_streamed_too(cli, bad_folder, tiny_model, tmp_path, ctrl_c_at):
    folder, _ = bad_folder
    files = [folder / name for name in ("good.wav", "8k.wav", "192k.wav")]
    arguments = ("analyze", *files, "--model", tiny_model, "--workers", "0", "--json", "--report", tmp_path / "r.html")
    ctrl_c_at("192k.wav")
    done = cli(*arguments)
    assert (done.code, len(done.out.splitlines())) == (130, 2)
    ctrl_c_at("good.wav")  # has its result already
    os.utime(files[1])  # and this one looks changed
    done = cli(*arguments, "--resume")
    assert [Path(json.loads(line)["file"]).name for line in done.out.splitlines()] == [path.name for path in files]
    assert done.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json", "recordings"]


def test_resume_needs_an_output_and_the_same_settings(cli, bad_folder, tiny_model, tmp_path, ctrl_c_at):
    folder, _ = bad_folder
    assert cli("analyze", folder, "--model", tiny_model, "--resume").code == 2
    ctrl_c_at("good.wav")
    arguments = ("analyze", folder / "8k.wav", folder / "good.wav", "--model", tiny_model, "-o", tmp_path / "o.csv")
    assert cli(*arguments, "--workers", "0").code == 130
    done = cli(*arguments, "--workers", "0", "--resume", "--aggregate", "vote")
    assert done.code == 1
    assert "the run that was not finished had other settings (aggregate 'mean', now 'vote')" in done.err
    assert cli(*arguments, "--workers", "0", "--resume").code == 0


def test_a_reader_that_leaves_is_no_error(bad_folder, tiny_model):
    import subprocess
    import sys

    folder, _ = bad_folder
    command = f"{sys.executable} -m ser_toolkit analyze '{folder}' --model '{tiny_model}' --json | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_the_bundled_model_offline(process, tmp_path):
    """The first thing that anybody runs: no model named, no network, from any folder."""
    examples = Path(__file__).parents[2] / "examples" / "audio"
    shutil.copytree(examples, tmp_path / "audio")
    done = process("analyze", "audio", "--json", cwd=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(rows) == 8
    assert all(set(r["probabilities"]) == {"anger", "happiness", "neutral", "sadness"} for r in rows)
    # probabilities must depend on what is heard
    assert len({round(r["confidence"], 3) for r in rows}) > 4
    assert all(r["prediction_set"][0] == r["predicted"] for r in rows)
    assert {r["uncertain"] for r in rows} == {True, False}

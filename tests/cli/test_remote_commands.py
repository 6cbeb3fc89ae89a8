"""Commands on servers that really run: what comes out is what comes out of the same files on this machine."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from remote_servers import bad_line

from ser_toolkit.data import atomic, connection, remote
from ser_toolkit.data.locations import Url, locate
from ser_toolkit.data.remote_listing import files_under
from ser_toolkit.evaluation.predictions import Predictions

for package in ("s3fs", "sshfs", "aiohttp"):
    pytest.importorskip(package, reason="the [remote] tier is not installed")

EXAMPLES = Path(__file__).parents[2] / "examples/audio"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    sound = sorted(EXAMPLES.glob("*.wav"))[:2]
    for name, source in zip(("one.wav", "two.wav"), sound, strict=True):
        (folder / name).write_bytes(source.read_bytes())
    (folder / "manifest.csv").write_text(
        "file,start,end,speaker,emotion\none.wav,0,1,anna,anger\none.wav,1,2,anna,anger\ngone.wav,,,bert,sadness\n"
    )
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    for name, value in {
        "HOME": str(home / "home"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SER_TOOLKIT_REMOTE_TRIES": "2",
        "SER_TOOLKIT_REMOTE_TIMEOUT_S": "20",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection, "_systems", {})
    monkeypatch.setattr(connection, "_FIRST_WAIT_S", 0.01)
    monkeypatch.chdir(tmp_path)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_analyze_reads_writes_and_resumes(
    cli, s3: str, sftp: str, web: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    model = Path(__file__).parents[2] / "ser_toolkit/models/emodb.onnx"
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    with bad_line(web) as line:
        line.faults = ["refuse"] * 50
        asked = (
            "analyze", "s3://archive/in", f"{sftp}{files}/one.wav", f"http://127.0.0.1:{line.port}/open/two.wav?k=SECRET",
            "--model", f"{sftp}{tmp_path}/model.onnx", "-o", "s3://archive/out/results.jsonl", "--workers", "0",
            "--report", f"{sftp}{tmp_path}/report.html",
        )  # fmt: skip
        broken = cli(*asked)
        assert broken.code == 3, broken.err
        rows = lines(remote.read_bytes(locate("s3://archive/out/results.jsonl")).decode())
        assert [row["status"] for row in rows] == ["ok", "ok", "ok", "failed"]
        assert rows[3]["reason"] == "unreadable"
        assert "2 tries" in str(rows[3]["detail"])
        (journal,) = tmp_path.glob("*.resume")  # where the output lies nothing can be appended to
        assert journal.name in broken.err
        line.faults.clear()
        monkeypatch.setattr(connection, "_systems", {})
        whole = cli(*asked, "--resume")
    assert whole.code == 0, whole.err
    assert "3 of 4 files were done before" in whole.err
    assert list(tmp_path.glob("*.resume")) == []
    rows = lines(remote.read_bytes(locate("s3://archive/out/results.jsonl")).decode())
    near = cli("analyze", files, "--model", model, "--json", "--workers", "0")
    one, two = (row["probabilities"] for row in lines(near.out))
    assert [row["probabilities"] for row in rows] == [one, two, one, two]
    assert str(rows[0]["file"]) == "s3://archive/in/one.wav"
    report = (tmp_path / "report.html").read_text() + (tmp_path / "report.json").read_text()
    for text in (broken.err, whole.err, broken.out, whole.out, report, json.dumps(rows)):
        assert "SECRET" not in text
        assert "testing-secret" not in text


def test_extract_follows_a_manifest_there(cli, s3: str, sftp: str, files: Path, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    done = cli("extract", "s3://archive/in/manifest.csv", "-o", f"{sftp}{tmp_path}/far.parquet", "--workers", "0")
    assert done.code == 3, done.err
    table = pyarrow.parquet.read_table(tmp_path / "far.parquet").to_pylist()
    assert [row["status"] for row in table] == ["ok", "ok", "failed"]
    assert table[2]["reason"] == "missing"
    with (tmp_path / "near.csv").open("w") as file:
        csv.writer(file).writerows(
            [("file", "start", "end", "speaker", "emotion"), *((files / "one.wav", i, i + 1, "a", "b") for i in (0, 1))]
        )
    assert cli("extract", tmp_path / "near.csv", "-o", tmp_path / "near.parquet", "--workers", "0").code == 0
    names = [name for name, value in table[0].items() if isinstance(value, float) and name not in ("start", "end")]
    assert len(names) == 88
    near = pyarrow.parquet.read_table(tmp_path / "near.parquet").to_pylist()
    assert [[row[name] for name in names] for row in table[:2]] == [[row[name] for name in names] for row in near]


def parts(folder: str) -> dict[str, Url]:
    """Files of a folder, by name."""
    listing = files_under(locate(folder), {".parquet", ".csv"})
    return {url.name: url for url in listing.files} if listing else {}


@pytest.fixture(params=["s3", "sftp"])
def out(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a folder that is not there yet."""
    server = request.getfixturevalue(request.param)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    return f"{server}{tmp_path}/new/out" if request.param == "sftp" else f"s3://archive/{tmp_path.name}/out"


def test_a_folder_of_parts_is_written_there_and_gone_on_with(cli, out: str, files: Path, tmp_path: Path) -> None:
    asked = ("extract", files, files / "one.wav", files / "gone.wav", "-o", out, "--files-per-part", "1",
             "--features", "melspec", "--window", "1", "--workers", "0")  # fmt: skip
    first = cli(*asked)
    assert first.code == 3, first.err
    assert sorted(parts(out)) == [f"part-0000{i}.parquet" for i in range(3)]
    remote.remove(parts(out)["part-00001.parquet"])
    remote.put(files / "manifest.csv", parts(out)["part-00002.parquet"])  # no table
    before = parts(out)["part-00000.parquet"].version
    again = cli(*asked, "--resume")
    assert again.code == 3, again.err
    assert "3, 1 of them kept from an earlier run" in again.out
    assert parts(out)["part-00000.parquet"].version == before
    assert cli(*asked, "--resume").out.count("3 of them kept") == 1
    assert cli("extract", files, files / "gone.wav", "-o", tmp_path / "near.parquet", *asked[8:]).code == 3
    far = [pyarrow.parquet.read_table(io.BytesIO(remote.read_bytes(url))) for _, url in sorted(parts(out).items())]
    assert pyarrow.concat_tables(far).equals(pyarrow.parquet.read_table(tmp_path / "near.parquet"))
    fewer = cli(*asked[:2], "-o", out, "--files-per-part", "2", *asked[8:])
    assert fewer.code == 0, fewer.err
    assert sorted(parts(out)) == ["part-00000.parquet"]


def test_a_part_is_not_kept_if_a_file_there_has_changed(
    cli, s3: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    folder = f"s3://archive/{tmp_path.name}"
    for name in ("one.wav", "two.wav"):
        remote.put(files / name, locate(f"{folder}/{name}"))
    (tmp_path / "manifest.csv").write_text(
        f"file,speaker,emotion\n{folder}/one.wav,a,anger\n{folder}/two.wav,b,anger\n"
    )
    options = ("--files-per-part", "1", "--features", "melspec", "--window", "1", "--workers", "0", "--resume")
    asked = ("extract", tmp_path / "manifest.csv", "-o", tmp_path / "parts", *options)
    assert "kept from an earlier run" not in cli(*asked).out
    assert "2, 2 of them kept from an earlier run" in cli(*asked).out
    remote.put(files / "one.wav", locate(f"{folder}/two.wav"))
    changed = cli(*asked)
    assert "2, 1 of them kept" in changed.out
    one, two = (pyarrow.parquet.read_table(path).to_pylist() for path in sorted((tmp_path / "parts").iterdir()))
    assert [row["mel"] for row in one] == [row["mel"] for row in two]


def test_training_and_evaluation_on_a_corpus_there(
    cli, s3: str, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    folder = locate(f"s3://archive/{tmp_path.name}")
    for path in tiny_corpus.parent.rglob("*.*"):
        remote.put(path, folder.joined(path.relative_to(tiny_corpus.parent).as_posix()))
    chosen = ("--features", "mel-functionals", "--model", "svm", "--set", "training.workers=0", "--device", "cpu")
    found = []
    for name, place in (("far", folder), ("near", tiny_corpus.parent)):
        run, scores, model = tmp_path / name, tmp_path / f"{name}-scores", tmp_path / "model.onnx"
        done = cli("train", place / "manifest.csv", *chosen, "--out", run)
        assert done.code == 0, done.err
        assert cli("export-onnx", run, "-o", model).code == 0
        if name == "far":
            remote.put(model, folder / "model.onnx")
            model = folder / "model.onnx"
        done = cli("evaluate", place / "manifest.csv", "--model", model, "--seen", "drop", "--out", scores)
        assert done.code == 0, done.err
        found.append(Predictions.load(scores / "predictions.parquet"))
    far, near = found
    assert far.items
    assert [(item.speaker, item.emotion) for item in far.items] == [(i.speaker, i.emotion) for i in near.items]
    np.testing.assert_array_equal(far.logits, near.logits)


def test_results_are_parts_there(cli, s3: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    out = f"s3://archive/{tmp_path.name}/"
    for n, expected in ((1, ["part-00000.csv", "part-00001.csv"]), (2, ["part-00000.csv"])):
        done = cli("analyze", files, "-m", "emodb", "-o", out, "--format", "csv", "--files-per-part", n, "--workers", 0)
        assert done.code == 0, done.err
        assert f"wrote {n % 2 + 1} part" in done.err
        assert f"in {out}" in done.err
        assert sorted(parts(out)) == expected
    (only,) = parts(out).values()
    rows = list(csv.DictReader(remote.read_bytes(only).decode().splitlines()))
    assert [Path(row["file"]).name for row in rows] == ["one.wav", "two.wav"]


def test_label_tracks_are_written_there(cli, out: str, files: Path, tmp_path: Path) -> None:
    folder, taken = locate(out), "a transcript that somebody wrote"
    remote.make_folder(folder)
    atomic.write_text(folder / "two.txt", taken)
    asked = ("analyze", files, "-m", "emodb", "--workers", 0)
    for _ in range(2):  # tracks of the first run are replaced
        done = cli(*asked, "--textgrid", folder / "grids", "--audacity", out)
        assert done.code == 0, done.err
    cli(*asked, "--textgrid", tmp_path / "here/grids", "--audacity", tmp_path / "here")
    far = {url.address.removeprefix(out): remote.read_bytes(url).decode()
           for url in files_under(folder, {".textgrid", ".txt"}).files}  # fmt: skip
    assert far.pop("/two.txt") == taken
    (renamed,) = (name for name in far if name.startswith("/two."))
    far["/two.txt"] = far.pop(renamed)
    here = tmp_path / "here"
    assert far == {f"/{path.relative_to(here)}": path.read_text() for path in here.rglob("*.*")}


def test_a_killed_run_over_files_there_goes_on(
    cli, s3: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    folder = f"s3://archive/{tmp_path.name}"
    for i in range(12):
        remote.put(files / ("one.wav", "two.wav")[i % 2], locate(f"{folder}/{i:02d}.wav"))
    asked = ("analyze", folder, "-m", "emodb", "-o", f"{folder}/results.jsonl")
    command = [sys.executable, "-m", "ser_toolkit", *asked, "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("*.resume")) < 4:
            time.sleep(0.02)
        process.kill()
    assert process.returncode < 0, "it was done before it could be killed"
    done = cli(*asked, "--resume", "--workers", "0")
    assert done.code == 0, done.err
    before = int(done.err.partition(" of 12 files were done before")[0].split()[-1])
    assert 3 <= before < 12
    rows = lines(remote.read_bytes(locate(f"{folder}/results.jsonl")).decode())
    assert [Path(str(row["file"])).name for row in rows] == [f"{i:02d}.wav" for i in range(12)]
    one, two = (row["probabilities"] for row in lines(cli("analyze", files, "-m", "emodb", "--json").out))
    for row, near in zip(rows, [one, two] * 6, strict=True):
        assert row["probabilities"] == pytest.approx(near, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("analyze", "sftp://me:SECRET@host/x"), 2, "passwords are not taken from URLs"),
        (("analyze", "x.wav", "-o", "https://host/x.csv"), 1, "can be read but not written to"),
        (
            ("analyze", "x.wav", "-o", "https://host/x", "-f", "csv", "--files-per-part", "2"),
            1,
            "can be read but not written to",
        ),
        (("analyze", "x.wav", "--textgrid", "https://host/tracks"), 1, "can be read but not written to"),
        (("extract", "x.wav", "-o", "ftp://host/x.csv"), 2, "ftp:// cannot be read"),
        (("train", "x.csv", "--out", "s3://bucket/run"), 2, "on this machine only"),
        (("train", "https://me:SECRET@host/manifest.csv"), 2, "passwords are not taken from URLs"),
        (("analyze", "x.wav", "-m", "http://127.0.0.1:9/m.onnx"), 1, "m.onnx"),
    ],
)
def test_what_cannot_be_is_refused_at_once(cli, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = cli(*arguments)
    assert done.code == code, done.err
    assert says in " ".join(done.err.replace("│", " ").split())
    assert "SECRET" not in done.err + done.out
    assert list(Path().iterdir()) == []


def test_the_tier_is_named_where_it_is_missing(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    done = cli("analyze", "s3://bucket/x.wav")
    assert done.code == 1
    assert "pip install 'ser-toolkit[remote]'" in done.err

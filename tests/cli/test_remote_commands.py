"""Commands on servers that really run: what comes out is what comes out of the same files on this machine."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from remote_servers import bad_line

from ser_toolkit.data import connection, remote
from ser_toolkit.data.locations import locate

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


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("analyze", "sftp://me:SECRET@host/x"), 2, "passwords are not taken from URLs"),
        (("analyze", "x.wav", "-o", "https://host/x.csv"), 1, "can be read but not written to"),
        (("analyze", "x.wav", "--textgrid", "s3://bucket/tracks"), 2, "on this machine only"),
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

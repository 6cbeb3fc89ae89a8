"""Numbers of dimensions beside emotions, or alone, in everything that `analyze` writes."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pyarrow.parquet
import pytest
import soundfile
from rich.console import Console
from typer.testing import CliRunner

from ser_toolkit.cli import app
from ser_toolkit.data.files import find_audio
from ser_toolkit.inference.analysis import Analysis
from ser_toolkit.inference.model import Model
from ser_toolkit.inference.options import Options
from ser_toolkit.report.html_report import write_report
from ser_toolkit.report.table_rows import columns
from ser_toolkit.report.tables import write_table
from ser_toolkit.report.terminal_analysis import show_analysis


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    """Three recordings of the corpus and one that is too short."""
    made = tmp_path_factory.mktemp("analyzed")
    for name in ("0-1", "1-2", "2-5"):
        (made / f"{name}.wav").write_bytes((corpus.parent / "audio" / f"{name}.wav").read_bytes())
    soundfile.write(made / "short.wav", np.zeros(100, np.float32), 16_000)
    return made


def analysis(folder, model, **options):
    options = {"model": str(model), "workers": 0, "device": "cpu", "speech": "off", **options}
    return Analysis(find_audio([folder]), Options(**options))


def run(folder, model, **options):
    with analysis(folder, model, **options) as opened:
        list(opened.results())
        return list(opened.journal), opened.info()


def expected(corpus):
    with corpus.open(newline="") as file:
        rows = {r["file"].removeprefix("audio/"): r for r in csv.DictReader(file)}
    return {name: (float(r["valence"]), float(r["arousal"])) for name, r in rows.items() if r["valence"]}


def test_values_come_near_the_ratings(folder, corpus, alone_model, both_model):
    truth = expected(corpus)
    for path in (alone_model, both_model):
        results, info = run(folder, path)
        ok = [r for r in results if r.status == "ok"]
        assert len(ok) == 3 and {r.status for r in results} == {"ok", "skipped"}
        for r in ok:
            valence, arousal = truth[r.file.rsplit("/", 1)[1]]
            assert r.dimensions["valence"] == pytest.approx(valence, abs=0.8)
            assert r.dimensions["arousal"] == pytest.approx(arousal, abs=2)
            mean = np.mean([w.dimensions["arousal"] for w in r.windows])
            assert r.dimensions["arousal"] == pytest.approx(mean)
        assert info.dimensions["valence"] == (1.0, 5.0)
        assert all(not r.dimensions for r in results if r.status != "ok")
        one = Model.open(path, device="cpu", speech="off").predict(str(folder / "0-1.wav"))
        assert one.dimensions == pytest.approx(ok[0].dimensions, abs=1e-4)


def test_without_emotions_there_is_nothing_said_of_them(folder, alone_model):
    results, info = run(folder, alone_model, aggregation="log-mean", smoothing_s=2.0, min_confidence=0.5)
    r = results[0]
    assert (r.predicted, r.confidence, r.entropy, r.prediction_set, r.uncertain) == (None,) * 5
    assert info.labels == () and info.probabilities == "" and info.sets == ""
    assert r.windows[0].smoothed is None
    said = r.to_json()
    assert list(said["dimensions"]) == ["valence", "arousal"] and said["windows"][0]["dimensions"]


def test_several_workers_and_resume_give_the_same(folder, both_model, tmp_path):
    plain, _ = run(folder, both_model)
    with Analysis(
        find_audio([folder]),
        Options(model=str(both_model), workers=0, device="cpu", speech="off"),
        journal=tmp_path / "x.resume",
    ) as first:
        next(iter(first.results()))
    with Analysis(
        find_audio([folder]),
        Options(model=str(both_model), workers=0, device="cpu", speech="off"),
        journal=tmp_path / "x.resume",
        resume=True,
    ) as second:
        assert second.n_resumed == 1
        list(second.results())
        again = list(second.journal)
    assert [r.dimensions for r in again] == [r.dimensions for r in plain]
    assert again == plain


def test_columns_are_named_once():
    assert columns(["a"], dimensions=["valence"])[3:6] == ["a", "valence", "predicted"]
    assert columns(["valence"], dimensions=["valence", "status"])[3:6] == [
        "valence", "valence (dimension)", "status (dimension)",
    ]  # fmt: skip
    assert "smoothed" in columns([], level="window", dimensions=["valence"])


@pytest.mark.parametrize("level", ["file", "window"])
@pytest.mark.parametrize("which", ["alone", "both"])
def test_tables(folder, alone_model, both_model, tmp_path, which, level):
    results, info = run(folder, {"alone": alone_model, "both": both_model}[which])
    given = {"level": level, "dimensions": tuple(info.dimensions)}
    for kind in ("csv", "parquet", "jsonl"):
        write_table(tmp_path / f"t.{kind}", results, info.labels, kind=kind, **given)
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert len(rows) == len(table) == len(lines) == (4 if level == "file" else 7)
    for row, typed, line in zip(rows, table, lines, strict=True):
        if line["status"] != "ok":
            assert row["valence"] == "" and typed["valence"] is None and "dimensions" not in line
            continue
        assert float(row["valence"]) == pytest.approx(line["dimensions"]["valence"], rel=1e-5)
        assert typed["arousal"] == pytest.approx(line["dimensions"]["arousal"])
        if which == "alone":
            assert row["predicted"] == row["confidence"] == row["entropy"] == "" and line["predicted"] is None
        else:
            assert float(row["anger"]) + float(row["sadness"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("width", [60, 100, 200])
def test_terminal(folder, alone_model, both_model, width):
    for path in (alone_model, both_model):
        results, info = run(folder, path)
        stream = io.StringIO()
        show_analysis(Console(file=stream, width=width, color_system=None), results, info)
        text = stream.getvalue()
        assert all(len(line) <= width for line in text.splitlines())
        assert "valence" in text and "arousal" in text and f"{results[0].dimensions['valence']:.2f}" in text
        assert re.search(r"mean .* ± ", text)
        assert ("anger" in text) == (path == both_model)
        assert ("probabilities" in text) == (path == both_model)


def test_report_and_twin(folder, alone_model, both_model, tmp_path):
    for name, path in (("alone", alone_model), ("both", both_model)):
        results, info = run(folder, path)
        twin = json.loads(write_report(tmp_path / f"{name}.html", results, info).read_text())
        page = (tmp_path / f"{name}.html").read_text()
        assert twin["files"][0]["dimensions"] == pytest.approx(results[0].dimensions)
        assert len(twin["files"][0]["windows"]["dimensions"]["arousal"]) == len(results[0].windows)
        assert twin["summary"]["dimensions"][0]["dimension"] == "valence"
        assert twin["run"]["dimensions"]["valence"] == [1.0, 5.0]
        assert 'id="dimensions"' in page and "Valence says" in page
        config = json.loads(re.search(r'id="config">(.*?)</script>', page)[1])
        assert config["dimensions"][0] == {"name": "valence", "low": 1.0, "high": 5.0}
        rows = json.loads(re.search(r'class="rows">(.*?)</script>', page)[1])
        assert rows["values"][0][0] == pytest.approx(results[0].dimensions["valence"], rel=1e-5)
        assert rows["values"][-1] is None
        assert ('id="emotions"' in page) == (name == "both")
        assert (
            page.startswith("<!doctype html>") and "<title>" + ("Emotions" if name == "both" else "Dimensions") in page
        )


def test_the_command(folder, alone_model, both_model, tmp_path):
    runner = CliRunner()
    common = ["--device", "cpu", "--workers", "0", "--speech", "off"]
    done = runner.invoke(app, ["analyze", str(folder), "-m", str(alone_model), "--json", *common])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(x.get("dimensions", {})) for x in lines] == [{"valence", "arousal"}] * 3 + [set()]
    out = tmp_path / "r.csv"
    done = runner.invoke(app, ["analyze", str(folder), "-m", str(both_model), "-o", str(out), *common])
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines()[0].startswith("file,start,end,anger,sadness,valence,arousal,predicted,")
    for wrong in (["--textgrid", str(tmp_path / "t")], ["--labels", str(folder / "manifest.csv")]):
        refused = runner.invoke(app, ["analyze", str(folder), "-m", str(alone_model), *wrong, *common])
        assert refused.exit_code == 2
        assert "of which this model says" in " ".join(refused.output.replace("│", " ").split())

"""Tables hold every row, are safe in a spreadsheet, and appear as a whole or not at all."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet
import pytest

from ser_toolkit.errors import OutputError
from ser_toolkit.report.results import FileResult, WindowResult, normalized_entropy
from ser_toolkit.report.tables import columns, open_writer

LABELS = ("anger", "joy")
RESULTS = [
    FileResult(
        file="=cmd()|x.wav",
        status="ok",
        notes=("resampled", "short"),
        duration_s=1.25,
        probabilities={"anger": 0.25, "joy": 0.75},
        windows=(WindowResult(start_s=0.0, end_s=1.25, probabilities={"anger": 0.25, "joy": 0.75}),),
        prediction_set=("joy", "anger"),
    ),
    FileResult(file="a\nb%FF.wav", status="failed", reason="undecodable", detail="no"),
    FileResult(file="<b>é.wav", status="skipped", reason="silent", duration_s=2.0),
]


def write(kind, path, results=RESULTS):
    with open_writer(kind, path, LABELS) as writer:
        for r in results:
            writer.write(r)


def test_jsonl_is_one_object_per_file(tmp_path):
    write("jsonl", tmp_path / "o.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [r["file"] for r in rows] == [r.file for r in RESULTS]
    assert rows[0]["predicted"] == "joy"
    assert rows[0]["confidence"] == 0.75
    assert rows[0]["ranked"] == ["joy", "anger"]
    assert rows[0]["prediction_set"] == ["joy", "anger"]
    assert rows[0]["entropy"] == pytest.approx(0.811278, abs=1e-6)  # bits of a coin of 1 to 3
    assert rows[0]["uncertain"] is True
    (window,) = rows[0]["windows"]
    assert (window["start_s"], window["end_s"]) == (0.0, 1.25)
    assert window["probabilities"] == {"anger": 0.25, "joy": 0.75}
    assert window["prediction_set"] is None  # a model without thresholds
    assert window["entropy"] == rows[0]["entropy"]
    assert rows[1] == {
        "file": "a\nb%FF.wav", "status": "failed", "reason": "undecodable", "detail": "no", "notes": [],
        "duration_s": None, "n_windows": 0, "predicted": None, "confidence": None, "probabilities": {}, "ranked": [],
        "prediction_set": None, "entropy": None, "uncertain": None, "windows": [],
    }  # fmt: skip


def test_csv_columns_and_formulas(tmp_path):
    write("csv", tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == [
        "file", "start", "end", "anger", "joy", "predicted", "confidence", "status", "reason", "notes",
        "prediction_set", "entropy", "uncertain",
    ]  # fmt: skip
    assert rows[0] == [
        "'=cmd()|x.wav", "0", "1.25", "0.25", "0.75", "joy", "0.75", "ok", "", "resampled; short",
        "joy; anger", "0.811278", "true",
    ]  # fmt: skip
    assert rows[1][10:] == ["", "", ""]
    assert rows[1][0] == "a\nb%FF.wav"
    assert rows[2][7:9] == ["skipped", "silent"]


def test_parquet_has_typed_columns(tmp_path):
    write("parquet", tmp_path / "o.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table.column_names == columns(LABELS)
    assert table["joy"].to_pylist() == [0.75, None, None]
    assert table["file"].to_pylist() == [r.file for r in RESULTS]
    assert table["prediction_set"].to_pylist() == ["joy; anger", None, None]
    assert table["entropy"].to_pylist() == [pytest.approx(0.811278, abs=1e-6), None, None]
    assert table["uncertain"].to_pylist() == [True, None, None]


def test_sets_of_one_of_several_and_of_a_model_without_thresholds(tmp_path):
    rows = [
        FileResult(file="a", status="ok", probabilities={"anger": 0.9, "joy": 0.1}, prediction_set=("anger",)),
        FileResult(file="b", status="ok", probabilities={"anger": 0.4, "joy": 0.6}, prediction_set=("joy", "anger")),
        FileResult(file="c", status="ok", probabilities={"anger": 0.4, "joy": 0.6}),
    ]
    assert [r.uncertain for r in rows] == [False, True, None]
    write("csv", tmp_path / "o.csv", rows)
    with (tmp_path / "o.csv").open(newline="") as file:
        cells = [(r["prediction_set"], r["uncertain"]) for r in csv.DictReader(file)]
    assert cells == [("anger", "false"), ("joy; anger", "true"), ("", "")]


def test_a_label_that_is_a_formula_is_shown_in_a_set(tmp_path):
    row = FileResult(file="a", status="ok", probabilities={"=1+1": 1.0}, prediction_set=("=1+1",))
    with open_writer("csv", tmp_path / "o.csv", ("=1+1",)) as writer:
        writer.write(row)
    with (tmp_path / "o.csv").open(newline="") as file:
        (cells,) = csv.DictReader(file)
    assert cells["prediction_set"] == cells["predicted"] == "'=1+1"


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [((1.0, 0.0), 0.0), ((0.5, 0.5), 1.0), ((0.25,) * 4, 1.0), ((1.0,), 0.0), ((1.0 + 1e-9, 0.0), 0.0)],
)
def test_entropy_is_a_share_of_the_highest(probabilities, expected):
    named = {str(i): p for i, p in enumerate(probabilities)}
    assert normalized_entropy(named) == pytest.approx(expected)
    window = WindowResult(start_s=0, end_s=1, probabilities=named, prediction_set=("0",))
    assert window.entropy == normalized_entropy(named)
    assert window.uncertain is False
    assert window.ranked()[0][0] == window.predicted


def test_labels_that_are_called_like_columns(tmp_path):
    labels = ("notes", "file", "entropy")
    p = {"notes": 0.25, "file": 0.75, "entropy": 0.0}
    row = FileResult(file="a.wav", status="ok", duration_s=1.0, probabilities=p)
    with open_writer("parquet", tmp_path / "o.parquet", labels) as writer:
        writer.write(row)
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table["notes (emotion)"].to_pylist() == [0.25]
    assert table["notes"].to_pylist() == [""]
    assert table["entropy (emotion)"].to_pylist() == [0.0]
    assert table["entropy"].to_pylist()[0] > 0


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_ctrl_c_keeps_what_is_done(tmp_path, kind):
    path = tmp_path / f"o.{kind}"
    with pytest.raises(KeyboardInterrupt), open_writer(kind, path, LABELS) as writer:
        writer.write(RESULTS[0])
        raise KeyboardInterrupt
    assert path.stat().st_size > 0
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_an_error_leaves_the_old_file(tmp_path, kind):
    path = tmp_path / f"o.{kind}"
    path.write_text("before")
    with pytest.raises(RuntimeError), open_writer(kind, path, LABELS) as writer:
        writer.write(RESULTS[0])
        raise RuntimeError
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(OutputError, match=r"none/o.csv: cannot be written: No such file"):
        write("csv", tmp_path / "none" / "o.csv")


def test_standard_output(capsys):
    write("csv", None)
    assert len(capsys.readouterr().out.splitlines()) == 5  # a name holds a newline, quoted

"""Tables hold every row, are safe in a spreadsheet, and appear as a whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import audformat
import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from ser_toolkit.errors import OutputError
from ser_toolkit.inference.smoothing import smooth
from ser_toolkit.recipe import Conformal
from ser_toolkit.report.results import UNCERTAIN, FileResult, WindowResult, Windows, normalized_entropy
from ser_toolkit.report.tables import columns, write_table

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
    FileResult(file="<b>é.wav", status="skipped", reason="no speech", duration_s=2.0),
]


SETS = Conformal(method="lac", alpha=0.1, thresholds=(0.6, 0.6), n=20, fitted_on="development speakers")


def long_result(n=5, *, hop_s=0.75, smoothed=True, min_confidence=0.6, file="long.wav"):
    """A recording whose windows are arrays, as the pipeline makes them."""
    p = np.random.default_rng(3).dirichlet((1, 1), size=n).astype(np.float32)
    starts = 36_000 + np.arange(n) * hop_s  # after ten hours
    windows = Windows(
        labels=LABELS,
        starts_s=starts,
        ends_s=starts + 3,
        probabilities=p,
        smoothed=smooth(p, starts, starts + 3, width_s=3) if smoothed else None,
        conformal=SETS,
        min_confidence=min_confidence,
    )
    return FileResult(
        file=file,
        status="ok",
        notes=("resampled",),
        duration_s=float(starts[-1] + 3),
        probabilities=dict(zip(LABELS, p.mean(axis=0).tolist(), strict=True)),
        windows=windows,
    )


def write(kind, path, results=RESULTS, *, level="file"):
    write_table(path, results, LABELS, kind=kind, level=level)


def cells(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def objects(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


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
    assert rows[2][7:9] == ["skipped", "no speech"]


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
    found = [(r["prediction_set"], r["uncertain"]) for r in cells(tmp_path / "o.csv")]
    assert found == [("anger", "false"), ("joy; anger", "true"), ("", "")]


def test_a_label_that_is_a_formula_is_shown_in_a_set(tmp_path):
    row = FileResult(file="a", status="ok", probabilities={"=1+1": 1.0}, prediction_set=("=1+1",))
    write_table(tmp_path / "o.csv", [row], ("=1+1",), kind="csv")
    (found,) = cells(tmp_path / "o.csv")
    assert found["prediction_set"] == found["predicted"] == "'=1+1"


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
    write_table(tmp_path / "o.parquet", [row], labels, kind="parquet")
    table = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    assert table["notes (emotion)"].to_pylist() == [0.25]
    assert table["notes"].to_pylist() == [""]
    assert table["entropy (emotion)"].to_pylist() == [0.0]
    assert table["entropy"].to_pylist()[0] > 0


@pytest.mark.parametrize("labels", [("notes", "notes (emotion)"), ("smoothed", "start (emotion)", "start")])
def test_no_column_occurs_twice(labels):
    for level in ("file", "window"):
        names = columns(labels, level=level)
        assert len(set(names)) == len(names)
    assert "smoothed" not in columns(("anger",))


def test_a_row_per_window_in_csv(tmp_path):
    long = long_result()
    write("csv", tmp_path / "o.csv", [*RESULTS, long], level="window")
    rows = cells(tmp_path / "o.csv")
    assert list(rows[0]) == columns(LABELS, level="window")
    assert [r["file"] for r in rows] == [RESULTS[i].file if i else "'=cmd()|x.wav" for i in range(3)] + ["long.wav"] * 5
    # files without windows are one segment, from 0 to the end, if that is known
    assert [(r["start"], r["end"], r["status"], r["anger"]) for r in rows[1:3]] == [
        ("0", "", "failed", ""),
        ("0", "2", "skipped", ""),
    ]
    for row, window in zip(rows[3:], long.windows, strict=True):
        assert (float(row["start"]), float(row["end"])) == (window.start_s, window.end_s)  # exact after ten hours
        assert float(row["joy"]) == pytest.approx(window.probabilities["joy"], rel=1e-5)
        assert float(row["confidence"]) == pytest.approx(window.confidence, rel=1e-5)
        assert float(row["entropy"]) == pytest.approx(window.entropy, rel=1e-5)
        assert row["predicted"] == window.predicted
        assert row["prediction_set"] == "; ".join(window.prediction_set)
        assert row["uncertain"] == str(window.uncertain).lower()
        assert (row["status"], row["notes"]) == ("ok", "resampled")
        by_smoothed = replace(window, probabilities=window.smoothed)
        assert row["smoothed"] == by_smoothed.predicted
    assert {r["predicted"] for r in rows[3:]} >= {UNCERTAIN}  # the data tells the cases apart
    assert {r["uncertain"] for r in rows[3:]} == {"true", "false"}


@pytest.mark.parametrize("smoothed", [True, False])
@pytest.mark.parametrize("sets", [SETS, None])
def test_windows_as_objects_and_as_arrays_give_the_same_rows(tmp_path, smoothed, sets):
    long = long_result(300, smoothed=smoothed)
    long = replace(long, windows=replace(long.windows, conformal=sets))
    for kind in ("csv", "jsonl", "parquet"):
        write(kind, tmp_path / f"arrays.{kind}", [long], level="window")
        write(kind, tmp_path / f"objects.{kind}", [replace(long, windows=tuple(long.windows))], level="window")
    for kind in ("csv", "jsonl"):
        assert (tmp_path / f"arrays.{kind}").read_text() == (tmp_path / f"objects.{kind}").read_text()
    one, other = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("arrays", "objects"))
    assert one.equals(other)


def test_a_model_of_one_label(tmp_path):
    one = np.ones((2, 1), dtype=np.float32)
    windows = Windows(labels=("speech",), starts_s=np.arange(2.0), ends_s=np.arange(2.0) + 1, probabilities=one)
    row = FileResult(file="a", status="ok", duration_s=2.0, probabilities={"speech": 1.0}, windows=windows)
    write_table(tmp_path / "o.csv", [row], ("speech",), kind="csv", level="window")
    assert [(r["speech"], r["entropy"], r["predicted"]) for r in cells(tmp_path / "o.csv")] == [
        ("1", "0", "speech")
    ] * 2


def test_a_row_per_window_in_json(tmp_path):
    long = long_result()
    write("jsonl", tmp_path / "o.jsonl", [*RESULTS, long], level="window")
    rows = objects(tmp_path / "o.jsonl")
    assert len(rows) == 8
    assert rows[1] == {
        "file": "a\nb%FF.wav", "status": "failed", "reason": "undecodable", "detail": "no", "notes": [],
        "duration_s": None, "start_s": 0.0, "end_s": None, "predicted": None, "confidence": None, "probabilities": {},
        "prediction_set": None, "entropy": None, "uncertain": None, "smoothed": None,
    }  # fmt: skip
    for row, window in zip(rows[3:], long.windows, strict=True):
        assert row.items() >= window.to_json().items()
        assert (row["confidence"], row["uncertain"]) == (window.confidence, window.uncertain)


def test_a_line_of_json_is_the_whole_result(tmp_path):
    rows = [*RESULTS, long_result()]
    write("jsonl", tmp_path / "o.jsonl", rows)
    assert (tmp_path / "o.jsonl").read_text() == "".join(json.dumps(r.to_json()) + "\n" for r in rows)


def test_json_lines_follow_their_schema(tmp_path):
    path = Path(__file__).parents[2] / "docs" / "schema" / "analyze-row.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    results = [*RESULTS, long_result(), long_result(smoothed=False), replace(RESULTS[0], prediction_set=None)]
    for level in ("file", "window"):
        write("jsonl", tmp_path / "o.jsonl", results, level=level)
        rows = objects(tmp_path / "o.jsonl")
        for row in rows:
            validator.validate(row)
        for key in rows[0]:  # nothing may be missing
            assert not validator.is_valid({k: v for k, v in rows[0].items() if k != key}), key
        for wrong in ({"more": 1}, {"status": "bad"}, {"status": "failed"}, {"confidence": 2}, {"predicted": None}):
            assert not validator.is_valid(rows[0] | wrong), wrong
        assert not validator.is_valid(rows[1] | {"predicted": "anger"})
        assert not validator.is_valid(rows[1] | {"reason": ""})


@pytest.mark.parametrize("level", ["file", "window"])
def test_audformat_reads_the_tables(tmp_path, level):
    rows = [replace(RESULTS[0], file="x.wav"), *RESULTS[1:], long_result()]
    write("csv", tmp_path / "o.csv", rows, level=level)
    frame = audformat.utils.read_csv(tmp_path / "o.csv")
    assert audformat.is_segmented_index(frame.index)
    files, starts, ends = (frame.index.get_level_values(name) for name in ("file", "start", "end"))
    assert list(dict.fromkeys(files)) == [r.file for r in rows]
    assert (starts[0], ends[0]) == (pd.Timedelta(0), pd.Timedelta(seconds=1.25))
    assert pd.isna(ends[1])  # to the end, of which nothing is known
    assert frame["joy"].dtype == np.float64
    assert frame["joy"].isna().sum() == 2
    if level == "window":
        assert starts[-1] == pd.Timedelta(seconds=36_003)
        assert len(frame) == 8
    write("parquet", tmp_path / "o.parquet", rows, level=level)
    table = pd.read_parquet(tmp_path / "o.parquet")
    index = audformat.segmented_index(table["file"], table["start"], table["end"])
    assert index.equals(frame.index)


@pytest.mark.parametrize("level", ["file", "window"])
def test_types_of_parquet(tmp_path, level):
    write("parquet", tmp_path / "o.parquet", [*RESULTS, long_result()], level=level)
    schema = pyarrow.parquet.read_schema(tmp_path / "o.parquet")
    texts = {"file", "predicted", "status", "reason", "notes", "prediction_set", "smoothed"}
    expected = {name: "string" if name in texts else "double" for name in columns(LABELS, level=level)}
    assert {f.name: str(f.type) for f in schema} == expected | {"uncertain": "bool"}
    write("parquet", tmp_path / "none.parquet", [], level=level)
    assert pd.read_parquet(tmp_path / "none.parquet").shape == (0, len(expected))


def test_memory_does_not_grow_with_windows_or_files(tmp_path):
    """Many windows go through in pieces: 17,000 of them are 25 MB as objects."""
    long, less = long_result(17_000), long_result(3_000)

    def peak(kind, results, level):
        tracemalloc.start()
        write(kind, tmp_path / "o", results, level=level)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    write("parquet", tmp_path / "o", [long], level="window")  # what is imported counts no more
    assert peak("csv", [long], "window") < 6e6
    assert peak("jsonl", [less], "file") < 1e6
    assert peak("jsonl", [less], "window") < 1e6
    assert peak("parquet", [long], "window") < 20e6
    assert pyarrow.parquet.ParquetFile(tmp_path / "o").num_row_groups == 2


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_the_old_file(tmp_path, kind, error):
    path = tmp_path / f"o.{kind}"
    path.write_text("before")

    def results():
        yield RESULTS[0]
        raise error

    with pytest.raises(error):
        write(kind, path, results())
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_missing_folder_is_one_clear_error(tmp_path):
    for kind in ("csv", "parquet"):
        with pytest.raises(OutputError, match=rf"none/o.{kind}: cannot be written: No such file"):
            write(kind, tmp_path / "none" / f"o.{kind}")


def test_a_folder_whose_name_is_not_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    write("parquet", folder / "o.parquet")
    assert (folder / "o.parquet").stat().st_size > 0


def test_standard_output(capsys):
    write("csv", None)
    assert len(capsys.readouterr().out.splitlines()) == 5  # a name holds a newline, quoted
    write("jsonl", None, level="window")
    assert len(capsys.readouterr().out.splitlines()) == 3
    with pytest.raises(OutputError, match="parquet cannot be written to standard output"):
        write("parquet", None)


def test_closed_standard_output(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"):
        write("csv", None)


def test_each_result_is_there_at_once_and_a_reader_may_leave():
    """The second result is written after the first was read; then the pipe is closed."""
    script = (
        "import sys\n"
        "from ser_toolkit.report.results import FileResult\n"
        "from ser_toolkit.report.tables import stream_writer\n"
        "writer = stream_writer('jsonl', ('anger',))\n"
        "for name in sys.stdin:\n"
        "    try:\n"
        "        writer.write(FileResult(file=name.strip(), status='failed', reason='missing'))\n"
        "    except BrokenPipeError:\n"
        "        sys.stderr.write('the reader has gone')\n"
        "        sys.stderr.flush()\n"
        "        import os; os._exit(0)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for name in ("a", "b"):
        process.stdin.write(f"{name}\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["file"] == name
    process.stdout.close()
    process.stdin.write("c\n")
    process.stdin.close()
    assert process.stderr.read() == "the reader has gone"
    assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_device(monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="No space left"):
            write("jsonl", None)
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):  # what is still buffered
            full.close()

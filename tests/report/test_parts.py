"""A table in parts is the same table."""

from __future__ import annotations

import json

import pyarrow.parquet
import pytest

from ser_toolkit.errors import OutputError
from ser_toolkit.report.parts import write_parts
from ser_toolkit.report.results import FileResult


def results(n):
    return [FileResult(file=f"{i}.wav", status="skipped", reason="no speech", detail="") for i in range(n)]


def test_parts_are_read_as_one_table(tmp_path):
    n = write_parts(tmp_path / "out", results(7), ["anger", "joy"], kind="parquet", n_files=3)
    assert n == 3
    assert [p.name for p in sorted((tmp_path / "out").iterdir())] == [f"part-0000{i}.parquet" for i in range(3)]
    table = pyarrow.parquet.read_table(tmp_path / "out")
    assert table.column("file").to_pylist() == [f"{i}.wav" for i in range(7)]


def test_parts_of_a_longer_run_go_and_others_stay(tmp_path):
    write_parts(tmp_path, results(7), ["anger"], kind="jsonl", n_files=2)
    (tmp_path / "notes.txt").write_text("mine")
    assert write_parts(tmp_path, results(3), ["anger"], kind="jsonl", n_files=2) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "part-00000.jsonl", "part-00001.jsonl"]
    lines = [line for p in sorted(tmp_path.glob("part-*")) for line in p.read_text().splitlines()]
    assert [json.loads(line)["file"] for line in lines] == ["0.wav", "1.wav", "2.wav"]


def test_no_result_is_a_table_all_the_same(tmp_path):
    assert write_parts(tmp_path, [], ["anger"], kind="csv", n_files=2) == 1
    assert (tmp_path / "part-00000.csv").read_text().startswith("file,")


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="the folder cannot be made"):
        write_parts(tmp_path / "out", results(1), ["anger"], kind="csv", n_files=2)

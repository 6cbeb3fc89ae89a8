"""``ser-toolkit compare`` from files to the sentence at the end."""

from __future__ import annotations

import json

import pytest
import typer
from evaluation.made import random_predictions, renamed
from typer.testing import CliRunner

from ser_toolkit.cli.compare import compare
from ser_toolkit.errors import ModelError

app = typer.Typer()
app.command()(compare)


@pytest.fixture
def runs(tmp_path):
    for name, skill in (("good", 3.0), ("bad", 0.2)):
        (tmp_path / name).mkdir()
        random_predictions(n=200, speakers=10, skill=skill).save(tmp_path / name / "predictions.parquet")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def test_folder_against_file(runs):
    found = run(runs / "good", runs / "bad" / "predictions.parquet", "--bootstraps", 200)
    assert found.exit_code == 0
    assert "A is better by " in found.output
    assert "leave-one-speaker-out" in found.output


def test_worse_and_equal_are_no_errors(runs):
    worse = run(runs / "bad", runs / "good", "--bootstraps", 200)
    assert worse.exit_code == 0 and "B is better by " in worse.output
    equal = run(runs / "bad", runs / "bad", "--bootstraps", 200)
    assert equal.exit_code == 0 and "No difference can be shown" in equal.output


def test_json_and_files(runs):
    found = run(runs / "good", runs / "bad", "--json", "--bootstraps", 200, "--out", runs / "new" / "report")
    data = json.loads(found.stdout)
    assert data["a_name"] == str(runs / "good")
    assert data["verdict"].startswith("A is better")
    assert json.loads((runs / "new" / "report" / "comparison.json").read_text()) == data
    text = (runs / "new" / "report" / "comparison.md").read_text()
    assert "is better by" in text and "recall of anger" in text
    assert "comparison.md" in run(runs / "good", runs / "bad", "--bootstraps", 200, "-o", runs / "r").output


def test_what_is_no_evaluation_is_an_error(runs, tmp_path):
    with pytest.raises(ModelError, match="make one with `ser-toolkit evaluate`"):
        raise run(runs, runs / "bad").exception
    other = renamed(random_predictions(n=20), corpus="other")
    other.save(runs / "other.parquet")
    with pytest.raises(ModelError, match="no utterance is in both"):
        raise run(runs / "bad", runs / "other.parquet").exception


def test_a_hostile_table_is_one_line(runs, cli):
    import pyarrow.parquet as pq

    table = pq.read_table(runs / "bad" / "predictions.parquet")
    about = json.loads(table.schema.metadata[b"ser_toolkit.predictions"])
    about["items"][3]["\x1b[31m\n[red]no\u202ee"] = "\x1b[2J\n"
    table = table.replace_schema_metadata({b"ser_toolkit.predictions": json.dumps(about).encode()})
    pq.write_table(table, runs / "hostile.parquet")
    done = cli("compare", runs / "good", runs / "hostile.parquet")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert "no predictions of ser-toolkit: items.3." in done.err
    assert done.err.count("\n") == 1
    assert "\x1b[31m" not in done.err and "\u202e" not in done.err and "Traceback" not in done.err


def test_nothing_of_the_train_tier_is_needed(runs, cli, monkeypatch):
    import sys

    for name in ("sklearn", "matplotlib", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    done = cli("compare", runs / "good", runs / "bad", "--bootstraps", 200, "--out", runs / "base")
    assert done.code == 0, done.err

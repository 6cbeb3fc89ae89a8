"""`evaluate` and `reproduce` as a user runs them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ser_toolkit.cli.options import seed_list

SMALL = ["--set", "features.mel.n_mels=32", "--set", "features.mel.hop_length=512"]
SMALL += ["--set", "model.filters=[4,4,8,8,16]", "--set", "model.mfep_dense=[16,16]", "--set", "model.gfep_dense=[16]"]
SMALL += ["--set", "model.erp=[16]", "--set", "segments.window_s=1.5", "--set", "training.workers=1"]
SVM = ["--set", "features={}", "--set", 'features.gemaps.name="egemaps"', "--set", "model.name=svm"]
SVM += ["--set", "segments.preset=utterance", "--set", "training.workers=1"]

MELFUN = ["--set", "features={}", "--set", 'features.melfun.name="mel-functionals"', "--set", "model.name=svm"]
MELFUN += [
    "--set",
    "features.melfun.n_mels=16",
    "--set",
    "segments.preset=utterance",
    "--set",
    "training.workers=1",
    "--no-cache",
    "--no-keep-models",
]


def ser(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ser_toolkit", *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def evaluated(tiny_corpus, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evaluate") / "run"
    done = ser("evaluate", tiny_corpus, *SVM, "--protocol", "leave-one-pair-out", "--seeds", "2", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "leave-one-pair-out" in done.stdout
    assert "split" in done.stdout
    return out


def test_a_job_leaves_scores_report_and_split(evaluated):
    names = {p.name for p in evaluated.iterdir()}
    assert {"evaluation.json", "report.md", "report.html", "predictions.parquet", "split.csv", "config.json"} <= names
    scores = json.loads((evaluated / "evaluation.json").read_text())
    assert scores["seeds"] == [0, 1]
    assert scores["utterance"]["n"] == 24


def test_two_evaluations_are_compared(evaluated, tiny_corpus, tmp_path):
    other = tmp_path / "other"
    done = ser("evaluate", tiny_corpus, *SVM, "--set", "model.C=0.01", "--protocol", "leave-one-pair-out", "-o", other)
    assert done.returncode == 0, done.stderr
    compared = ser("compare", evaluated, other)
    assert compared.returncode == 0, compared.stderr
    assert "UA" in compared.stdout


def test_a_finished_model_is_refused_on_its_own_speakers_and_can_drop_them(tiny_corpus, tiny_model, tmp_path):
    refused = ser("evaluate", tiny_corpus, "--model", tiny_model, "--out", tmp_path / "a")
    assert refused.returncode == 1
    assert "trained on" in refused.stderr
    dropped = ser("evaluate", tiny_corpus, "--model", tiny_model, "--seen", "drop", "--out", tmp_path / "b")
    assert dropped.returncode == 0, dropped.stderr
    assert json.loads((tmp_path / "b" / "evaluation.json").read_text())["utterance"]["n"] == 4


def test_what_a_finished_model_is_asked_about_is_said_in_one_line(tiny_corpus, tiny_model, tmp_path):
    done = ser("evaluate", tiny_corpus, "--model", tiny_model, "--seen", "mark", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stderr.split()) == f"asking {tiny_model} about {tiny_corpus}"


def small_files(kilobytes):
    """For a process in which no file may grow larger, as on a disk that is nearly full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    return limit


@pytest.mark.parametrize(("kilobytes", "where"), [(4, "split.csv"), (24, "png")])
def test_how_to_go_on_is_said_when_nothing_more_can_be_written(kilobytes, where, tiny_corpus, tmp_path):
    command = [sys.executable, "-m", "ser_toolkit", "evaluate", tiny_corpus, *MELFUN, "--out", tmp_path / "out"]
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=small_files(kilobytes),
        # coverage cannot write either, and says so
        env={key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = " ".join(done.stderr.split())
    hint = f"stopped; when {tmp_path / 'out'} can be written again, go on with the same command and --resume error: "
    assert hint in said
    assert where in said.partition(hint)[2]
    again = ser(*command[3:], "--resume")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_folder_in_which_nothing_was_begun_is_not_resumed(tiny_corpus, tmp_path):
    (tmp_path / "file").write_text("")
    done = ser("evaluate", tiny_corpus, *MELFUN, "--out", tmp_path / "file" / "out")
    assert done.returncode == 1
    assert "--resume" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "emodb", "--seeds", "2"], "finished model"),
        (["--model", "emodb", "--allow-speaker-overlap"], "give --seen drop or mark"),
        (["--model", "emodb", "--seen", "keep"], "refuse, drop or mark"),
        (["--seen", "drop"], "--seen is for a finished model"),
        (["--seeds", "0"], "give at least one"),
        (["--seeds", "many"], "seeds are a number"),
        (["--protocol", "leave-one-out"], "leave-one-pair-out"),
        (["--set", "split=3", "--folds", "3"], "split: "),
        (["--split", "/nowhere/split.csv"], "split.csv"),
        (["--model", "/nowhere/model.onnx"], "model.onnx"),
    ],
)
def test_refusals_say_what_to_do(arguments, said, tiny_corpus, tmp_path):
    done = ser("evaluate", tiny_corpus, *arguments, "--out", tmp_path / "out")
    assert done.returncode in (1, 2)
    assert said in " ".join((done.stderr + done.stdout).replace("│", " ").split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1", [0]),
        (" 3 ", [0, 1, 2]),
        ("0,5,7", [0, 5, 7]),
        ("5,", [5]),
        ("7,5,7,5", [7, 5]),
        (f"{2**31 - 1},", [2**31 - 1]),
    ],
)
def test_seeds(text, seeds):
    assert seed_list(text) == seeds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "give at least one"),
        ("1001", "at most 1000"),
        ("9" * 6000, "at most 1000"),
        (f"0,{2**31}", "from 0 to 2147483647, not 2147483648"),
        ("1," + "9" * 6000, "from 0 to 2147483647"),
        ("-1", "seeds are a number"),
        ("1,-1", "seeds are a number"),
        ("", "seeds are a number"),
        (",", "seeds are a number"),
        ("1.5", "seeds are a number"),
    ],
)
def test_seeds_that_are_none(text, said):
    with pytest.raises(typer.BadParameter, match=said):
        seed_list(text)


@pytest.mark.parametrize("missing", ["sklearn", "matplotlib"])
@pytest.mark.parametrize("more", [("--model", "emodb"), ()])
def test_a_missing_tier_is_said_before_any_work(missing, more, tiny_corpus, tmp_path, cli, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    done = cli("evaluate", tiny_corpus, *more, "--out", tmp_path / "out")
    assert done.code == 1
    assert done.err.startswith("error: scores and their report needs the [train] tier (")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_reproduce_quick_prints_the_table(tiny_corpus, tmp_path):
    arguments = ["--quick", "--emotions", "anger,sadness", "--device", "cpu", "--out", tmp_path / "table"]
    done = ser("reproduce", tiny_corpus, *SMALL, *arguments)
    assert done.returncode == 0, done.stderr
    for said in ("MelSpec + GeMAPS, FL", "mean nothing", "Claims"):
        assert said in done.stdout
    assert (tmp_path / "table" / "reproduction.md").is_file()


def test_a_split_file_decides(tiny_corpus, tmp_path):
    split = tmp_path / "split.csv"
    made = ser("split", tiny_corpus, "--protocol", "leave-one-pair-out", "-o", split)
    assert made.returncode == 0, made.stderr
    done = ser("evaluate", tiny_corpus, *SVM, "--split", split, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    one = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert "leave-one-pair-out" in one["protocol"]
    trained = ser("train", tiny_corpus, *SVM, "--split", split, "--set", "split.fold=2", "--out", tmp_path / "fold2")
    assert trained.returncode == 0, trained.stderr

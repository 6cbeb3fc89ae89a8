"""Nothing that is read, or that somebody may have edited, is written over."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def ser(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ser_toolkit", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr + done.stdout).replace("│", " ").split())


@pytest.mark.parametrize("given", ["manifest.csv", "."])
def test_split_does_not_replace_its_manifest(given, tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus.parent, tmp_path / "corpus")
    manifest = tmp_path / "corpus" / "manifest.csv"
    before = manifest.read_bytes()
    done = ser("split", tmp_path / "corpus" / given, "--protocol", "leave-one-pair-out", "-o", manifest)
    assert done.returncode == 2
    assert "one of the files that are read" in said(done)
    assert manifest.read_bytes() == before


def test_corpus_replaces_a_manifest_only_with_force(corpora, tmp_path):
    target = tmp_path / "manifest.csv"
    target.write_text("file,speaker,emotion,my_notes\n")
    refused = ser("corpus", "emodb", corpora / "emodb", "-o", target)
    assert refused.returncode == 2
    assert "--force" in said(refused)
    assert "my_notes" in target.read_text()
    assert ser("corpus", "emodb", corpora / "emodb", "-o", target, "--force").returncode == 0
    assert "my_notes" not in target.read_text()


def test_a_full_folder_is_refused_before_any_work(tiny_corpus, tmp_path):
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "thesis.txt").write_text("mine")
    for command in ("train", "evaluate", "reproduce"):
        done = ser(command, tiny_corpus.parent / "nowhere.csv", "--out", tmp_path / "busy")
        assert "not empty" in said(done), command  # not: the manifest is missing
    assert [p.name for p in (tmp_path / "busy").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("command", ["evaluate", "reproduce"])
def test_a_folder_is_not_called_like_standard_output(command, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ser(command, tiny_corpus, "-o", "-")
    assert done.returncode == 2
    assert "- is standard output, which takes text only; give a name" in said(done)
    assert not list(tmp_path.iterdir())


def test_compare_names_the_command_that_makes_an_evaluation(tmp_path):
    done = ser("compare", tmp_path, tmp_path)
    assert done.returncode == 1
    assert "ser-toolkit evaluate" in said(done)


def test_settings_that_change_nothing_are_named(tiny_corpus, tmp_path):
    settings = ["--features", "egemaps", "--set", "training.workers=1", "--epochs", "1", "--device", "cpu"]
    settings += [
        "--set",
        "training.soft_labels=true",
        "--set",
        "augment.freq_masks=2",
        "--set",
        "training.batch_size=8",
    ]
    done = ser("train", tiny_corpus, *settings, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "training.soft_labels changes nothing" in said(done)
    assert "augment.freq_masks changes nothing: no input is a spectrogram" in said(done)

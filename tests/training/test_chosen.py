"""What inner cross-validation chose is said, and read back from what is stored."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.report.terminal import training
from ser_toolkit.training.checkpoint import load_classifier
from ser_toolkit.training.chosen import chosen_in_folds, chosen_settings
from ser_toolkit.training.config import check_config
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.results import read_result
from ser_toolkit.training.run import train

MEL = {"mel": {"name": "mel-functionals", "n_mels": 8, "hop_length": 512}}
LABELS = ("anger", "sadness")


def config(**model):
    return {"features": MEL, "model": model, "segments": {"preset": "utterance"}, "training": {"workers": 1}}


def plan(**model):
    return Plan.make(check_config(config(**model)), LABELS, default_registry())


@pytest.fixture(scope="module")
def result(tiny_corpus, tmp_path_factory):
    settings = config(name="svm", C=[0.5, 2.0], gamma=["scale", 0.01])
    return train(tiny_corpus, config=settings, out=tmp_path_factory.mktemp("chosen") / "run")


def test_train_says_what_was_chosen(result):
    assert list(result.chosen) == ["C", "gamma"]
    assert result.chosen["C"] in ("0.5", "2")
    assert result.chosen["gamma"] in ("scale", "0.01")
    assert json.loads((result.run_dir / "metrics.json").read_text())["chosen settings"] == result.chosen
    assert read_result(result.run_dir).chosen == result.chosen
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(training(result))
    assert f"C = {result.chosen['C']}, gamma" in console.export_text()


def test_what_is_stored_says_it_too(result):
    several = plan(name="svm", C=[0.5, 2.0], gamma=["scale", 0.01])
    assert chosen_settings(several, load_classifier(result.run_dir)[1].estimator) == result.chosen
    text = f"C = {result.chosen['C']}, gamma = {result.chosen['gamma']} (2 of 2 folds)"
    assert chosen_in_folds(several, [result.run_dir, result.run_dir, result.run_dir / "not kept"]) == text


def test_nothing_where_there_was_no_choice(result):
    one = plan(name="svm", C=2.0)
    assert chosen_settings(one, load_classifier(result.run_dir)[1].estimator) == {}
    assert chosen_in_folds(one, [result.run_dir]) == ""
    assert chosen_in_folds(plan(name="zhang-2020"), [result.run_dir]) == ""

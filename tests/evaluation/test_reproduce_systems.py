"""The table of systems: every row on the same folds, resumable, and beside what was published."""

from __future__ import annotations

import io
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.job_progress import FoldDone, SilentJob
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.evaluation.reproduce_systems import config_of, reproduce_systems
from ser_toolkit.evaluation.systems import BUDGET, SYSTEMS, System
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.report.systems import as_markdown, as_terminal, write_systems
from ser_toolkit.training.plan import Plan

DOCS = Path(__file__).parents[2] / "docs" / "systems"
MEL = {"mel": {"name": "mel-functionals", "n_mels": 8, "hop_length": 512}}
FRAMES = {"mel": {"name": "logmel-sequence", "n_mels": 8}}
WHOLE = {"preset": "utterance"}
NET = {"loss": {"name": "cross-entropy"}, "segments": WHOLE, "training": {"lr": 0.01}}
SMALL = (
    System(
        name="dense", title="dense", config={"features": MEL, "model": {"name": "zhang-2020", "widths": [8]}, **NET}
    ),
    System(
        name="segments",
        title="segments | of frames",
        config={"features": FRAMES, "model": {"name": "yao-2020-ms", "filters": [4, 8], "dense": 8}, **NET},
        quoted="WA .5",
        original="elsewhere",
        unlike="another task",
    ),
    System(name="both", title="both", fused=("dense", "segments")),
    System(
        name="svm", title="SVM", config={"features": MEL, "model": {"name": "svm", "C": [0.1, 1.0]}, "segments": WHOLE}
    ),
    System(
        name="impossible",
        title="too many neighbours",
        config={"features": MEL, "model": {"name": "k-nn", "k": 999}, "segments": WHOLE},
    ),
)
CHANGES = {
    "emotions": ["anger", "sadness"],
    "split": {"protocol": "grouped-k-fold", "folds": 2},
    "training": {"epochs": 2, "workers": 1, "batch_size": 8},
}


class Watch(SilentJob):
    def __init__(self):
        self.done: list[FoldDone] = []

    def fold_done(self, done):
        self.done.append(done)


@pytest.fixture(scope="module")
def job(tiny_corpus, tmp_path_factory):
    out, watch = tmp_path_factory.mktemp("table") / "out", Watch()
    table = reproduce_systems(tiny_corpus, changes=CHANGES, out=out, systems=SMALL, device="cpu", progress=watch)
    return table, watch, out


def test_every_system_has_a_row(job):
    table, watch, out = job
    assert [row.system.name for row in table.rows] == [s.name for s in SMALL]
    *fitted, impossible = table.rows
    assert all(row.evaluation.n == 24 and row.problem == "" for row in fitted)
    assert impossible.evaluation is None
    assert "k-nn cannot be fitted to these" in impossible.problem
    assert any("too many neighbours" in text for text in table.cautions)
    dense, segments, both, svm = fitted
    assert re.fullmatch(r"(C = (0\.1|1) \([12] of 2 folds\)(; )?)+", svm.chosen)
    assert dense.chosen == both.chosen == ""
    assert (dense.costs.parameters, svm.costs.parameters) == (32 * 8 + 8 + 16 + 18, None)
    assert both.costs.parameters == dense.costs.parameters + segments.costs.parameters
    assert both.fold_s == pytest.approx(dense.fold_s + segments.fold_s)
    assert min(row.costs.extraction_ms for row in fitted) > 0
    assert [d.setting for d in watch.done] == ["dense"] * 2 + ["segments | of frames"] * 2 + ["SVM"] * 2
    for row in fitted:  # the same folds, whatever each hears
        items = Predictions.load(out / row.system.name / "predictions.parquet").items
        assert {i.file: i.fold for i in items} == {
            i.file: i.fold for i in Predictions.load(out / "dense" / "predictions.parquet").items
        }
    assert table.budget == "2 epochs, learning rate cosine, epoch: last"


def test_what_is_finished_is_not_fitted_again(job, tiny_corpus):
    table, _, out = job
    watch = Watch()
    same = {"changes": CHANGES, "out": out, "systems": SMALL[:4], "device": "cpu"}
    again = reproduce_systems(tiny_corpus, **same, progress=watch, resume=True)
    assert [d.seconds for d in watch.done] == [0] * 6
    for before, after in zip(table.rows, again.rows, strict=False):
        assert after.evaluation == before.evaluation
        assert (after.costs, after.fold_s, after.chosen) == (before.costs, before.fold_s, before.chosen)
    with pytest.raises(ConfigError, match="not empty"):
        reproduce_systems(tiny_corpus, **same)


def test_written(job):
    table, _, out = job
    write_systems(table)
    said = json.loads((out / "systems.json").read_text())
    assert list(said["systems"]) == [s.name for s in SMALL]
    assert said["systems"]["segments"]["not comparable"] == "another task"
    assert said["systems"]["impossible"]["evaluation"] is None
    assert said["systems"]["svm"]["chosen settings"] == table.rows[3].chosen
    text = as_markdown(table)
    assert table.rows[3].chosen in text
    assert r"| segments \| of frames |" in text
    assert "not comparable: another task" in text
    assert r"WA .5 \* |" in text
    assert "k-nn cannot be fitted" in text
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(as_terminal(table))
    shown = console.export_text()
    assert "segments | of frames" in shown
    assert "systems.md" in shown


def test_own_tables_of_a_user_are_not_used():
    config = config_of(
        SMALL[0], {"model": {"name": "svm"}, "training": {"epochs": 3}, "loss": {"name": "focal"}}, iemocap=True
    )
    assert config.model["name"] == "zhang-2020"
    assert config.loss["name"] == "cross-entropy"
    assert (config.training.epochs, config.training.lr) == (3, 0.01)
    assert config.split.protocol == "leave-one-session-out"


def test_the_systems_are_those_of_the_pages():
    """Features, model, windows and training of a row are what its page says."""
    for system in SYSTEMS:
        page = DOCS / f"{system.name}.md"
        if system.fused or not page.is_file():
            continue
        (text, *_) = re.findall(r"```toml.*?\n(.*?)```", page.read_text(), re.DOTALL)
        for table, value in tomllib.loads(text).items():
            if table == "training":
                value = {key: v for key, v in value.items() if key not in BUDGET}
            assert system.config[table] == value, f"{system.name}: {table}"


@pytest.mark.parametrize("system", [s for s in SYSTEMS if not s.fused], ids=lambda s: s.name)
def test_every_system_can_be_made(system):
    config = config_of(system, {}, iemocap=False)
    assert (config.training.epochs, config.training.select) == (15, "last")
    plan = Plan.make(config, ("anger", "happiness", "neutral", "sadness"), default_registry())
    specs = plan.features.specs()
    if "loss" not in system.config:
        plan.model.estimator(specs, plan.target, seed=0)


def test_quoted_figures_say_why_they_cannot_be_compared():
    names = [s.name for s in SYSTEMS]
    assert len(set(names)) == len(names)
    assert [s.name for s in SYSTEMS if s.quoted and not s.unlike] == []
    for system in SYSTEMS:
        assert set(system.fused) <= set(names[: names.index(system.name)])
    six = {"lee-2011", "neumann-vu-2017", "satt-2017", "zhang-2020", "yao-2020", "li-2021"}
    assert six <= {s.name for s in SYSTEMS if s.quoted}
    assert replace(SYSTEMS[0], quoted="").quoted == ""

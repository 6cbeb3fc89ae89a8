"""``evaluate --noise`` as a user runs it, alone and with a list; resumed on a finished folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ser_toolkit.cli.evaluate import EvaluateCommand, evaluate
from ser_toolkit.errors import ConfigError

MELFUN = [
    "--set",
    "features={}",
    "--set",
    'features.melfun.name="mel-functionals"',
    "--set",
    "features.melfun.n_mels=16",
]
MELFUN += ["--set", "model.name=logistic-regression", "--set", "segments.preset=utterance"]
MELFUN += ["--set", "training.workers=1", "--no-cache", "--protocol", "leave-one-pair-out"]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command("evaluate", cls=EvaluateCommand)(evaluate)
    return made


def parsed(*arguments: str) -> tuple[list[str], str | None]:
    seen = []
    app = typer.Typer()

    @app.command(cls=EvaluateCommand)
    def command(manifests: list[Path], noise: str | None = None, out: str = "x") -> None:
        seen.append(([str(m) for m in manifests], noise))

    assert CliRunner().invoke(app, list(arguments)).exit_code == 0
    return seen[0]


def test_the_value_may_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    assert parsed("corpus") == (["corpus"], None)
    assert parsed("corpus", "--noise") == (["corpus"], "standard")
    assert parsed("corpus", "--noise", "--out", "y") == (["corpus"], "standard")
    assert parsed("--noise", "corpus") == (["corpus"], "standard")
    assert parsed("--noise", "white:10,clip:5", "corpus") == (["corpus"], "white:10,clip:5")
    assert parsed("--noise=white:10", "corpus") == (["corpus"], "white:10")
    assert parsed("corpus", "--noise", "--", "--noise") == (["corpus", "--noise"], "standard")


def test_a_finished_folder_gets_the_bench_by_resume(app, tiny_corpus, tmp_path):
    out, runner = tmp_path / "cv", CliRunner()
    command = [str(tiny_corpus), *MELFUN, "--out", str(out)]
    plain = runner.invoke(app, command, catch_exceptions=False)
    assert plain.exit_code == 0
    assert not (out / "noise.json").exists()
    stamps = {p: p.stat().st_mtime_ns for p in (out / "folds").glob("*.parquet")}
    noisy = runner.invoke(app, [*command, "--resume", "--noise", "white:10,telephone"], catch_exceptions=False)
    assert noisy.exit_code == 0
    assert "telephone, 8 kHz mu-law" in noisy.output
    assert "under noise" in noisy.output
    assert {p: p.stat().st_mtime_ns for p in stamps} == stamps
    found = json.loads((out / "noise.json").read_text())
    assert [c["name"] for c in found["conditions"]] == ["white:10", "telephone"]
    assert "<h2>Noise</h2>" in (out / "report.html").read_text()
    assert json.loads((out / "evaluation.json").read_text())["utterance"]["ua"]["estimate"] == found["clean"]["ua"]


def test_a_finished_model_is_benched_beside_its_scores_or_later(app, tiny_corpus, tiny_model, tmp_path):
    out, runner = tmp_path / "model", CliRunner()
    command = [str(tiny_corpus), "--model", str(tiny_model), "--seen", "mark", "--out", str(out), "--device", "cpu"]
    assert runner.invoke(app, command, catch_exceptions=False).exit_code == 0
    done = runner.invoke(app, [*command, "--resume", "--noise", "clip:5"], catch_exceptions=False)
    assert done.exit_code == 0
    assert (out / "noise.png").is_file()


def test_what_cannot_be_is_refused_before_anything_is_done(app, tiny_corpus, tiny_model, tmp_path):
    runner, out = CliRunner(), tmp_path / "none"
    wrong = runner.invoke(app, [str(tiny_corpus), "--noise", "wite:10", "--out", str(out)])
    assert isinstance(wrong.exception, ConfigError)
    assert "Did you mean 'white'" in str(wrong.exception)
    neither = runner.invoke(app, [str(tiny_corpus), "--noise", "white:10", "--no-keep-models", "--out", str(out)])
    assert neither.exit_code == 2
    assert "--noise asks each fold's model again" in neither.output
    apart = runner.invoke(app, [str(tiny_corpus), "--model", str(tiny_model), "--no-keep-models", "--out", str(out)])
    assert apart.exit_code == 2
    assert not out.exists()

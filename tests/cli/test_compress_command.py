"""``compress`` and ``export-onnx --precision`` as a user runs them."""

from __future__ import annotations

import json

import pytest
import typer
from tiny import TINY
from typer.testing import CliRunner

from ser_toolkit.cli.compress import compress
from ser_toolkit.data.cache import FeatureCache
from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.training.run import train


@pytest.fixture(scope="module")
def run(tiny_corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("judged") / "run"
    config = {**TINY, "split": {"test": 0.34}}
    train(tiny_corpus, config=config, out=out, device="cpu", cache=FeatureCache.default())
    return out


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    app = typer.Typer(rich_markup_mode="markdown")
    app.command("compress")(compress)
    return lambda *args: CliRunner().invoke(app, [str(a) for a in args])


def test_help_has_examples(command, cli):
    for text in (command("--help").output, cli("export-onnx", "--help").out):
        assert "Examples" in text
        assert "int8" in text and "--force" in text


def test_table_then_json(command, run, tiny_corpus, tmp_path):
    path = tmp_path / "half.onnx"
    done = command(run, tiny_corpus, "--method", "fp16", "-o", path)
    assert done.exit_code == 0, done.output
    for said in ("MACs per window", "2 threads, p95", "UA (macro recall)", "the no-loss gate is passed", "wrote"):
        assert said in done.stdout
    assert path.is_file()
    done = command(run, tiny_corpus, "--method", "fp16", "--json")
    assert json.loads(done.stdout)["gate"]["passed"] is True


def test_a_refusal_is_an_error_after_the_table(command, run, tiny_corpus, tmp_path, monkeypatch):
    from ser_toolkit.compression import gate

    monkeypatch.setattr(gate, "UA_MARGIN", -0.5)  # as if half a point up, and more, were asked for
    path = tmp_path / "m.onnx"
    done = command(run, tiny_corpus, "--method", "fp16", "-o", path)
    assert done.exit_code == 1
    assert isinstance(done.exception, ModelError)
    assert "the no-loss gate refuses this model: UA changes by +0.0 points" in str(done.exception)
    assert "UA (macro recall)" in done.stdout
    assert not path.exists()
    done = command(run, tiny_corpus, "--method", "fp16", "-o", path, "--force")
    assert done.exit_code == 0
    assert "LOSSY: written against the no-loss gate" in done.stdout
    assert path.is_file()


def test_wrong_use(command, run, tiny_corpus):
    assert command(run, tiny_corpus, "--method", "int4").exit_code == 2
    assert command(run).exit_code == 2
    assert command(run, tiny_corpus, "-o", "-").exit_code == 2
    done = command(run, tiny_corpus, "--method", "prune", "--share", "0.95")
    assert isinstance(done.exception, ConfigError) and "share" in str(done.exception)


def test_export_onnx_in_another_precision(cli, run, tiny_corpus, tmp_path):
    path = tmp_path / "m.onnx"
    done = cli("export-onnx", run, tiny_corpus, "--precision", "fp16", "-o", path)
    assert done.code == 0, done.err
    assert "the no-loss gate is passed" in done.out
    whole = tmp_path / "whole.onnx"
    assert cli("export-onnx", run, "-o", whole).code == 0
    assert path.stat().st_size < whole.stat().st_size
    assert cli("analyze", tiny_corpus.parent / "audio" / "s0-anger-0.wav", "--model", path, "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "int4"], "fp32, fp16 or int8"),
        (["--precision", "int8"], "name the manifests"),
        (["MANIFEST"], "are for fp16 and int8"),
        (["--force"], "are for fp16 and int8"),
    ],
)
def test_export_onnx_refusals(cli, run, tiny_corpus, tmp_path, arguments, said):
    given = [tiny_corpus if a == "MANIFEST" else a for a in arguments]
    done = cli("export-onnx", run, *given, "-o", tmp_path / "m.onnx")
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert not list(tmp_path.iterdir())

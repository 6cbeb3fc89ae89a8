"""The list of bundled models, for people and programs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ser_toolkit.models import bundled
from ser_toolkit.models.listing import BundledModel
from ser_toolkit.report import terminal
from ser_toolkit.report.terminal_models import models as shown


@pytest.fixture
def run():
    import typer

    from ser_toolkit.cli.models import models

    app = typer.Typer()
    app.command()(models)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_for_people(run):
    out = run().output
    for name in bundled.names():
        assert name in out
    assert f"{bundled.DEFAULT}  default" in out
    assert out.count("  default") == 1
    assert "speech-functionals" in out
    assert "MB" in out


def test_for_programs(run):
    rows = json.loads(run("--json").output)
    assert {row["name"] for row in rows} == set(bundled.names())
    assert rows[0]["default"] is True
    assert set(rows[0]) == {
        "name", "default", "path", "n_bytes", "inputs", "labels", "licence", "scores", "missing", "problem"
    }  # fmt: skip


def test_what_is_missing_is_said(capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    facts = {"default": False, "path": "/x", "n_bytes": 1_000_000}
    needy = BundledModel(name="a", missing=("opensmile",), labels=("[red]x",), **facts)
    broken = BundledModel(name="b", problem="it is damaged", **facts)
    terminal.console().print(shown([needy, broken]))
    terminal.console().print(shown([]))
    out = capfd.readouterr().out
    assert "pip install opensmile" in out
    assert "[red]x" in out
    assert "it is damaged" in out
    assert "no models are bundled" in out

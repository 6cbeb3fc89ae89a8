"""What a terminal shows of plugins, and where it shows it."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from rich.console import Console

from ser_toolkit.plugin_registry import Plugin
from ser_toolkit.report import terminal
from ser_toolkit.report.terminal_style import Look, colour


def render(renderable, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def test_bars_are_proportional():
    assert terminal.bar(0.0, 4) == "    "
    assert terminal.bar(1.0, 4) == "████"
    assert terminal.bar(0.5, 4) == "██  "
    assert terminal.bar(0.53, 4) == "██▏ "
    assert terminal.bar(7.0, 2) == "██"
    assert terminal.bar(0.5, 4, blocks=False) == "##  "


def test_unknown_emotions_take_turns_with_colours():
    labels = ("anger", "bliss", "envy")
    assert colour("anger", labels) == "red"
    assert colour("bliss", labels) != colour("envy", labels)
    assert colour("uncertain", labels) == "italic"


def test_what_a_console_can_show(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Look.of(Console(file=io.StringIO(), width=70)) == Look(width=70, colour=False, blocks=True)
    assert Look.of(Console(file=io.StringIO(), force_terminal=True, color_system="standard")).colour
    assert not Look.of(Console(file=io.StringIO(), force_terminal=True, color_system="standard", no_color=True)).colour
    assert not Look.of(Console(file=io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))).blocks


def test_a_pipe_of_another_encoding_takes_every_name():
    code = (
        "from ser_toolkit.report.terminal import console; from rich.text import Text\n"
        "c = console(); print(c.width); c.print(Text('怒り.wav'))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout.split() == [b"120", rb"\u6012\u308a.wav"]


def test_plugins_table_shows_failures_and_clashes():
    rows = [Plugin(name="broken", dist="x", dist_version="1", status="failed", reason="ImportError: [no]")]
    assert "failed: ImportError: [no]" in render(terminal.plugins(rows), 160)

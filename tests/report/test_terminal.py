"""What a terminal shows: every file, nothing interpreted as markup, at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ser_toolkit.plugin_registry import Plugin
from ser_toolkit.report import terminal
from ser_toolkit.report.results import FileResult, WindowResult


def render(renderable, width=110, color=False):
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=color, color_system="truecolor" if color else None).print(renderable)
    return file.getvalue()


def result(file="a.wav", labels=("anger", "joy"), **fields):
    p = {label: (i + 1) / sum(range(1, len(labels) + 1)) for i, label in enumerate(labels)}
    windows = (WindowResult(start_s=0, end_s=3, probabilities=p),)
    return FileResult(file=file, status="ok", duration_s=3.0, probabilities=p, windows=windows, **fields)


def test_bars_are_proportional():
    assert terminal.bar(0.0, 4) == "    "
    assert terminal.bar(1.0, 4) == "████"
    assert terminal.bar(0.5, 4) == "██  "
    assert terminal.bar(0.53, 4) == "██▏ "
    assert terminal.bar(7.0, 2) == "██"


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
@pytest.mark.parametrize("n_labels", [2, 4, 7, 12])
def test_every_file_and_probability_is_there_at_any_width(width, n_labels):
    labels = tuple(f"label{i}" for i in range(n_labels))
    rows = [result("first.wav", labels), FileResult(file="bad.wav", status="failed", reason="empty", detail="nothing")]
    text = render(terminal.analysis(rows, labels, about={"model": "m"}, width=width), width)
    flat = "".join(text.split())
    assert "first.wav"[:6] in flat
    assert "empty" in flat
    assert f"label{n_labels - 1}" in flat
    assert "2files,1ok,1failed" in flat


def test_markup_and_controls_in_names_are_shown_not_obeyed():
    rows = [
        result("[red]x[/red].wav", notes=("[bold]n",)),
        FileResult(file="[/]y.wav", status="failed", reason="crashed", detail="[link=http://x]z"),
    ]
    text = render(terminal.analysis(rows, ("anger", "joy"), about={"model": "[blink]m"}, width=140), 140)
    for shown in ("[red]x[/red].wav", "[bold]n", "[/]y.wav", "[link=http://x]z", "[blink]m"):
        assert shown in text


def test_brief_leaves_results_out_but_not_failures():
    rows = [result("fine.wav"), FileResult(file="bad.wav", status="failed", reason="empty")]
    text = render(terminal.analysis(rows, ("anger", "joy"), about={}, width=100, brief=True))
    assert "fine.wav" not in text
    assert "bad.wav" in text


def test_plugins_table_shows_failures_and_clashes():
    rows = [Plugin(name="broken", dist="x", dist_version="1", status="failed", reason="ImportError: [no]")]
    assert "failed: ImportError: [no]" in render(terminal.plugins(rows), 160)

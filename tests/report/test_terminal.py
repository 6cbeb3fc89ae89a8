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
    p = fields.pop("probabilities", p)
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


FOUR = ("anger", "happiness", "neutral", "sadness")
SETS = (
    ("sadness",),
    ("sadness", "neutral"),
    ("sadness", "neutral", "anger"),
    ("sadness", "neutral", "anger", "happiness"),
)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("many", [False, True])
def test_uncertain_files_are_marked_at_any_width(width, many):
    labels = (*FOUR, "fear", "calm", "boredom", "disgust") if many else FOUR
    p = dict.fromkeys(labels, 0.02) | {"sadness": 0.6, "neutral": 0.2}
    rows = [
        result(f"file-{i}.wav", labels, probabilities=p, prediction_set=members, notes=("resampled", "mixed down"))
        for i, members in enumerate(SETS)
    ]
    text = render(terminal.analysis(rows, labels, about={"sets": "what they mean"}, width=width), width)
    lines = {i: next(line for line in text.splitlines() if line.lstrip().startswith(f"file-{i}")) for i in range(4)}
    assert all(len(line) <= width for line in text.splitlines())
    assert "~" not in lines[0]
    marks = [
        ("sadness ~ neutral", "sadness ~1"),
        ("sadness ~ neutral ~ anger", "sadness ~ 2 others", "sadness ~2"),
        ("sadness ~ neutral ~ anger ~ happiness", "sadness ~ 3 others", "sadness ~3"),
    ]
    for i, allowed in enumerate(marks, start=1):
        assert any(mark in lines[i] for mark in allowed), lines[i]
    assert "60%" in lines[0]
    assert "3 of 4 (~): the set holds more than one emotion" in " ".join(text.split())
    assert "what they mean" in " ".join(text.split())
    if width >= 60:
        assert "resampled," in lines[0]


def test_names_are_written_out_where_there_is_room():
    row = result("a.wav", FOUR, prediction_set=("sadness", "neutral", "anger"))
    wide = render(terminal.analysis([row], FOUR, about={}, width=120), 120)
    assert "sadness ~ neutral ~ anger" in wide
    assert "█" in wide
    assert "sadness ~2" in render(terminal.analysis([row], FOUR, about={}, width=60), 60)
    lit = render(terminal.analysis([row], FOUR, about={}, width=120), 120, color=True)
    shares = lit[lit.index("a.wav") :].split("\n")[0]
    assert shares.count("\x1b[2m") == 1  # of the four, happiness alone is outside the set and dim


@pytest.mark.parametrize("width", range(44, 140))
def test_nothing_is_cut_off_at_any_width(width):
    rows = [
        result("short-quiet.wav", FOUR, prediction_set=("sadness",), notes=("quiet", "short")),
        result("stereo-22050.flac", FOUR, prediction_set=("sadness", "neutral"), notes=("resampled", "mixed down")),
        result("Q" * 40, FOUR, prediction_set=("sadness", "neutral", "anger")),
    ]
    text = render(terminal.analysis(rows, FOUR, about={}, width=width), width)
    assert "…" not in text
    table = text[: text.index("emotions ")]
    assert table.count("Q") == 40
    notes = [
        word
        for line in table.splitlines()
        for word in line.split()
        if word in ("quiet,", "short", "resampled,", "down")
    ]
    assert notes in ([], ["quiet,", "short", "resampled,", "down"])
    assert notes or width < 60


def test_a_model_without_thresholds_says_nothing_of_sets():
    text = render(terminal.analysis([result()], ("anger", "joy"), about={}, width=100))
    assert "uncertain" not in text
    assert "~" not in text


def test_labels_of_sets_are_shown_not_obeyed():
    labels = ("[red]a", "[/]b")
    text = render(
        terminal.analysis([result("x.wav", labels, prediction_set=labels[::-1])], labels, about={}, width=100)
    )
    assert "[/]b ~ [red]a" in text


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

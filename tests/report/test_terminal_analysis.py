"""What a terminal shows after a run: every file, nothing interpreted as markup, at any width, in little memory."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from ser_toolkit.evaluation.folder_labels import Labelled
from ser_toolkit.report.results import FileResult, WindowResult, Windows
from ser_toolkit.report.run_info import RunInfo, StageTime
from ser_toolkit.report.terminal_analysis import show_analysis

FOUR = ("anger", "happiness", "neutral", "sadness")
SETS = (
    ("sadness",),
    ("sadness", "neutral"),
    ("sadness", "neutral", "anger"),
    ("sadness", "neutral", "anger", "happiness"),
)


def info(labels=("anger", "joy"), **fields):
    fields = {"window_s": 3.0, "hop_s": 3.0, "model": "m", "sets": "what they mean", "seconds": 2.0} | fields
    return RunInfo(labels=labels, inputs=("melspec", "egemaps"), probabilities="raw", device="cpu", **fields)


def show(rows, run=None, *, width=110, colour=False, **options):
    console = Console(file=io.StringIO(), width=width, force_terminal=colour,
                      color_system="truecolor" if colour else None, highlight=False)  # fmt: skip
    labels = next((tuple(r.probabilities) for r in rows if r.status == "ok"), ("anger", "joy"))
    show_analysis(console, rows, run or info(labels), **options)
    return console.file.getvalue()


def result(file="a.wav", labels=("anger", "joy"), **fields):
    p = {label: (i + 1) / sum(range(1, len(labels) + 1)) for i, label in enumerate(labels)}
    p = fields.pop("probabilities", p)
    windows = fields.pop("windows", (WindowResult(start_s=0, end_s=3, probabilities=p),))
    return FileResult(file=file, status="ok", duration_s=3.0, probabilities=p, windows=windows, **fields)


def bad(file="bad.wav", **fields):
    return FileResult(file=file, **({"status": "failed", "reason": "empty"} | fields))


def long(file="call.wav", leaders="aaaahhhnn", labels=FOUR, hop_s=3.0):
    """A file whose windows are led by these letters; a blank is a window that was skipped."""
    places = [i for i, letter in enumerate(leaders) if letter != " "]
    probabilities = np.full((len(places), len(labels)), 0.1)
    for row, i in enumerate(places):
        probabilities[row, [label[0] for label in labels].index(leaders[i])] = 0.7
    starts = np.array(places) * hop_s
    windows = Windows(labels=labels, starts_s=starts, ends_s=starts + 3, probabilities=probabilities)
    mean = dict(zip(labels, probabilities.mean(axis=0).tolist(), strict=True))
    duration_s = (len(leaders) - 1) * hop_s + 3
    return replace(result(file, labels, probabilities=mean), windows=windows, duration_s=duration_s)


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
@pytest.mark.parametrize("n_labels", [2, 4, 7, 12])
def test_every_file_and_probability_is_there_at_any_width(width, n_labels):
    labels = tuple(f"label{i}" for i in range(n_labels))
    text = show([result("first.wav", labels), bad(detail="nothing")], width=width)
    flat = "".join(text.split())
    assert "first.wav"[:6] in flat
    assert "empty" in flat
    assert f"label{n_labels - 1}" in flat
    assert "2files,1ok,1failed" in flat


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("many", [False, True])
def test_uncertain_files_are_marked_at_any_width(width, many):
    labels = (*FOUR, "fear", "calm", "boredom", "disgust") if many else FOUR
    p = dict.fromkeys(labels, 0.02) | {"sadness": 0.6, "neutral": 0.2}
    rows = [
        result(f"file-{i}.wav", labels, probabilities=p, prediction_set=members, notes=("resampled", "mixed down"))
        for i, members in enumerate(SETS)
    ]
    text = show(rows, width=width)
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
    wide = show([row], width=120)
    assert "sadness ~ neutral ~ anger" in wide
    assert "█" in wide
    assert "sadness ~2" in show([row], width=60)
    lit = show([row], width=120, colour=True)
    shares = lit[lit.index("a.wav") :].split("\n")[0]
    assert shares.count("\x1b[2m") == 1  # of the four, happiness alone is outside the set and dim


@pytest.mark.parametrize("width", range(44, 140))
def test_nothing_is_cut_off_at_any_width(width):
    rows = [
        result("short-quiet.wav", FOUR, prediction_set=("sadness",), notes=("quiet", "short")),
        result("stereo-22050.flac", FOUR, prediction_set=("sadness", "neutral"), notes=("resampled", "mixed down")),
        result("Q" * 40, FOUR, prediction_set=("sadness", "neutral", "anger")),
        long("call.wav", "ahna"),
    ]
    text = show(rows, width=width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    table = text[: text.index("emotions ")]
    assert table.count("Q") == 40
    words = ("quiet,", "short", "resampled,", "down")
    notes = [word for line in table.splitlines() for word in line.split() if word in words]
    assert notes in ([], ["quiet,", "short", "resampled,", "down"])
    assert notes or width < 60


def test_a_model_without_thresholds_says_nothing_of_sets():
    text = show([result()])
    assert "uncertain" not in text
    assert "~" not in text


def test_markup_and_controls_are_shown_not_obeyed():
    labels = ("[red]a", "[/]b")
    rows = [
        result("[red]x[/red].wav", labels, notes=("[bold]n", "\x1b[2Jm"), prediction_set=labels[::-1]),
        bad("[/]y\u202e.wav", reason="[blink]r", detail="[link=http://x]z\x1b[2J"),
    ]
    run = info(labels, model="[blink]m\x1b]0;title\x07", warnings=("[dim]w\r",), fallback="[/]why", interrupted=True)
    text = show(rows, run, width=160, colour=True)
    for shown in ("[red]x[/red].wav", "[bold]n", r"\x1b[2Jm", r"[/]y\u202e.wav", "[blink]r", r"[link=http://x]z\x1b[2J",
                  r"[blink]m\x1b]0;title\x07", r"[dim]w\r", "[/]why"):  # fmt: skip
        assert shown in text
    assert not any(control in text for control in ("\x1b[2J", "\x1b]", "\x07", "\r", "\u202e"))
    assert "[/]b ~ [red]a" in show(rows, run, width=160)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_endless_names_and_labels_are_shortened_in_the_middle(width):
    labels = ("anger", "z" * 4000)
    rows = [result("怒" * 2000 + "end.wav", labels), bad("b" * 4000 + ".wav", detail="d" * 9000), result("c", labels)]
    text = show(rows, info(labels), width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert len(text.splitlines()) < 130
    assert "…" in text


def test_brief_leaves_results_out_but_not_failures():
    text = show([result("fine.wav"), bad()], brief=True)
    assert "fine.wav" not in text
    assert "bad.wav" in text


def test_nothing_analyzed():
    text = show([bad("d/a.wav"), bad("d/b.wav", status="skipped", reason="too short")], info(seconds=0.0))
    assert "Not analyzed: 2 of 2 files" in text
    assert "emotions  " not in text
    assert "1 failed: empty, 1 skipped: too short" in text
    assert "0 files" in show([], info(interrupted=True, n_files=5))


def test_the_summary_says_what_ran_and_how():
    rows = [
        result("d/1.wav", min_confidence=0.9, notes=("clipped",)),
        result("d/2.wav", min_confidence=0.6, notes=("clipped", "short")),
        bad("d/3.wav"),
    ]
    run = info(min_confidence=0.9, aggregation="vote", smoothing_s=2.0, workers=2, n_files=9, interrupted=True,
               warnings=("another librosa",), fallback="no CUDA device", seconds=0.5)  # fmt: skip
    text = " ".join(show(rows, run, width=200).split())
    for words in ("folder d/", "3 files, 2 ok, 1 failed, 6.0 s of audio in 2 windows", "uncertain 1 50%", "joy 1 50%",
                  "notes 2 clipped, 1 short", "1 of 2 below 0.9, called uncertain", "m (melspec + egemaps)",
                  "windows 3 s, hop 3 s", "raw; a file's are the shares of its windows in which each emotion leads",
                  "cpu (no CUDA device)", "0.5 s, 6.0 files/s, 12 x real time, 2 workers",
                  "interrupted after 3 of 9 files; what was done is kept", "warning another librosa",
                  "not what a person feels", "AI Act"):  # fmt: skip
        assert words in text
    assert "whole recordings" in show([result()], info(window_s=None))
    assert "a file's are the mean over its windows" in show([result()])


def test_files_below_the_least_confidence_are_called_uncertain():
    lines = show([result("a.wav", min_confidence=0.9)], info(min_confidence=0.9)).splitlines()
    assert next(line for line in lines if "a.wav" in line).split()[:2] == ["a.wav", "uncertain"]


def test_emotions_over_time_as_letters_where_there_is_no_colour():
    text = show([long("call.wav", "aaaahhh  nn"), long("b.wav", "sss")], width=120)
    assert next(line for line in text.splitlines() if "call.wav" in line).count("aaaahhh  nn") == 1
    assert "over time" in text
    assert "a anger, h happiness, n neutral, s sadness; blank: skipped" in text


def test_emotions_over_time_in_colour(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = show([long("call.wav", "aaaahhh  nn")], width=120, colour=True)
    assert re.findall("\x1b\\[(3.|90)m▆", text) == ["31"] * 4 + ["33"] * 3 + ["90"] * 2
    assert "height: its probability" in text


def test_long_recordings_get_room_for_their_timeline():
    rows = [long(f"{i}.wav", "ah" * 400) for i in range(3)]
    for width in (80, 120):
        line = next(line for line in show(rows, width=width).splitlines() if "0.wav" in line)
        drawn = max((cell for cell in line.split() if set(cell) <= set("ahns")), key=len)
        assert len(drawn) >= 24
        assert "40:00" in line


def test_no_timeline_for_single_windows_whole_recordings_and_narrow_terminals():
    assert "over time" not in show([result("a", FOUR)], width=120)
    assert "over time" not in show([long()], info(FOUR, window_s=None), width=120)
    assert "over time" not in show([long("a" * 40, "aha"), *(result(f"x{i}", FOUR) for i in range(9))], width=50)


def test_ascii_where_there_is_nothing_else():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=stream, width=120)
    rows = [long("call.wav", "aaah"), bad("x.wav")]
    run = info(FOUR, profile=(StageTime(stage="decode", seconds=1.0, share=1.0),))
    show_analysis(console, rows, run, profile=True)
    stream.seek(0)
    text = stream.read()
    assert "####" in text
    assert "aaah" in text


class Journal:
    """Counts how often it is read and how many results are alive at once."""

    def __init__(self, n, make):
        self.n, self.make = n, make
        self.passes = self.alive = self.most = 0

    def __len__(self):
        return self.n

    def __contains__(self, item):
        return False

    def __iter__(self):
        self.passes += 1
        for i in range(self.n):
            yield Tracked(self, self.make(i))


class Tracked:
    def __init__(self, journal, inner):
        self.journal, self.inner = journal, inner
        journal.alive += 1
        journal.most = max(journal.most, journal.alive)

    def __del__(self):
        self.journal.alive -= 1

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_many_files_are_printed_in_portions_of_the_same_columns():
    def make(i):
        if i % 9 == 4:
            return bad(f"d/bad-{i}.wav", status="skipped", reason="too short")
        if i == 600:
            return bad("d/broken.wav", reason="undecodable")
        return long(f"d/call-{i}.wav" if i != 700 else f"d/{'n' * 30}.wav", "aaahh", FOUR)

    journal = Journal(900, make)
    console = Console(file=io.StringIO(), width=120)
    show_analysis(console, journal, info(FOUR))
    lines = console.file.getvalue().splitlines()
    rows = [line for line in lines if line.startswith((" call-", " nnn"))]
    assert len(rows) == 799
    assert len({line.index("anger") for line in rows}) == 1
    assert sum(line.split()[:2] == ["file", "emotion"] for line in lines) == 1
    assert all(line for line in lines[lines.index(rows[0]) : lines.index(rows[-1])])
    assert journal.passes == 2
    assert journal.most <= 55  # those that were not analyzed and the current one, never a portion of results
    text = "\n".join(lines)
    assert "Not analyzed: 101 of 900 files; 100 skipped: too short, 1 failed: undecodable" in text
    assert "and 51 more: see --output or --report" in text
    assert lines.index(next(x for x in lines if "broken.wav" in x)) < lines.index(
        next(x for x in lines if "bad-4" in x)
    )


def test_the_profile_is_shown_on_request():
    run = info(profile=(StageTime(stage="decode", seconds=1.0, share=1.0),))
    assert "decode is 100% of the work" not in show([result()], run)
    assert "decode is 100% of the work" in show([result()], run, profile=True)


def test_scores_stand_before_the_summary():
    found = Labelled(source="manifest.csv", truths={}, evaluation=None, n_seen=0)
    text = show([result()], labelled=found)
    assert (
        text.index("a.wav") < text.index("Against the labels of manifest.csv") < text.index("not what a person feels")
    )


def test_of_many_emotions_the_most_frequent_are_counted():
    labels = tuple(f"l{i}" for i in range(30))
    text = show([result("a.wav", labels), result("b.wav", labels)])
    counted = text[text.index("emotions  ") :]
    assert counted.index("l29  2  100%") < counted.index("l0 ")
    assert "l20 " not in counted

"""The live view: a bar on a terminal of any kind, lines elsewhere, nothing for short runs, no sleeping."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ser_toolkit.report.analysis_progress import AnalysisProgress
from ser_toolkit.report.results import FileResult


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def result(i=0, duration_s=3.0):
    status = "failed" if i % 400 == 7 else "skipped" if i % 100 == 9 else "ok"
    return FileResult(file=f"{i}.wav", status=status, duration_s=duration_s if status == "ok" else None)


def off_terminal():
    return Console(file=io.StringIO(), width=120)


def analyzed(progress, clock, n, seconds_each=1 / 32):
    for i in range(n):
        clock.now += seconds_each
        progress.file_done(result(i))


def drawn(progress, width, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(progress)
    return console.file.getvalue().rstrip("\n")


def test_short_runs_off_a_terminal_print_nothing():
    console, clock = off_terminal(), Clock()
    with AnalysisProgress(console, 500, clock=clock) as progress:
        analyzed(progress, clock, 500)
    assert console.file.getvalue() == ""


def test_long_runs_off_a_terminal_print_a_line_every_half_minute():
    console, clock = off_terminal(), Clock()
    with AnalysisProgress(console, 10_000, clock=clock) as progress:
        analyzed(progress, clock, 2000)
    first, second = console.file.getvalue().splitlines()
    assert first == "analyzed 960 of 10000 files, 3 failed, 10 skipped, 32 files/s, 95 x real time, 5 min left"
    assert second.startswith("analyzed 1920 of 10000 files, 5 failed, 20 skipped, 32 files/s, ")


def test_one_long_file_off_a_terminal_is_heard_of():
    console, clock = off_terminal(), Clock()
    with AnalysisProgress(console, 1, clock=clock) as progress:
        for _ in range(70):
            clock.now += 1
            progress.audio_done(35)
        progress.file_done(result(duration_s=2450))
    assert console.file.getvalue().splitlines() == ["analyzed 0 of 1 files, 35 x real time"] * 2


def test_said_lines_are_shown_not_obeyed():
    console = off_terminal()
    with AnalysisProgress(console, 3) as progress:
        progress.say("worker 2 died on [red]a.wav\x1b[2J")
    assert console.file.getvalue() == "worker 2 died on [red]a.wav\\x1b[2J\n"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("n", [0, 1, 1200, 10_000])
@pytest.mark.parametrize("options", [{}, {"legacy_windows": True}, {"no_color": True, "force_terminal": True}])
def test_the_bar_is_one_line_at_any_width(width, n, options):
    clock = Clock()
    progress = AnalysisProgress(Console(file=io.StringIO()), 10_000, clock=clock)
    analyzed(progress, clock, n)
    text = drawn(progress, width, color_system=None, **options)
    assert len(text.splitlines()) == 1
    assert len(text) < width
    assert f"{n}/10000" in text


def test_what_stands_beside_the_bar():
    clock = Clock()
    progress = AnalysisProgress(Console(file=io.StringIO()), 10_000, clock=clock)
    analyzed(progress, clock, 1200)
    wide = drawn(progress, 140)
    for words in ("analyzing 1200/10000", "━", "4:3", " left", "3 failed", "12 skipped", "32 files/s", "x real time",
                  "59:15 of audio"):  # fmt: skip
        assert words in wide
    assert "4:3" in drawn(progress, 40) and "3 failed" in drawn(progress, 40)
    assert "files/s" not in drawn(progress, 40)


def test_a_consoles_without_these_characters_gets_ascii():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    clock = Clock()
    progress = AnalysisProgress(Console(file=stream), 10, clock=clock)
    analyzed(progress, clock, 5, seconds_each=1)
    Console(file=stream, width=80).print(progress)
    stream.seek(0)
    assert "5/10  ---" in stream.read()


def test_on_a_terminal_the_bar_goes_away_and_lines_stay():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard", legacy_windows=False,
                      _environ={"TERM": "xterm"})  # fmt: skip
    clock = Clock()
    with AnalysisProgress(console, 50, clock=clock) as progress:
        analyzed(progress, clock, 50, seconds_each=0.1)
        progress.say("worker 1 was replaced")
    text = console.file.getvalue()
    assert "worker 1 was replaced\n" in text
    assert "50/50" in text
    assert text.endswith("\x1b[2K")  # the line of the bar is erased


def test_a_dumb_terminal_gets_lines():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={"TERM": "dumb"})
    clock = Clock()
    with AnalysisProgress(console, 5000, clock=clock) as progress:
        analyzed(progress, clock, 1000)
    text = console.file.getvalue()
    assert text.startswith("analyzed 960 of 5000 files")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text


def test_an_interrupted_run_leaves_no_bar_behind():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={"TERM": "xterm"})
    with pytest.raises(KeyboardInterrupt), AnalysisProgress(console, 5) as progress:
        progress.file_done(result())
        raise KeyboardInterrupt
    assert console.file.getvalue().endswith("\x1b[2K")
    progress.file_done(result())


def test_very_long_runs_count_in_hours():
    console, clock = off_terminal(), Clock()
    with AnalysisProgress(console, 10_000, clock=clock) as progress:
        analyzed(progress, clock, 40, seconds_each=1)
    assert "2.8 h left" in console.file.getvalue()
    console, clock = off_terminal(), Clock()
    with AnalysisProgress(console, 400, clock=clock) as progress:
        analyzed(progress, clock, 390, seconds_each=0.1)
    assert "10 s left" in console.file.getvalue()

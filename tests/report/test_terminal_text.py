"""Text of strangers does nothing on a terminal, and fits; times as people say them."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from ser_toolkit.report.terminal_text import clock, safe, shorten, span


def test_controls_are_shown_not_obeyed():
    assert safe("a\x1b[2Jb\nc\u202ed\x9be\ud800") == r"a\x1b[2Jb\nc\u202ed\x9be\ud800"
    assert safe("[red]Käse 怒り") == "[red]Käse 怒り"


@pytest.mark.parametrize("width", [3, 4, 11, 12, 40])
@pytest.mark.parametrize("text", ["x" * 4000, "怒" * 4000, "a\x1b" * 2000, "abc"])
def test_long_text_loses_its_middle(text, width):
    short = shorten(text, width)
    assert cell_len(short) <= width
    assert short == text or "…" in short


def test_both_ends_of_long_text_stay():
    assert shorten("first" + "-" * 4000 + "last.wav", 21) == "first-----…--last.wav"
    assert shorten("fits", 4) == "fits"


def test_times():
    assert [clock(s) for s in (0, 42, 727.4, 36_000)] == ["0:00", "0:42", "12:07", "10:00:00"]
    assert [span(s) for s in (0.04, 12.34, 119.96, 250, 7200, 36_060)] == [
        "0.0 s", "12.3 s", "2 min", "4 min 10 s", "2 h", "10 h 1 min",
    ]  # fmt: skip

"""The live view of `listen`, and what it says at the end."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from rich.console import Console

from ser_toolkit.data.arrivals import Arrivals
from ser_toolkit.errors import AudioError
from ser_toolkit.report.live_results import LiveRow, LiveTotals, LiveWindow
from ser_toolkit.report.results import WindowResult
from ser_toolkit.report.terminal_listen import About, ListenView, summary

LABELS = ("anger", "neutral")
AT = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "listen-row.schema.json").read_text())


def row(i, share=None, *, error=None, peak_dbfs=-20.04, labels=LABELS, latency_s=0.05, **changes):
    """Window `i`, at a hop of 0.75 s, with this probability of the first label."""
    result = None
    if share is not None:
        shares = [share, *[(1 - share) / (len(labels) - 1)] * (len(labels) - 1)]
        named = dict(zip(labels, shares, strict=True))
        result = WindowResult(start_s=0.75 * i, end_s=0.75 * i + 3, probabilities=named, **changes)
    window = LiveWindow(start_s=0.75 * i, end_s=0.75 * i + 3, peak_dbfs=peak_dbfs, result=result, error=error)
    return LiveRow(window=window, at=AT, latency_s=latency_s)


def nobody(i):
    return row(i, error=AudioError("no speech", "nobody speaks in it"), peak_dbfs=-np.inf)


def totals_of(rows):
    totals = LiveTotals()
    for one in rows:
        totals.add(one)
    return totals


def view(rows, *, width=90, labels=LABELS, dimensions=(), sound=None, file=None, **console):
    about = About(source="a pipe", model="tiny on cpu", labels=labels, dimensions=dimensions, hop_s=0.75)
    made = Console(file=file or io.StringIO(), width=width, legacy_windows=False, **console)
    made.print(ListenView(made, about, totals_of(rows), sound or Arrivals([], 100, clock=lambda: 0.0)))
    return "" if file else made.file.getvalue()


ROWS = [
    row(0, 0.9),
    row(1, 0.8),
    nobody(2),
    row(3, error=ValueError("bad")),
    row(4, 0.1, min_confidence=0.95),
    row(5, 0.25),
]


def test_rows_follow_the_schema():
    rows = [*ROWS, row(6, 0.3, prediction_set=("neutral",), dimensions={"valence": 0.5})]
    for one in rows:
        jsonschema.validate(json.loads(json.dumps(one.to_json(), allow_nan=False)), SCHEMA)
    found = rows[0].to_json()
    assert (found["start_s"], found["end_s"], found["status"], found["predicted"]) == (0, 3, "ok", "anger")
    assert (found["at"], found["latency_s"], found["peak_dbfs"]) == ("2026-01-02T03:04:05.678Z", 0.05, -20.0)
    silent = rows[2].to_json()
    assert (silent["status"], silent["reason"], silent["peak_dbfs"]) == ("skipped", "no speech", None)
    crashed = rows[3].to_json()
    assert (crashed["status"], crashed["reason"], crashed["detail"]) == ("failed", "crashed", "bad")
    assert rows[4].to_json()["predicted"] == "uncertain"
    assert rows[6].to_json()["dimensions"] == {"valence": 0.5}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found | {"reason": "no speech"}, SCHEMA)


def test_totals_and_summary():
    totals = totals_of(ROWS)
    assert totals.statuses == {"ok": 4, "skipped": 1, "failed": 1}
    assert totals.emotions == {"anger": 2, "uncertain": 1, "neutral": 1}
    text = summary(totals)
    assert text == (
        "heard 0:07 of sound: 4 of 6 windows with speech, anger 50 %, uncertain 25 %, neutral 25 %, 1 failed, "
        "95 % known within 50 ms"
    )
    assert summary(LiveTotals()) == "heard 0:00 of sound: 0 of 0 windows with speech"
    for i in range(3000):
        totals.add(row(i, 0.5, latency_s=20.0))
    assert len(totals.latest) == 1000
    assert summary(totals).endswith("95 % known within 20 s")


def test_before_the_first_window():
    text = view([])
    assert "a pipe  ·  tiny on cpu" in text
    assert "silence" in text
    assert "listening" in text
    assert "%" not in text


def test_bars_timeline_and_latency():
    text = view(ROWS)
    assert [line.split()[-2:] for line in text.splitlines() if line.endswith("%")] == [["25", "%"], ["75", "%"]]
    (line,) = [line for line in text.splitlines() if "··" in line]
    assert line.strip() == "aa··?n"
    assert "somebody speaks" in text
    assert "latency 50 ms   95 % under 50 ms" in text
    coloured = view(ROWS, force_terminal=True, color_system="standard", no_color=False)
    assert "▇" in coloured
    assert "\x1b[31m" in coloured


def test_states():
    assert "nobody speaks" in view(ROWS[:3])
    assert "failed: bad" in view(ROWS[:4])
    now = [0.0]
    with Arrivals([np.resize(np.array([0.5, -0.5], dtype=np.float32), 50)], 100, clock=lambda: now[0]) as sound:
        next(iter(sound))
        assert "-6 dBFS" in view(ROWS, sound=sound)
        assert list(sound) == []
        assert "the sound has ended" in view(ROWS, sound=sound)
    stalled = Arrivals([], 100, clock=lambda: now[0])
    now[0] = 5.0
    assert "nothing has come for 5.0 s" in view(ROWS, sound=stalled)


def test_sound_that_waits():
    with Arrivals([np.zeros(1000, dtype=np.float32)], 100, clock=lambda: 0.0) as sound:
        while not sound.ended:
            pass
        assert "10 s wait" in view(ROWS, sound=sound)


@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_no_line_is_too_wide(width):
    labels = ("anger", "a label of a stranger that goes on and on and on")
    rows = [row(i, 0.5, labels=labels, dimensions={"valence": 0.5}) for i in range(500)]
    text = view(rows, width=width, labels=labels, dimensions=("valence",))
    assert max(len(line) for line in text.splitlines()) <= width - (width > 20)
    assert len(text.splitlines()) == 11


def test_dimensions_alone():
    result = WindowResult(start_s=0, end_s=3, probabilities={}, dimensions={"valence": 0.25, "arousal": -1})
    only = LiveRow(window=LiveWindow(start_s=0, end_s=3, peak_dbfs=-3, result=result), at=AT, latency_s=0)
    text = view([only], labels=(), dimensions=("valence", "arousal"))
    assert "valence  0.25" in text
    assert "arousal  -1.00" in text
    jsonschema.validate(only.to_json(), SCHEMA)
    assert "now" in view(ROWS)
    assert "now" not in text


def test_hostile_labels_are_harmless():
    labels = ("[red]x[/red]", "\x1b[2Jy")
    text = view([row(0, 0.6, labels=labels)], labels=labels)
    assert "[red]x[/red]" in text
    assert "\x1b" not in text
    assert "\x1b" not in summary(totals_of([row(0, 0.4, labels=labels)]))


def test_ascii_where_there_is_nothing_else():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    view(ROWS, file=stream)
    stream.seek(0)
    text = stream.read()
    assert "####" in text
    assert "aa..?n" in text


def test_a_terminal_is_drawn_on_and_left_in_order():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    about = About(source="a pipe", model="tiny", labels=LABELS, dimensions=(), hop_s=0.75)
    with ListenView(console, about, totals_of(ROWS), Arrivals([], 100)):
        pass
    text = console.file.getvalue()
    assert "a pipe" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")

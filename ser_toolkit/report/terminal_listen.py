"""Live view of `listen`: emotions of the last window as bars, those before it as a line, the level, the latency."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from ser_toolkit.report.live_results import LiveRow, LiveTotals
from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.sparkline import HEIGHTS, letters
from ser_toolkit.report.terminal_layout import value_text
from ser_toolkit.report.terminal_style import Look, bar, colour
from ser_toolkit.report.terminal_text import clock, safe, shorten, span

if TYPE_CHECKING:
    from ser_toolkit.data.arrivals import Arrivals

__all__ = ["About", "ListenView", "summary"]

_LABEL_WIDTH, _BAR_WIDTH = 24, 60
_FLOOR_DBFS = -60.0
_STALLED_S = 2.0


@dataclass(frozen=True, kw_only=True)
class About:
    """What does not change while it listens.

    Parameters
    ----------
    source : str
        Where sound comes from, and how.
    model : str
        Name of the model, and the device.
    labels, dimensions : tuple of str
        Of the model.
    hop_s : float
        Seconds from window to window.
    """

    source: str
    model: str
    labels: tuple[str, ...]
    dimensions: tuple[str, ...]
    hop_s: float


class ListenView:
    """Redraws itself several times a second; what it last showed remains.

    Parameters
    ----------
    console : Console
        Standard output; see `ser_toolkit.report.terminal.console`.
    about : About
        Of the run.
    totals : LiveTotals
        Grows meanwhile.
    sound : Arrivals
        What comes in.
    """

    def __init__(self, console: Console, about: About, totals: LiveTotals, sound: Arrivals) -> None:
        self._about, self._totals, self._sound = about, totals, sound
        self._live = Live(
            self, console=console, refresh_per_second=8, redirect_stdout=False, redirect_stderr=sys.stderr.isatty()
        )

    def __enter__(self) -> Self:
        """Start drawing."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draw for the last time, and give the cursor back."""
        self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw one picture."""
        look = Look.of(console)
        width = max(20, min(options.max_width, look.width) - 1)
        for line in self._lines(look, width):
            line.no_wrap, line.overflow = True, "crop"
            yield line

    def _lines(self, look: Look, width: int) -> list[Text]:
        about, rows = self._about, tuple(self._totals.latest)
        row = rows[-1] if rows else None
        longest = max(len("level"), *map(len, (*about.labels, *about.dimensions)))
        name_width = max(len("level"), min(_LABEL_WIDTH, longest, width // 3))
        bar_width = max(1, min(_BAR_WIDTH, width - name_width - len("    -60 dBFS")))
        head = Text(shorten(f"{about.source}  ·  {about.model}", width), style="dim")
        lines = [head, self._level(look, name_width, bar_width), Text()]
        lines += _bars(row, about, look, name_width=name_width, bar_width=bar_width)
        if about.labels:
            lines += [Text(), *_timeline(rows, about, look, width)]
        return [*lines, Text(), self._status(row, width)]

    def _level(self, look: Look, name_width: int, bar_width: int) -> Text:
        level = self._sound.level_dbfs
        style = "red" if level > -1 else "yellow" if level > -6 else "green"
        shown = f"{level:.0f} dBFS" if math.isfinite(level) else "silence"
        filled = bar(1 - level / _FLOOR_DBFS if math.isfinite(level) else 0.0, bar_width, blocks=look.blocks)
        return Text.assemble("level".ljust(name_width), "  ", (filled, style), f"  {shown}")

    def _status(self, row: LiveRow | None, width: int) -> Text:
        totals, sound = self._totals, self._sound
        if sound.ended and not sound.waiting_s:
            state = Text("the sound has ended", style="dim")
        elif sound.silent_for_s > _STALLED_S:
            state = Text(f"nothing has come for {span(sound.silent_for_s)}", style="yellow")
        elif row is None:
            state = Text("listening", style="green")
        elif row.window.status == "ok":
            state = Text("somebody speaks", style="green")
        elif row.window.status == "skipped":
            state = Text("nobody speaks", style="dim")
        else:
            state = Text(shorten(f"failed: {row.window.detail}", max(20, width // 2)), style="red")
        facts = [f"{clock(sound.came_s)} of sound"]
        if row is not None and totals.latency_s is not None:
            facts += [f"latency {_milliseconds(row.latency_s)}", f"95 % under {_milliseconds(totals.latency_s)}"]
        if sound.waiting_s >= 1:
            facts.append(f"{sound.waiting_s:.0f} s wait")
        while facts and state.cell_len + sum(3 + len(fact) for fact in facts) > width:
            facts.pop()
        for fact in facts:
            state.append(f"   {fact}", style="")
        return state


def _bars(row: LiveRow | None, about: About, look: Look, *, name_width: int, bar_width: int) -> list[Text]:
    """A line per emotion and per dimension; empty bars where there is no emotion."""
    result = row.window.result if row else None
    lines = []
    for label in about.labels:
        share = result.probabilities[label] if result else None
        first = result is not None and label == result.likeliest
        lines.append(
            Text.assemble(
                (shorten(label, name_width).ljust(name_width), "bold" if first else "" if result else "dim"),
                "  ",
                (bar(share or 0.0, bar_width, blocks=look.blocks), colour(label, about.labels)),
                (f"  {'' if share is None else f'{100 * share:3.0f} %'}", "bold" if first else ""),
            )
        )
    for name in about.dimensions:
        value = value_text(result.dimensions[name]) if result else ""
        lines.append(
            Text.assemble((shorten(name, name_width).ljust(name_width), "" if result else "dim"), f"  {value}")
        )
    return lines


def _timeline(rows: Sequence[LiveRow], about: About, look: Look, width: int) -> list[Text]:
    """The likeliest emotion of each window, the last on the right: a character by its probability, or a letter."""
    n = max(1, min(width, round(120 / about.hop_s)))
    shown, letter = Text(), letters(about.labels)
    for row in rows[-n:]:
        result = row.window.result
        if result is None or not result.probabilities:
            shown.append("·" if look.blocks else ".", style="dim" if row.window.status == "skipped" else "red")
            continue
        label = result.predicted or UNCERTAIN
        if label == UNCERTAIN:
            shown.append("?", style="dim")
        elif look.colour and look.blocks:
            height = max(1, round((result.confidence or 0.0) * (len(HEIGHTS) - 1)))
            shown.append(HEIGHTS[height], style=colour(label, about.labels))
        else:
            shown.append(letter[label])
    shown = Text(" " * (n - len(rows[-n:]))) + shown
    left, right = f"-{clock(n * about.hop_s)}", "now"
    axis = left + " " * max(1, n - len(left) - len(right)) + right
    return [shown, Text(axis[: max(n, len(right))], style="dim")]


def summary(totals: LiveTotals) -> str:
    """What was heard, in a sentence for the end.

    Parameters
    ----------
    totals : LiveTotals
        Of all windows.

    Returns
    -------
    str
        Such as ``"heard 12:07 of sound: 812 of 968 windows with speech, neutral 61 %, anger 39 %"``.
    """
    n, n_ok = sum(totals.statuses.values()), totals.statuses["ok"]
    parts = [f"heard {clock(totals.heard_s)} of sound: {n_ok} of {n} windows with speech"]
    parts += [f"{safe(label)} {100 * count / n_ok:.0f} %" for label, count in totals.emotions.most_common()]
    if totals.statuses["failed"]:
        parts.append(f"{totals.statuses['failed']} failed")
    if totals.latency_s is not None:
        parts.append(f"95 % known within {_milliseconds(totals.latency_s)}")
    return ", ".join(parts)


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"

"""Live view of `analyze` and `extract` on standard error."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.pace import Pace
from ser_toolkit.report.terminal_text import clock as as_clock
from ser_toolkit.report.terminal_text import safe

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = ["AnalysisProgress"]

_EVERY_S = 30.0
_BAR, _SHORT_BAR = 30, 6


class AnalysisProgress:
    """A bar with speed and the time that is left; off a terminal a line about every 30 s, and none for short runs.

    Parameters
    ----------
    console : Console
        Standard error; see `ser_toolkit.report.terminal.console`.
    n_files : int
        Files to do.
    doing : str, optional
        The verb without its ending.
    clock : callable, optional
        Gives the time in seconds.

    Notes
    -----
    Every call may come from any thread.
    """

    def __init__(
        self, console: Console, n_files: int, *, doing: str = "analyz", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._clock, self._doing = console, clock, doing
        self._pace = Pace(n_files, clock=clock)
        self._statuses: Counter[str] = Counter()
        self._said_s = clock()
        self._lock = Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Start the bar."""
        self._pace = Pace(self._pace.n_files, clock=self._clock)
        self._said_s = self._clock()
        if self._console.is_interactive:
            # standard output may be a pipe that takes the results
            stdout_shares_the_terminal = sys.stdout.isatty()
            self._live = Live(
                self,
                console=self._console,
                transient=True,
                refresh_per_second=5,
                redirect_stdout=stdout_shares_the_terminal,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bar."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def file_done(self, result: FileResult) -> None:
        """Count a file."""
        with self._lock:
            self._statuses[result.status] += 1
            self._pace.file_done(result.duration_s)
        self._maybe_say()

    def audio_done(self, seconds: float) -> None:
        """Count audio of any file as soon as it is analyzed, a long file piece by piece."""
        with self._lock:
            self._pace.audio_done(seconds)
        self._maybe_say()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(Text(safe(text)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bar with as much beside it as the width allows."""
        with self._lock:
            pace = self._pace
            done = Text(f"{pace.n_done}/{pace.n_files}", style="green")
            facts = [Text(text, style=style) for text, style in self._facts()]
        room = options.max_width - 1  # the last column makes old Windows consoles wrap
        room -= done.cell_len + 2 + _SHORT_BAR
        while facts and sum(2 + fact.cell_len for fact in facts) > room:
            facts.pop()
        room -= sum(2 + fact.cell_len for fact in facts)
        verb = f"{self._doing}ing "
        if room >= len(verb) + _BAR // 2:
            done, room = Text.assemble(verb, done), room - len(verb)
        width = max(1, min(_BAR, _SHORT_BAR + room))
        bar = ProgressBar(total=max(1, pace.n_files), completed=pace.n_done, width=width, pulse=pace.n_done == 0)
        line = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(2 + len(facts)):
            line.add_column(no_wrap=True)
        line.add_row(done, bar, *facts)
        yield line

    def _facts(self) -> list[tuple[str, str]]:
        """What stands beside the bar, the most important first."""
        pace = self._pace
        facts = []
        left = pace.left_s
        if left is not None and pace.n_done < pace.n_files:
            facts.append((f"{as_clock(left)} left", "cyan"))
        facts += [
            (f"{self._statuses[s]} {s}", c) for s, c in (("failed", "red"), ("skipped", "yellow")) if self._statuses[s]
        ]
        if pace.elapsed_s >= 1.0:
            facts.append((_per_s(pace.files_per_s), ""))
            if pace.audio_s > 0:
                facts += [(_times(pace.real_time), ""), (f"{as_clock(pace.audio_s)} of audio", "dim")]
        return facts

    def _maybe_say(self) -> None:
        if self._live is not None:
            return
        with self._lock:
            now = self._clock()
            if now - self._said_s < _EVERY_S or self._pace.n_done >= self._pace.n_files:
                return
            self._said_s = now
            line = self._line()
        self._console.print(Text(line), soft_wrap=True)

    def _line(self) -> str:
        pace, left = self._pace, self._pace.left_s
        parts = [f"{self._doing}ed {pace.n_done} of {pace.n_files} files"]
        parts += [f"{self._statuses[s]} {s}" for s in ("failed", "skipped") if self._statuses[s]]
        if pace.n_done:
            parts.append(_per_s(pace.files_per_s))
        if pace.audio_s > 0:
            parts.append(_times(pace.real_time))
        if left is not None:
            parts.append(f"{_roughly(left)} left")
        return ", ".join(parts)


def _per_s(speed: float) -> str:
    return f"{speed:.0f} files/s" if speed >= 10 else f"{speed:.1f} files/s"


def _times(speed: float) -> str:
    return f"{speed:.0f} x real time" if speed >= 10 else f"{speed:.1f} x real time"


def _roughly(seconds: float) -> str:
    """``40 s``, ``6 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

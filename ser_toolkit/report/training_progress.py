"""Live view of a training run on standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from ser_toolkit.report.terminal import bar, console

if TYPE_CHECKING:
    from ser_toolkit.training.epochs import Epoch
    from ser_toolkit.training.splits import Part

__all__ = ["RichProgress"]


class RichProgress:
    """Progress bars for extraction and for the current epoch, and a line per finished epoch.

    Off a terminal there are no bars, only the lines.
    """

    def __init__(self) -> None:
        self._console = console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._extraction = self._progress.add_task("extracting features", total=None, visible=False)
        self._epoch = self._progress.add_task("epoch", total=None, visible=False)
        self._headed = False
        self.is_main_process = False

    def __enter__(self) -> Self:
        """Start the bars."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bars."""
        self._progress.stop()

    def print(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(Text(text))

    def starting(
        self, *, protocol: str, parts: Mapping[Part, int], labels: Sequence[str], device: str, warnings: Sequence[str]
    ) -> None:
        """Print protocol, sizes and cautions."""
        self.is_main_process = True
        counts = ", ".join(f"{n} {part}" for part, n in parts.items())
        self._console.print(Text(f"{counts} utterances{' of ' if labels else ''}{', '.join(labels)}; {protocol}"))
        self._console.print(Text(f"device: {device}"))
        for warning in warnings:
            self._console.print(Text(f"caution: {warning}", style="yellow"))

    def extracting(self, done: int, total: int) -> None:
        """Move the bar of extraction."""
        self._progress.update(self._extraction, completed=done, total=total, visible=done < total)

    def extracted(self, *, windows: int, lost: int, excluded: int, total: int) -> None:
        """Print what the segmentation made of the recordings, and what it dropped."""
        self._progress.update(self._extraction, visible=False)
        self._console.print(f"{windows} windows")
        if lost:
            text = f"caution: {lost} of {total} utterances ({lost / total:.0%}) are too short for a window and dropped"
            self._console.print(Text(text, style="yellow"))
        if excluded:
            self._console.print(Text(f"caution: {excluded} of {total} recordings cannot be used", style="yellow"))

    def caution(self, text: str) -> None:
        """Print a caution."""
        self._console.print(Text(f"caution: {text}", style="yellow"))

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Move the bar of the epoch."""
        self._progress.update(
            self._epoch, completed=step, total=steps, visible=True, description=f"epoch {epoch}  loss {loss:.4f}"
        )

    def epoch(self, row: Epoch) -> None:
        """Print the line of a finished epoch."""
        emotions = not math.isnan(row.dev_ua)
        ccc = [(k.removeprefix("dev_ccc_"), v) for k, v in row.dimensions.items() if k.startswith("dev_ccc_")]
        if not self._headed:
            self._headed = True
            first, second = ("dev UA ", "dev WA") if emotions else ("dev CCC", "      ")
            line = f"epoch   train loss   dev loss   {first}                {second}       s"
            self._console.print(Text(line + "".join(f"   CCC of {name}" for name, _ in ccc)), style="dim")
        shown = row.dev_score if math.isfinite(row.dev_score) else 0.0
        line = f"{row.epoch:5d}   {row.train_loss:10.5f}   {row.dev_loss:8.5f}   {shown:.3f} "
        line += f"{bar(min(max(shown, 0.0), 1.0), 12)}     {f'{row.dev_wa:.3f}' if emotions else '     '}   "
        line += f"{row.seconds:5.1f}" + "".join(f"   {value:{len(name) + 7}.3f}" for name, value in ccc)
        line += "  best" if row.best else ""
        self._console.print(Text(line, style="bold" if row.best else ""))

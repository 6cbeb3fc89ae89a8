"""Live view of a cross-validation on standard error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from ser_toolkit.report.terminal import bar
from ser_toolkit.report.training_progress import RichProgress

if TYPE_CHECKING:
    from ser_toolkit.evaluation.job_progress import FoldDone
    from ser_toolkit.training.epochs import Epoch

__all__ = ["RichJob"]


class RichJob(RichProgress):
    """Bars for extraction, the epoch, and all folds; a line per finished fold."""

    def __init__(self) -> None:
        super().__init__()
        self._job = self._progress.add_task("folds", total=None, visible=False)
        self._where = ""

    def fold_starting(self, *, setting: str, seed: int, fold: str, number: int, total: int) -> None:
        """Name the fold beside the bar of the epoch."""
        self._where = f"{setting + ', ' if setting else ''}seed {seed}, {fold}"
        self._progress.update(self._job, completed=number - 1, total=total, visible=True)

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Move the bar of the epoch."""
        super().step(epoch, step, steps, loss)
        # names come from manifests: rich must not read markup in them
        shown = self._where.replace("[", r"\[")
        self._progress.update(self._epoch, description=f"{shown}: epoch {epoch}  loss {loss:.4f}")

    def epoch(self, row: Epoch) -> None:
        """Say nothing: there are too many."""

    def fold_done(self, done: FoldDone) -> None:
        """Print the line of a finished fold."""
        if not self._headed:
            self._headed = True
            first = "CCC" if math.isnan(done.ua) and not math.isnan(done.ccc) else "UA "
            self._console.print(f"  fold     test {first}                test WA   epochs       s", style="dim")
        shown = done.ccc if math.isnan(done.ua) else done.ua
        first, wa = (f"{x:.3f}" if not math.isnan(x) else "-    " for x in (shown, done.wa))
        filled = 0.0 if math.isnan(shown) else min(max(shown, 0.0), 1.0)
        text = f"{done.number:3d}/{done.total:<3d}   {first} {bar(filled, 12)}      {wa}   "
        text += f"{done.epochs or '-':>6}   {done.seconds:5.0f}   "
        what = f"{done.setting + ', ' if done.setting else ''}seed {done.seed}, {done.fold}"
        self._console.print(Text.assemble(text, (what, "dim")), no_wrap=True, overflow="ellipsis")
        self._progress.update(self._job, completed=done.number, total=done.total, visible=done.number < done.total)

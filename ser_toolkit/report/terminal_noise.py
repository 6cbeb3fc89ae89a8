"""A noise bench on a terminal: its progress, and its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.numbers import between, between_points, points
from ser_toolkit.report.terminal import bar
from ser_toolkit.report.training_progress import RichProgress

if TYPE_CHECKING:
    from ser_toolkit.evaluation.results import Estimate
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.scores import NoiseScores

__all__ = ["RichBench", "noise_table"]


class RichBench(RichProgress):
    """A bar over all degraded recordings, and a line per finished condition, on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._task = self._progress.add_task("degraded recordings", total=None, visible=False)

    def degrading(self, condition: Condition, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(
            self._task, description=condition.title, completed=done, total=total, visible=done < total
        )

    def condition_done(self, condition: Condition, ua: float, clean: float) -> None:
        """Print the line of a finished condition."""
        if not self._headed:
            self._headed = True
            self._console.print("condition                           UA                      lost, points", style="dim")
        line = f"{condition.title:34}  {ua:.3f} {bar(ua, 12)}   {100 * (clean - ua):+12.1f}"
        self._console.print(Text(line), no_wrap=True, overflow="ellipsis")


def noise_table(scores: NoiseScores) -> RenderableType:
    """UA and what is lost under each condition, areas under curves, means over kinds of noise.

    Parameters
    ----------
    scores : NoiseScores
        Of a bench.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    table = _table("UA (macro recall)", "95 % interval", "lost, points", "95 % interval", first="under noise")
    for c in (scores.clean, *scores.conditions):
        own = c is scores.clean
        table.add_row(c.title, f"{c.ua.value:.3f}", between(c.ua), *(("", "") if own else _lost(c.lost)))
    parts: list[RenderableType] = [table]
    if scores.curves:
        areas = _table("mean UA", "95 % interval", "lost, points", "95 % interval", first="area under UA over SNR")
        for curve in scores.curves:
            name = f"{curve.title}, {curve.snrs_db[0]:g} to {curve.snrs_db[-1]:g} dB"
            areas.add_row(name, f"{curve.area.value:.3f}", between(curve.area), *_lost(curve.lost))
        parts.append(areas)
    if scores.ratios:
        ratios = _table("mean UA", "95 % interval", "lost, points", "95 % interval", first="all additive noise")
        for ratio in scores.ratios:
            name = f"SNR {ratio.snr_db:g} dB"
            ratios.add_row(name, f"{ratio.ua.value:.3f}", between(ratio.ua), *_lost(ratio.lost))
        parts.append(ratios)
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(scores.protocol, style="bold"))
    notes.add_row("intervals", f"95 %, {scores.bootstraps} resamples of {scores.unit}, the same for clean and degraded")
    for caution in scores.cautions:
        notes.add_row("caution", Text(caution, style="yellow"))
    return Group(*parts, notes)


def _lost(lost: Estimate) -> tuple[str, str]:
    return points(lost.value), between_points(lost)


def _table(*columns: str, first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(first, overflow="fold", min_width=10)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    return table

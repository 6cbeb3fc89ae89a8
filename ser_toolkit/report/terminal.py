"""Everything that a terminal shows; only `terminal*` modules and the commands know rich."""

from __future__ import annotations

import io
import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal_style import bar, colour

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Plugin
    from ser_toolkit.testing.checks import CheckResult
    from ser_toolkit.training.results import PartScores, TrainResult

__all__ = ["bar", "checks", "colour", "console", "plugins", "training"]

_UNKNOWN_WIDTH = 120


def training(result: TrainResult) -> RenderableType:
    """Scores of a run, test beside development, and where everything is."""
    labels = result.recipe.labels
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("scores", no_wrap=True)
    for name in ("n", "UA (macro recall)", "WA (accuracy)", "macro F1", "majority"):
        table.add_column(name, justify="right", no_wrap=True)
    recalls = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    recalls.add_column("recall", no_wrap=True)
    for label in labels:
        recalls.add_column(Text(label), justify="right", overflow="fold")
    parts: list[tuple[str, PartScores | None]] = [("test", result.test), ("dev", result.dev)]
    for name, part in parts:
        if part is None:
            continue
        for level, scores in part.levels.items():
            strong = "bold" if (name, level) == ("test", "utterance") else "" if name == "test" else "dim"
            numbers = (scores.ua, scores.wa, scores.f1, scores.majority)
            table.add_row(f"{name}, per {level}", str(scores.n), *(f"{x:.3f}" for x in numbers), style=strong)
            cells = [f"{scores.recall[x]:.3f}" if x in scores.recall else "-" for x in labels]
            recalls.add_row(f"{name}, per {level}", *cells, style=strong)
    values = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    values.add_column("dimensions", overflow="fold")
    for name in ("n", "CCC", "RMSE"):
        values.add_column(name, justify="right", no_wrap=True)
    for name, part in parts:
        for dimension, found in part.dimensions.items() if part else ():
            shown = ("-" if math.isnan(x) else f"{x:.3f}" for x in (found.ccc, found.rmse))
            style = "bold" if name == "test" else "dim"
            values.add_row(Text(f"{name}, {dimension} per utterance"), str(found.n), *shown, style=style)
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(result.protocol))
    if result.epochs:
        best = next(e for e in reversed(result.epochs) if e.best)
        notes.add_row("epoch", f"{best.epoch} of {len(result.epochs)} is kept (training.select)")
    if result.chosen:
        said = ", ".join(f"{name} = {value}" for name, value in result.chosen.items())
        notes.add_row("chosen", Text(f"{said}, by cross-validation over the training speakers"))
    if result.test is None:
        notes.add_row(
            "caution", Text("no test part: the dev scores chose the epoch and are optimistic", style="yellow")
        )
    for warning in result.warnings:
        notes.add_row("caution", Text(warning, style="yellow"))
    lost = sum(p.n_without_window for _, p in parts if p)
    if lost:
        notes.add_row("caution", Text(f"{lost} held-out utterances give no window and count as errors", style="yellow"))
    if result.excluded:
        first = "; ".join(f"{k}: {v}" for k, v in list(result.excluded.items())[:3])
        notes.add_row(
            "excluded", Text(f"{len(result.excluded)} recordings could not be used ({first})", style="yellow")
        )
    notes.add_row("run folder", Text(str(result.run_dir)))
    emotions = [table, recalls] if labels else []
    return Group(*emotions, *([values] if values.row_count else []), notes)


def plugins(rows: Sequence[Plugin]) -> RenderableType:
    """Components by plugin, and what is wrong with those that are not there."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("kind", "name", "version", "plugin", "distribution", "status"):
        table.add_column(name, overflow="fold", no_wrap=name == "kind")
    claims = Counter((c.kind, c.name) for p in rows for c in p.components)
    for plugin in rows:
        source = [Text(plugin.name), Text(f"{plugin.dist} {plugin.dist_version}", style="dim")]
        for c in sorted(plugin.components, key=lambda c: (c.kind, c.name)):
            clash = claims[c.kind, c.name] > 1
            status = Text("name claimed twice", style="red") if clash else Text("ok", style="green")
            table.add_row(c.kind, Text(c.name, style="bold"), str(c.cls.version), *source, status)
        if plugin.status != "ok":
            style = "red" if plugin.status == "failed" else "yellow"
            table.add_row("", "", "", *source, Text(f"{plugin.status}: {plugin.reason}", style=style))
        elif not plugin.components:
            table.add_row("", "", "", *source, Text("registers nothing", style="yellow"))
    return table


def checks(name: str, results: Sequence[CheckResult]) -> RenderableType:
    """Outcome of the contract checks of one component."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title=Text(name, style="bold"), title_justify="left"
    )
    for column in ("", "contract", "detail"):
        table.add_column(column, overflow="fold")
    for r in results:
        mark = Text("ok", style="green") if r.passed else Text("FAILS", style="bold red")
        table.add_row(mark, Text(r.name), Text(r.detail, style="dim" if r.passed else ""))
    return table


def console(*, stderr: bool = False) -> Console:
    """Console for results (standard output) or for progress and warnings (standard error).

    What goes to a file or a pipe is 120 columns wide, unless ``COLUMNS`` says otherwise. Characters that its encoding
    lacks are written as escapes.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
        stream.reconfigure(errors="backslashreplace")
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNKNOWN_WIDTH
    return made

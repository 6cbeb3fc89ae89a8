"""Everything that a terminal shows; only `terminal*` modules and the commands know rich."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal_results import bar, colour, results_table

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Plugin
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.testing.checks import CheckResult
    from ser_toolkit.training.results import PartScores, TrainResult

__all__ = ["analysis", "bar", "checks", "colour", "console", "plugins", "training"]

_UNKNOWN_WIDTH = 120

NOTICE = "Expressed emotion as listeners tend to perceive it in the voice; not what a person feels."


def analysis(
    results: Sequence[FileResult],
    labels: Sequence[str],
    *,
    about: Mapping[str, str],
    width: int,
    brief: bool = False,
) -> RenderableType:
    """Tables of results, of failures, and the summary.

    Parameters
    ----------
    results : sequence of FileResult
        In order.
    labels : sequence of str
        Emotions of the model.
    about : mapping of str to str
        Lines for the summary: model, device, time.
    width : int
        Columns of the terminal.
    brief : bool, optional
        Leave out the results, which were written to a file, and show failures and the summary only.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    parts: list[RenderableType] = []
    folder = _common_folder([r.file for r in results])
    shown = [replace(r, file=r.file.removeprefix(folder)) for r in results]
    fine = [r for r in shown if r.status == "ok"]
    if fine and not brief:
        parts.append(results_table(fine, labels, width=width))
    if len(fine) < len(results):
        parts.append(_failures_table([r for r in shown if r.status != "ok"]))
    parts.append(_summary(results, labels, about={**({"folder": folder} if folder else {}), **about}))
    return Group(*parts)


def _common_folder(files: Sequence[str]) -> str:
    """Beginning that all names share, up to a slash; said once, so that the table has room for the rest."""
    if len(files) < 2:
        return ""
    first, last = min(files), max(files)
    common = next((first[:i] for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), "")
    return common[: common.rfind("/") + 1]


def _failures_table(results: Sequence[FileResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title="Not analyzed", title_justify="left")
    for name in ("file", "status", "reason", "detail"):
        table.add_column(name, overflow="fold", no_wrap=name == "status")
    for r in results:
        style = "red" if r.status == "failed" else "yellow"
        table.add_row(Text(r.file), Text(r.status, style=style), Text(r.reason), Text(r.detail, style="dim"))
    return table


def _summary(results: Sequence[FileResult], labels: Sequence[str], *, about: Mapping[str, str]) -> Table:
    fine = [r for r in results if r.status == "ok"]
    counts = Counter(r.status for r in results)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    said = [f"{len(results)} file{'s' if len(results) != 1 else ''}"]
    said += [f"{counts[s]} {s}" for s in ("ok", "skipped", "failed") if counts[s]]
    if fine:
        said.append(
            f"{sum(r.duration_s or 0 for r in fine):.1f} s of audio in {sum(len(r.windows) for r in fine)} windows"
        )
    table.add_row("files", Text(", ".join(said)))
    if fine:
        mix = Counter(r.predicted for r in fine)
        text = Text()
        for label in labels:
            share = mix[label] / len(fine)
            text.append(f"{label} {mix[label]} {bar(share, 8).rstrip()}   ", style=colour(label, labels))
        table.add_row("emotions", text)
        if any(r.uncertain is not None for r in fine):
            several = sum(r.uncertain or False for r in fine)
            table.add_row("uncertain", f"{several} of {len(fine)} (~): the set holds more than one emotion")
    for name, value in about.items():
        table.add_row(name, Text(value))
    table.add_row("note", Text(NOTICE, style="dim"))
    return table


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
        for level, scores in (("utterance", part.utterance), ("window", part.window)):
            strong = "bold" if (name, level) == ("test", "utterance") else "" if name == "test" else "dim"
            numbers = (scores.ua, scores.wa, scores.f1, scores.majority)
            table.add_row(f"{name}, per {level}", str(scores.n), *(f"{x:.3f}" for x in numbers), style=strong)
            cells = [f"{scores.recall[x]:.3f}" if x in scores.recall else "-" for x in labels]
            recalls.add_row(f"{name}, per {level}", *cells, style=strong)
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(result.protocol))
    if result.epochs:
        best = next(e for e in reversed(result.epochs) if e.best)
        notes.add_row("epoch", f"{best.epoch} of {len(result.epochs)}, the best UA on the development speakers")
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
    return Group(table, recalls, notes)


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

    What goes to a file or a pipe is 120 columns wide, unless ``COLUMNS`` says otherwise.
    """
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNKNOWN_WIDTH
    return made

"""The table of systems: on the terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from ser_toolkit.data import atomic
from ser_toolkit.report.evaluation_page import write_page
from ser_toolkit.report.markdown import escape
from ser_toolkit.report.numbers import between, three
from ser_toolkit.report.reproduction_tables import Column, ReportTable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ser_toolkit.evaluation.reproduce_systems import SystemRow, SystemsTable

__all__ = ["as_markdown", "as_terminal", "systems_tables", "write_systems"]

_FLAG = " *"
_NOTE = "* cannot be compared with ours: another task, or other folds, recordings and labels; systems.md says which."


def write_systems(result: SystemsTable) -> None:
    """Write ``systems.md`` and ``systems.json`` into the folder of the job.

    Parameters
    ----------
    result : SystemsTable
        A finished job.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    write_page(result.out / "systems.md", as_markdown(result))
    said = {
        "format": 1,
        "protocol": result.protocol,
        "split": result.digest,
        "budget": result.budget,
        "cautions": list(result.cautions),
        "systems": {row.system.name: _as_json(row) for row in result.rows},
    }
    atomic.write_text(result.out / "systems.json", json.dumps(said, indent=1, allow_nan=False) + "\n")


def _as_json(row: SystemRow) -> dict[str, object]:
    return {
        "title": row.system.title,
        "quoted by the paper": row.system.quoted or None,
        "original": row.system.original or None,
        "not comparable": row.system.unlike or None,
        "problem": row.problem or None,
        "costs": asdict(row.costs) if row.costs else None,
        "fold_s": row.fold_s,
        "chosen settings": row.chosen or None,
        "evaluation": row.evaluation.to_json() if row.evaluation else None,
    }


def systems_tables(result: SystemsTable) -> tuple[ReportTable, ReportTable]:
    """Scores beside what was published, and costs.

    Parameters
    ----------
    result : SystemsTable
        A finished job.

    Returns
    -------
    tuple of ReportTable
        A row per system in both.
    """
    scores, costs = [], []
    for row in result.rows:
        level = row.evaluation.utterance if row.evaluation else None
        found = ("-", "-", "-", "-")
        if level:
            ua, wa = level.ua.estimate, level.wa.estimate
            found = (three(ua.value), between(ua), three(wa.value), between(wa))
        system = row.system
        flag = row.problem or ("not comparable: " + system.unlike if system.unlike else "-")
        quoted = system.quoted + (_FLAG if system.unlike else "") if system.quoted else "-"
        scores.append((system.title, *found, quoted, system.original or "-", flag))
        c = row.costs
        costs.append(
            (
                system.title,
                f"{c.parameters:,}" if c and c.parameters else "-",
                "-" if row.fold_s is None else f"{row.fold_s:.1f}",
                f"{c.extraction_ms:.1f}" if c else "-",
                f"{c.inference_ms:.1f}" if c else "-",
                row.chosen or "-",
            )
        )
    columns = ("system", "UA", "95 %", "WA", "95 % of WA", "the paper quotes", "the original", "beside ours")
    pages = ("95 % of WA", "the original", "beside ours")
    return (
        ReportTable(
            title="Systems on the same folds, per utterance",
            columns=tuple(Column(name=name, page=name in pages) for name in columns),
            rows=tuple(scores),
            notes=(_NOTE,),
        ),
        ReportTable(
            title=f"Costs; networks: {result.budget}",
            columns=(
                *(Column(name=n) for n in ("system", "parameters", "a fold, s", "extraction, ms", "inference, ms")),
                Column(name="chosen by inner folds", page=True),
            ),
            rows=tuple(costs),
            notes=("A fold: training once, without extraction, the median of all. Milliseconds: one window (3 s of "
                   "sound where a system sees whole recordings), on the CPU of the machine that fitted it.",),
        ),
    )  # fmt: skip


def as_markdown(result: SystemsTable) -> str:
    """Tables and cautions as Markdown."""
    lines = [f"Protocol: {escape(result.protocol)}; split `{result.digest[:12]}`.", ""]
    for table in systems_tables(result):
        lines += [f"**{escape(table.title)}**", "", _row(column.name for column in table.columns)]
        lines += ["|---" * len(table.columns) + "|", *(_row(cells) for cells in table.rows), ""]
        lines += [line for note in table.notes for line in (escape(note), "")]
    if result.cautions:
        lines += ["**What a reader has to know**", "", *(f"- {escape(text)}" for text in result.cautions), ""]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(escape(cell) for cell in cells)} |"


def as_terminal(result: SystemsTable) -> RenderableType:
    """Tables for a rich console; what does not fit is in the Markdown file."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for table in systems_tables(result):
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(table.title), title_justify="left")
        kept = [i for i, column in enumerate(table.columns) if not column.page]
        for i in kept:
            shown.add_column(Text(table.columns[i].name), justify="right" if i else "left", overflow="fold")
        for cells in table.rows:
            shown.add_row(*(Text(cells[i]) for i in kept))
        parts += [shown, *(Text(note, style="dim") for note in table.notes), Text()]
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(f"{result.protocol}; split {result.digest[:12]}", style="bold"))
    for text in result.cautions:
        notes.add_row("caution", Text(text, style="yellow"))
    notes.add_row("report", Text(str(result.out / "systems.md")))
    return Group(*parts, notes)

"""The reproduced table: in the terminal, as Markdown, HTML and a picture, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ser_toolkit import __version__
from ser_toolkit.data import atomic
from ser_toolkit.evaluation.predictions import PREDICTIONS
from ser_toolkit.report.evaluation_page import environment, write_page
from ser_toolkit.report.markdown import escape
from ser_toolkit.report.reproduction_figure import reproduction_picture
from ser_toolkit.report.reproduction_tables import ReportTable, tables

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ser_toolkit.evaluation.reproduced import Reproduction
    from ser_toolkit.report.drawing import Picture

__all__ = ["as_html", "as_markdown", "as_terminal", "write_reproduction"]

_QUICK = "A quick trial: its scores mean nothing."


def write_reproduction(result: Reproduction) -> None:
    """Write ``reproduction.md``, ``.html``, ``.png`` and ``.json`` and the predictions of each setting.

    Parameters
    ----------
    result : Reproduction
        A finished job; its folder is written to.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for row in result.rows:
        row.predictions.save(result.out / row.setting.name / PREDICTIONS)
    picture = reproduction_picture(result)
    atomic.write_bytes(result.out / "reproduction.png", picture.png)
    write_page(result.out / "reproduction.md", as_markdown(result))
    write_page(result.out / "reproduction.html", as_html(result, picture))
    write_page(result.out / "reproduction.json", json.dumps(_as_json(result), indent=2) + "\n")


def _as_json(result: Reproduction) -> dict[str, Any]:
    return {
        "format": 1,
        "protocol": result.protocol,
        "split": result.digest,
        "quick": result.quick,
        "differences from the paper": list(result.differences),
        "cautions": list(result.cautions),
        "read first": list(result.read_first()),
        "settings": {
            row.setting.name: {
                "title": row.setting.title,
                "published": vars(row.setting.published) if row.setting.published else None,
                "evaluation": row.evaluation.to_json(),
            }
            for row in result.rows
        },
        "answers": [
            {"claim": a.claim, "a": a.a, "b": a.b, "regularised": a.regularised, **a.comparison.to_json()}
            for a in result.answers
        ],
    }


def as_markdown(result: Reproduction) -> str:
    """Tables, cautions and differences as Markdown; the picture is ``reproduction.png`` beside it."""
    lines = [f"**{_QUICK}**", ""] if result.quick else []
    lines += [f"Protocol: {escape(result.protocol)}; split `{result.digest[:12]}`.", ""]
    for number, table in enumerate(tables(result)):
        lines += [f"**{escape(table.title)}**", ""]
        lines += [_row([column.name for column in table.columns]), "|---" + "|---:" * (len(table.columns) - 1) + "|"]
        lines += [_row(cells) for cells in table.rows]
        lines += ["", *(line for note in table.notes for line in (escape(note), ""))]
        lines += ["![UA of each setting](reproduction.png)", ""] if number == 0 else []
    for title, said in (
        ("What a reader has to know", result.read_first()),
        ("What separates this from the paper", result.differences),
    ):
        if said:
            lines += [f"**{title}**", "", *(f"- {escape(text)}" for text in said), ""]
    return "\n".join(lines)


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(escape(cell) for cell in cells)} |"


def as_html(result: Reproduction, picture: Picture) -> str:
    """One page that holds its picture and needs no network."""
    template = environment(html=True).get_template("reproduction.html.j2")
    return template.render(
        r=result,
        tables=tables(result),
        cautions=result.read_first(),
        picture=picture,
        quick=_QUICK,
        version=__version__,
    )


def as_terminal(result: Reproduction) -> RenderableType:
    """Tables for a rich console."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    if result.quick:
        parts.append(Text(_QUICK, style="bold yellow"))
    for table in tables(result):
        parts += [_rich(table), *(Text(note, style="dim") for note in table.notes), Text()]
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(f"{result.protocol}; split {result.digest[:12]}", style="bold"))
    for text in result.differences:
        notes.add_row("paper", Text(text))
    for text in result.read_first():
        notes.add_row("caution", Text(text, style="yellow"))
    notes.add_row("report", Text(str(result.out / "reproduction.html")))
    return Group(*parts, notes)


def _rich(table: ReportTable) -> Table:
    """As much of a table as a terminal has room for; no text of it is taken for markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title=Text(table.title), title_justify="left")
    kept = [i for i, column in enumerate(table.columns) if not column.page]
    for i in kept:
        name = Text(table.columns[i].name)
        shown.add_column(name, justify="right" if i else "left", overflow="fold")
    verdict = table.columns[-1].name == "shown"
    for cells in table.rows:
        texts = [Text(cells[i]) for i in kept]
        if verdict:
            texts[-1].stylize("green" if cells[-1] == "yes" else "yellow")
        shown.add_row(*texts)
    return shown

"""The table of `analyze`: a row per file, with as much as the width allows, all rows with the same columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from ser_toolkit.report.sparkline import letters, sparkline
from ser_toolkit.report.terminal_layout import (
    GAP,
    LONGEST_NAME,
    emotions,
    fitted,
    length,
    members_of,
    named,
    value_text,
)
from ser_toolkit.report.terminal_style import Look, bar, colour
from ser_toolkit.report.terminal_text import safe, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.terminal_layout import Column, Layout, Measure, Shares

__all__ = ["results_table"]

_PORTION = 200


def results_table(
    results: Iterable[FileResult], measure: Measure, layout: Layout, *, console: Console, look: Look, folder: str
) -> Iterator[Text]:
    """Emotions of files, in portions of some hundred rows.

    Parameters
    ----------
    results : iterable of FileResult
        Those with status ``ok`` are shown.
    measure : Measure
        Has seen all of them.
    layout : Layout
        From `settle`.
    console : Console
        Folds what is too long for its column.
    look : Look
        Of the console.
    folder : str
        Beginning of names that is left out.

    Yields
    ------
    Text
        Lines that fit the console; the first portion begins with the header. Where there is room: a bar per label, else
        percentages, else the likeliest only; and the emotions over time for files with several windows. Labels of the
        prediction set keep their colour; an uncertain file shows them in its first column, as ``anger ~ happiness``.
    """
    columns = fitted(layout.columns(measure), width=look.width)
    header = _lines([c.header for c in columns], columns, console)
    for line in header:
        line.stylize("bold")
    rule = ("─" if look.blocks else "-") * (sum(c.width for c in columns) + GAP * (len(columns) - 1))
    lines = [*header, Text(f" {rule}")]
    # rows, not results, wait for their portion: a result holds all windows of its file
    rows = (_row(r, measure, layout, look=look, folder=folder) for r in results if r.status == "ok")
    while portion := list(islice(rows, _PORTION)):
        lines += [line for row in portion for line in _lines(row, columns, console)]
        yield Text("\n").join(lines)
        lines = []


def _lines(cells: Sequence[Text], columns: Sequence[Column], console: Console) -> list[Text]:
    """One row of the table; several lines where a cell is longer than its column."""
    folded = [_folded(cell, c.width, console) for cell, c in zip(cells, columns, strict=True)]
    lines = []
    for i in range(max(len(parts) for parts in folded)):
        line = Text(" ")
        for parts, c in zip(folded, columns, strict=True):
            part = parts[i] if i < len(parts) else Text()
            rest = " " * (c.width - part.cell_len)
            line.append(rest if c.right else "").append_text(part).append("" if c.right else rest).append(" " * GAP)
        line.rstrip()
        lines.append(line)
    return lines


def _folded(cell: Text, width: int, console: Console) -> Sequence[Text]:
    return (cell,) if cell.cell_len <= width else tuple(cell.wrap(console, width, overflow="fold"))


def _row(r: FileResult, m: Measure, layout: Layout, *, look: Look, folder: str) -> list[Text]:
    """Cells of a file, in the order of `Layout.columns`."""
    cells = [Text(shorten(r.file.removeprefix(folder), LONGEST_NAME))]
    if m.labels:
        cells.append(emotions(members_of(r), m.labels, names=layout.names))
    if layout.timeline_width:
        cells.append(_timeline(r, m, look, width=layout.timeline_width))
    if m.labels:
        cells += _shares(r, m.labels, shares=layout.shares, look=look)
    cells += [Text(value_text(r.dimensions[name]) if name in r.dimensions else "") for name in m.dimensions]
    cells.append(Text(length(r, m)))
    if layout.details:
        cells.append(Text(str(len(r.windows))))
    if layout.notes_width:
        cells.append(Text(safe(", ".join(r.notes)), style="dim"))
    return cells


def _timeline(r: FileResult, m: Measure, look: Look, *, width: int) -> Text:
    """Blocks in the colours of emotions; letters where there is no colour."""
    if not m.hop_s or len(r.windows) < 2:
        return Text()
    letter = letters(m.labels)
    text = Text()
    for character, label in sparkline(r.windows, n_slices=width, hop_s=m.hop_s, duration_s=r.duration_s):
        if label is None:
            text.append(" ")
        else:
            shown = character if look.colour and look.blocks else letter[label]
            text.append(shown, style=colour(label, m.labels))
    return text


def _shares(r: FileResult, labels: Sequence[str], *, shares: Shares, look: Look) -> list[Text]:
    if shares == "first":
        return [Text(f"{r.confidence or 0:.0%}")]
    if shares == "first three":
        parts = (Text.assemble(named(label, labels), f" {p:.0%}") for label, p in r.ranked()[:3])
        return [Text("  ").join(parts)]
    members, cells = r.prediction_set or (r.likeliest,), []
    for label in labels:
        p = r.probabilities[label]
        style = colour(label, labels) if label in members else "dim"
        cells.append(
            Text(f"{bar(p, 5, blocks=look.blocks)} {p:4.0%}" if shares == "bars" else f"{p:4.0%}", style=style)
        )
    return cells

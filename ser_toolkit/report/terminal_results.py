"""The table of `analyze`: a row per file, with as much as the width allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = ["COLOURS", "bar", "colour", "results_table"]

COLOURS = {
    "anger": "red", "happiness": "yellow", "neutral": "bright_black", "sadness": "blue", "fear": "magenta",
    "disgust": "green", "surprise": "cyan", "boredom": "bright_blue", "calm": "bright_cyan",
}  # fmt: skip
"""Colour of an emotion; others take turns."""
_OTHERS = ("bright_green", "bright_magenta", "bright_yellow", "bright_red", "white")
_BLOCKS = " ▏▎▍▌▋▊▉█"
_MANY_LABELS = 6
_FILE_WIDTH, _SHORT_FILE_WIDTH = 20, 12
_GAP = 2

Shares = Literal["bars", "percent", "first three", "first"]
Names = Literal["all", "two", "short"]


def colour(label: str, labels: Sequence[str]) -> str:
    """Colour of a label."""
    return COLOURS.get(label, _OTHERS[list(labels).index(label) % len(_OTHERS)])


def bar(share: float, width: int) -> str:
    """Horizontal bar of a share from 0 to 1, in eighths of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)


def results_table(results: Sequence[FileResult], labels: Sequence[str], *, width: int) -> Table:
    """Emotions of files.

    Parameters
    ----------
    results : sequence of FileResult
        With status ``ok``.
    labels : sequence of str
        Emotions of the model.
    width : int
        Columns of the terminal.

    Returns
    -------
    Table
        Where there is room: a bar per label, else percentages, else the likeliest only. Labels of the prediction set
        keep their colour; an uncertain file shows them in its first column, as ``anger ~ happiness``.
    """
    layout = _layout(results, labels, width=width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    table.add_column("file", overflow="fold", width=layout.file_width, min_width=min(_SHORT_FILE_WIDTH, width // 3))
    table.add_column("emotion", no_wrap=True)
    if layout.per_label:
        for label in labels:
            name = label if layout.shares == "bars" else label[:5]
            table.add_column(Text(name, style=colour(label, labels)), no_wrap=True)
    else:
        table.add_column("likeliest" if layout.shares == "first three" else "", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    if layout.details:
        table.add_column("win", justify="right", no_wrap=True)
        if layout.notes_width:
            table.add_column("notes", style="dim", overflow="fold", width=layout.notes_width)
    for r in results:
        cells = [
            Text(r.file),
            _emotions(_members(r), labels, names=layout.names),
            *_shares(r, labels, shares=layout.shares),
        ]
        cells.append(Text(_seconds(r)))
        if layout.details:
            cells.append(Text(str(len(r.windows))))
            if layout.notes_width:
                cells.append(Text(", ".join(r.notes)))
        table.add_row(*cells)
    return table


@dataclass(frozen=True, kw_only=True)
class _Layout:
    shares: Shares
    names: Names
    details: bool = True
    file_width: int | None = None
    notes_width: int = 0

    @property
    def per_label(self) -> bool:
        return self.shares in ("bars", "percent")


def _layout(results: Sequence[FileResult], labels: Sequence[str], *, width: int) -> _Layout:
    """The most telling layout that fits; names of files and notes fold into the room that is left."""
    few = len(labels) <= _MANY_LABELS
    shares: tuple[Shares, ...] = ("bars", "percent", "first") if few else ("first three", "first")
    names: tuple[Names, ...] = ("all", "two", "short")
    file_length = max(len(r.file) for r in results)
    notes = {", ".join(r.notes) for r in results} - {""}
    notes_length = max([0, *(max(len("notes"), cell_len(text)) for text in notes)])
    notes_least = max([0, *(max(len("notes"), cell_len(word)) for text in notes for word in text.split())])
    narrow = _Layout(shares="first", names="short")
    choices = [(_Layout(shares=s, names=n), _FILE_WIDTH) for s, n in product(shares, names)]
    for chosen, file_least in (*choices, (narrow, _SHORT_FILE_WIDTH)):
        room = width - _width(chosen, results, labels) - (_GAP if notes else 0)
        if room >= min(file_length, file_least) + notes_least:
            file_width = max(4, min(file_length, max(file_least, room - notes_length)))
            return replace(chosen, file_width=file_width, notes_width=min(notes_length, room - file_width))
    return replace(narrow, details=False)


def _width(layout: _Layout, results: Sequence[FileResult], labels: Sequence[str]) -> int:
    """Columns that a layout takes, without those for the names of files and for notes."""
    sets = {_members(r) for r in results}
    columns = [max(7, *(_emotions(s, labels, names=layout.names).cell_len for s in sets))]
    match layout.shares:
        case "bars":
            columns += [max(10, cell_len(label)) for label in labels]
        case "percent":
            columns += [max(4, cell_len(label[:5])) for label in labels]
        case "first three":
            longest = sorted(cell_len(label) for label in labels)[-3:]
            columns.append(sum(longest) + len(" 33%" * 3) + len("  " * 2))
        case "first":
            columns.append(4)
    columns += [max(len(_seconds(r)) for r in results), 3]
    return sum(columns) + _GAP * (len(columns) + 1)


def _members(r: FileResult) -> tuple[str, ...]:
    return r.prediction_set or (r.predicted or "",)


def _emotions(members: Sequence[str], labels: Sequence[str], *, names: Names) -> Text:
    """``anger``; several: ``anger ~ happiness ~ neutral``, or ``anger ~ 2 others``, or ``anger ~2``."""
    first, *others = members
    text = Text()
    text.append(first, style=f"bold {colour(first, labels)}")
    if others and names == "short":
        text.append(f" ~{len(others)}")
    elif len(others) > 1 and names == "two":
        text.append(f" ~ {len(others)} others")
    else:
        for label in others:
            text.append(" ~ ")
            text.append(label, style=colour(label, labels))
    return text


def _shares(r: FileResult, labels: Sequence[str], *, shares: Shares) -> list[Text]:
    if shares == "first":
        return [Text(f"{r.confidence or 0:.0%}", justify="right")]
    if shares == "first three":
        return [_first_three(r, labels)]
    members, cells = _members(r), []
    for label in labels:
        p = r.probabilities[label]
        style = colour(label, labels) if label in members else "dim"
        cells.append(Text(f"{bar(p, 5)} {p:4.0%}" if shares == "bars" else f"{p:4.0%}", style=style))
    return cells


def _first_three(r: FileResult, labels: Sequence[str]) -> Text:
    return Text("  ").join(Text(f"{label} {p:.0%}", style=colour(label, labels)) for label, p in r.ranked()[:3])


def _seconds(r: FileResult) -> str:
    return f"{r.duration_s:.1f}" if r.duration_s is not None else ""

"""Which columns the table of `analyze` has, settled from small measures of all files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.sparkline import n_places
from ser_toolkit.report.terminal_style import Look, colour
from ser_toolkit.report.terminal_text import clock, safe, shorten

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = [
    "GAP",
    "LONGEST_NAME",
    "Column",
    "Layout",
    "Measure",
    "emotions",
    "fitted",
    "length",
    "members_of",
    "named",
    "settle",
    "value_text",
]

_MANY_LABELS = 6
_FILE_WIDTH, _SHORT_FILE_WIDTH, LONGEST_NAME = 20, 12, 120
_LABEL_WIDTH = 24
_TIMELINE_WIDTH, _MEDIUM_TIMELINE_WIDTH, _SHORT_TIMELINE_WIDTH = 60, 24, 8
_LONG_S = 99.95
GAP = 2

Shares = Literal["bars", "percent", "first three", "first"]
Names = Literal["all", "two", "short"]


class Measure:
    """What the layout of the table has to know, gathered file by file; does not grow with their number.

    Parameters
    ----------
    labels : sequence of str
        Emotions of the model.
    hop_s : float or None
        Seconds between windows; None: no timelines.
    dimensions : sequence of str, optional
        Dimensions of the model.
    """

    def __init__(self, labels: Sequence[str], *, hop_s: float | None, dimensions: Sequence[str] = ()) -> None:
        self.labels, self.hop_s, self.dimensions = tuple(labels), hop_s if labels else None, tuple(dimensions)
        self.widest_value = 0
        self.sets: set[tuple[str, ...]] = set()
        self.notes: set[str] = set()
        self.longest_name = self.n = self.n_long = self.n_places = self.n_windows = 0
        self.longest_s = 0.0

    def add(self, r: FileResult) -> None:
        """Take the measure of a file with status ``ok``."""
        self.n += 1
        self.sets.add(members_of(r))
        self.notes.add(safe(", ".join(r.notes)))
        self.longest_name = max(self.longest_name, cell_len(r.file))
        self.longest_s = max(self.longest_s, r.duration_s or 0.0)
        self.n_windows = max(self.n_windows, len(r.windows))
        self.widest_value = max([self.widest_value, *(len(value_text(x)) for x in r.dimensions.values())])
        if self.hop_s and len(r.windows) > 1:
            places = n_places(r.windows, hop_s=self.hop_s, duration_s=r.duration_s)
            self.n_places = max(self.n_places, places)
            self.n_long += places > _SHORT_TIMELINE_WIDTH

    @property
    def long(self) -> bool:
        """Whether most files are long enough for their timeline to tell more than their shares."""
        return 2 * self.n_long >= self.n


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the table: what is written above it, how wide it is, and on which side its text stands."""

    header: Text
    width: int
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which columns the table has, and how wide those are that give way.

    Parameters
    ----------
    shares : str
        How probabilities are shown.
    names : str
        How many names of a prediction set are written out.
    details : bool
        Whether the number of windows is shown.
    file_width, timeline_width, notes_width : int
        Columns of the terminal; 0: not shown.
    """

    shares: Shares
    names: Names
    details: bool = True
    file_width: int = 0
    timeline_width: int = 0
    notes_width: int = 0

    def columns(self, m: Measure) -> list[Column]:
        """Columns with their widths, the name of the file first."""
        columns = [Column(header=Text("file"), width=self.file_width)]
        if m.labels:
            emotion = max(7, *(emotions(s, m.labels, names=self.names).cell_len for s in m.sets))
            columns.append(Column(header=Text("emotion"), width=emotion))
        if self.timeline_width:
            header = "over time" if self.timeline_width >= len("over time") else "time"
            columns.append(Column(header=Text(header), width=max(len("time"), self.timeline_width)))
        match self.shares if m.labels else None:
            case "bars":
                columns += [Column(header=named(x, m.labels), width=max(10, named(x).cell_len)) for x in m.labels]
            case "percent":
                short = [named(x, m.labels, width=5) for x in m.labels]
                columns += [Column(header=x, width=max(4, x.cell_len)) for x in short]
            case "first three":
                longest = sorted(named(x).cell_len for x in m.labels)[-3:]
                columns.append(Column(header=Text("likeliest"), width=sum(longest) + len(" 33%" * 3) + len("  " * 2)))
            case "first":
                columns.append(Column(header=Text(), width=4, right=True))
        for name in m.dimensions:
            shown = Text(shorten(name, _LABEL_WIDTH))
            columns.append(Column(header=shown, width=max(shown.cell_len, m.widest_value), right=True))
        header = "length" if m.longest_s >= _LONG_S else "s"
        columns.append(Column(header=Text(header), width=_length_width(m), right=True))
        if self.details:
            columns.append(Column(header=Text("win"), width=max(3, len(str(m.n_windows))), right=True))
        if self.notes_width:
            columns.append(Column(header=Text("notes"), width=self.notes_width))
        return columns


def settle(m: Measure, *, look: Look, folder: str) -> Layout:
    """The most telling layout that fits; names of files and notes fold into the room that is left.

    Parameters
    ----------
    m : Measure
        Has seen all results.
    look : Look
        Of the console.
    folder : str
        Beginning of names that is left out.

    Returns
    -------
    Layout
        The same for all rows.
    """
    longest_name = max(len("file"), min(m.longest_name - cell_len(folder), LONGEST_NAME))
    notes = m.notes - {""}
    notes_length = max([0, *(max(len("notes"), cell_len(text)) for text in notes)])
    notes_least = max([0, *(max(len("notes"), cell_len(word)) for text in notes for word in text.split())])
    timeline_length = min(m.n_places, _TIMELINE_WIDTH)
    two_lines = max(_FILE_WIDTH, min((longest_name + 1) // 2, look.width // 4))
    one_line = longest_name if longest_name <= 2 * _FILE_WIDTH else two_lines
    narrow = Layout(shares="first", names="short")
    choices = [
        (chosen, wanted, one_line if chosen.names != "short" or (wanted and not m.long) else two_lines)
        for chosen, wanted in _choices(m)
    ]
    for chosen, wanted, file_least in (*choices, (narrow, 0, _SHORT_FILE_WIDTH)):
        timeline_least = max(len("time"), min(timeline_length, wanted)) if wanted else 0
        room = look.width - _width(replace(chosen, timeline_width=timeline_least, notes_width=notes_least), m)
        if room >= min(longest_name, file_least):
            file_width = max(4, min(longest_name, max(file_least, room - notes_length + notes_least)))
            room -= file_width
            notes_width = min(notes_length, notes_least + room)
            room -= notes_width - notes_least
            timeline = min(max(timeline_length, timeline_least), timeline_least + room) if wanted else 0
            return replace(chosen, file_width=file_width, notes_width=notes_width, timeline_width=timeline)
    least = replace(narrow, details=False)
    return replace(least, file_width=max(4, min(longest_name, look.width - _width(least, m))))


def _choices(m: Measure) -> list[tuple[Layout, int]]:
    """Layouts, and the least width of their timelines, 0 for none; the most telling first."""
    few = len(m.labels) <= _MANY_LABELS
    shares: tuple[Shares, ...] = ("bars", "percent", "first") if few else ("first three", "first")
    names: tuple[Names, ...] = ("all", "two", "short")
    shown: list[tuple[Shares, int]]
    if m.n_places < 2:
        shown = [(s, 0) for s in shares]
    elif m.long:  # timelines tell more than shares
        shown = [*((s, _MEDIUM_TIMELINE_WIDTH) for s in shares), ("first", _SHORT_TIMELINE_WIDTH)]
        shown += [(s, 0) for s in shares if s != "bars"]
    else:
        shown = [(s, width) for s in shares for width in (_SHORT_TIMELINE_WIDTH, 0) if width or s != "bars"]
    return [(Layout(shares=s, names=n), wanted) for (s, wanted), n in product(shown, names)]


def _width(layout: Layout, m: Measure) -> int:
    """Columns of the terminal that a layout takes."""
    columns = layout.columns(m)
    return sum(c.width for c in columns) + GAP * (len(columns) - 1) + 1


def fitted(columns: Sequence[Column], *, width: int) -> list[Column]:
    """Columns that fit a terminal of `width`: where even the narrowest layout is too wide, the widest give way."""
    columns = list(columns)
    while sum(c.width for c in columns) + GAP * (len(columns) - 1) + 1 > width and max(c.width for c in columns) > 1:
        i = max(range(len(columns)), key=lambda i: columns[i].width)
        columns[i] = replace(columns[i], width=columns[i].width - 1)
    return columns


def named(label: str, labels: Sequence[str] = (), *, width: int = _LABEL_WIDTH) -> Text:
    """A label in its colour, or without one if no labels are given; the first `width` columns of a long one."""
    shown = set_cell_size(shorten(label, _LABEL_WIDTH), width).rstrip()
    return Text(shown, style=colour(label, labels) if labels else "")


def members_of(r: FileResult) -> tuple[str, ...]:
    """What a file is said to be: its prediction set, or what is predicted."""
    if r.predicted == UNCERTAIN:
        return (UNCERTAIN,)
    return r.prediction_set or (r.predicted or "",)


def emotions(members: Sequence[str], labels: Sequence[str], *, names: Names) -> Text:
    """``anger``; several: ``anger ~ happiness ~ neutral``, or ``anger ~ 2 others``, or ``anger ~2``."""
    first, *others = members
    text = Text()
    text.append(shorten(first, _LABEL_WIDTH), style=f"bold {colour(first, labels)}")
    if others and names == "short":
        text.append(f" ~{len(others)}")
    elif len(others) > 1 and names == "two":
        text.append(f" ~ {len(others)} others")
    else:
        for label in others:
            text.append(" ~ ")
            text.append_text(named(label, labels))
    return text


def value_text(value: float) -> str:
    """A value of a dimension: two decimals, fewer for large ones."""
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:.4g}"


def length(r: FileResult, m: Measure) -> str:
    """``3.2``, or ``3.2 s`` in a column with ``12:07``; empty if unknown."""
    if r.duration_s is None:
        return ""
    if r.duration_s >= _LONG_S:
        return clock(r.duration_s)
    return f"{r.duration_s:.1f} s" if m.longest_s >= _LONG_S else f"{r.duration_s:.1f}"


def _length_width(m: Measure) -> int:
    return max(len("length"), len(clock(m.longest_s))) if m.longest_s >= _LONG_S else 4

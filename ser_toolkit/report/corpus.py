"""A corpus on the terminal: its counts beside the published ones, its speakers, and what to know about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal import colour

if TYPE_CHECKING:
    from ser_toolkit.data.corpus_report import CorpusReport, SpeakerCount
    from ser_toolkit.plugin_registry import Registered

__all__ = ["corpus", "readers"]

_MANY_SPEAKERS = 40
_MANY_DIFFERENCES = 60


def readers(rows: Sequence[Registered]) -> RenderableType:
    """The corpus readers that are installed, their options, and the layouts that they expect."""
    table = _table("corpus", "options, the default first", "expected in its folder", "distribution")
    for row in rows:
        options = [_option(row.cls, f) for f in dataclasses.fields(row.cls)]  # type: ignore[arg-type]
        layout = str(getattr(row.cls, "layout", ""))
        table.add_row(Text(row.name, style="bold"), Text("\n".join(options)), Text(layout), Text(row.dist, style="dim"))
    return table


def _option(cls: type, field: dataclasses.Field[Any]) -> str:
    """``"channel=speech | song | both"``."""
    choices = [field.default, *(c for c in get_args(get_type_hints(cls)[field.name]) if c != field.default)]
    return f"{field.name}={' | '.join(map(str, choices))}"


def corpus(report: CorpusReport, *, written: str | None = None) -> RenderableType:
    """Everything that `ser_toolkit.data.corpus_report.report_corpus` counted.

    Parameters
    ----------
    report : CorpusReport
        The counts.
    written : str, optional
        The manifest that was made.

    Returns
    -------
    RenderableType
        For a rich console: counts per emotion, per group, per speaker; differences; notes.
    """
    parts: list[RenderableType] = [_labels(report)]
    if len(report.groups) > 1:
        parts.append(_groups(report))
    parts.append(_speakers(report))
    if report.differences:
        parts.append(_differences(report))
    parts.append(_summary(report, written))
    return Group(*parts)


def _table(*names: str, title: str | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title=title, title_justify="left")
    for name in names:
        table.add_column(Text(name), overflow="fold")
    return table


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(Text(name), justify="right", overflow="fold")


def _labels(report: CorpusReport) -> Table:
    table = _table("emotion")
    published = report.published.labels if report.published else {}
    _numbers(table, "utterances", "share", "speakers")
    if published:
        _numbers(table, "published", "difference")
    for label in sorted(report.labels.keys() | published.keys()):
        n = report.labels.get(label, 0)
        speakers = sum(label in s.labels for s in report.speakers)
        cells: list[Text | str] = [Text(label, style=colour(label, [label])), str(n)]
        cells += [f"{n / report.utterances:.1%}", str(speakers)]
        if published:
            cells += [str(published.get(label, 0)), _difference(n - published.get(label, 0))]
        table.add_row(*cells)
    return table


def _difference(n: int) -> Text:
    return Text(f"{n:+d}", style="yellow") if n else Text("0", style="dim")


def _groups(report: CorpusReport) -> Table:
    table = _table(report.group)
    _numbers(table, *report.labels, "all")
    published = report.published.groups if report.published else {}
    for name, counts in report.groups.items():
        cells = []
        for label in report.labels:
            there = counts.get(label, 0)
            wanted = published.get(name, {}).get(label, there)
            cells.append(Text(str(there), style="yellow" if there != wanted else ""))
        table.add_row(Text(name), *cells, str(sum(counts.values())))
    return table


def _speakers(report: CorpusReport) -> Table:
    if len(report.speakers) > _MANY_SPEAKERS:
        return _genders(report.speakers)
    table = _table("speaker", "gender")
    _numbers(table, *report.labels, "all")
    for speaker in report.speakers:
        counts = [str(speaker.labels.get(label, 0)) for label in report.labels]
        table.add_row(Text(speaker.speaker), Text(speaker.gender or "?"), *counts, str(speaker.utterances))
    return table


def _genders(speakers: Sequence[SpeakerCount]) -> Table:
    table = _table("gender")
    _numbers(table, "speakers", "utterances", "fewest per speaker", "median", "most")
    for gender in sorted({s.gender or "?" for s in speakers}):
        counts = [s.utterances for s in speakers if (s.gender or "?") == gender]
        numbers = (len(counts), sum(counts), min(counts), median(counts), max(counts))
        table.add_row(Text(gender), *(f"{n:g}" if n < 100_000 else str(n) for n in numbers))
    return table


def _differences(report: CorpusReport) -> Table:
    table = _table("differs from the publication")
    _numbers(table, "published", "found", "difference")
    for d in report.differences[:_MANY_DIFFERENCES]:
        table.add_row(Text(d.what), str(d.published), str(d.found), _difference(d.found - d.published))
    if (more := len(report.differences) - _MANY_DIFFERENCES) > 0:
        table.add_row(Text(f"and {more} more", style="dim"), "", "", "")
    return table


def _summary(report: CorpusReport, written: str | None) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    genders = [s.gender for s in report.speakers]
    known = ", ".join(f"{genders.count(g)} {g}" for g in sorted({g for g in genders if g}))
    said = f"{report.utterances} utterances of {len(report.speakers)} speakers" + (f" ({known})" if known else "")
    table.add_row("corpus", Text(f"{report.corpus} in {report.root}: {said}"))
    if report.published is None:
        table.add_row("published", Text("no counts are known for these options"))
    elif report.differences:
        text = f"{len(report.differences)} counts differ from {report.published.source}: a subset, or files are missing"
        table.add_row("published", Text(text, style="yellow"))
    else:
        table.add_row("published", Text(f"all counts agree with {report.published.source}", style="green"))
    for note in report.notes:
        table.add_row("note", Text(note, style="yellow"))
    for trap in report.traps:
        table.add_row("beware", Text(trap))
    table.add_row("manifest", Text(written) if written else Text("not written: name it with -o manifest.csv"))
    return table

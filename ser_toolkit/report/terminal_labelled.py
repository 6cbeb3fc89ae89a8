"""How well a folder with labels was recognized, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.numbers import between, three
from ser_toolkit.report.terminal_style import Look, bar, colour
from ser_toolkit.report.terminal_text import safe, shorten

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.evaluation.results import Evaluation, GroupTable

__all__ = ["show_labelled"]

_LONGEST_NAME = 40
_LABEL_WIDTH, _BAR = 12, 10
_FIXED_WIDTH = 52  # of emotion, n, recall, interval and none


def show_labelled(console: Console, labelled: Labelled) -> None:
    """Print scores with 95 % intervals, the confusions, the largest gap per group, and cautions.

    Parameters
    ----------
    console : Console
        Where to.
    labelled : Labelled
        Labels of the files and what came of them.
    """
    look = Look.of(console)
    scores = labelled.evaluation
    title = Text(f"Against the labels of {shorten(labelled.source, 120)}", style="bold")
    parts: list[RenderableType] = [title]
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    if scores is None:
        notes.add_row("scores", Text("none: there is no labelled file that can be scored"))
    else:
        parts.append(_confusion(scores, look))
        _scores(notes, scores, n_seen=labelled.n_seen)
        for group in scores.groups:
            _gap(notes, group)
    for caution in (*(scores.cautions if scores else ()), *labelled.cautions):
        notes.add_row("caution", Text(safe(caution), style="yellow"))
    parts.append(notes)
    for i, part in enumerate(parts):
        console.print(Padding(part, (0 if i == 1 else 1, 0, 0, 1), expand=False))


def _confusion(result: Evaluation, look: Look) -> Table:
    """Rows are true emotions: how many, recall, its interval, and what was predicted."""
    level, labels = result.utterance, result.labels
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("true emotion", no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("recall", justify="right", no_wrap=True)
    with_intervals = look.width >= _FIXED_WIDTH + (5 + 2) * len(labels)
    wide = look.width >= _FIXED_WIDTH + _BAR + 2 + (_LABEL_WIDTH + 2) * len(labels)
    if wide:
        table.add_column("", no_wrap=True)
    if with_intervals:
        table.add_column("95 % interval", no_wrap=True)
    for label in labels:
        name = shorten(label, _LABEL_WIDTH)
        table.add_column(Text(name if wide else name[:5], style=colour(label, labels)), justify="right", no_wrap=True)
    lost = any(level.missing)
    if lost:
        table.add_column("none", justify="right", no_wrap=True)
    for i, (score, row) in enumerate(zip(level.classes, level.confusion, strict=True)):
        recall = score.recall.value if score.recall else None
        style = colour(score.label, labels)
        cells = [Text(shorten(score.label, _LONGEST_NAME), style=style), Text(str(score.n)), Text(three(recall))]
        if wide:
            cells.append(Text(bar(recall or 0.0, _BAR, blocks=look.blocks), style=style))
        if with_intervals:
            cells.append(Text(between(score.recall), style="dim"))
        cells += [Text(str(n), style="bold" if i == j else "" if n else "dim") for j, n in enumerate(row)]
        if lost:
            cells.append(Text(str(level.missing[i]), style="" if level.missing[i] else "dim"))
        table.add_row(*cells)
    return table


def _scores(notes: Table, result: Evaluation, *, n_seen: int) -> None:
    level = result.utterance
    for name, metric, floor in (
        ("UA (macro recall)", level.ua.estimate, f"chance {level.chance:.3f}"),
        ("WA (accuracy)", level.wa.estimate, f"always the most frequent emotion {level.majority:.3f}"),
    ):
        said = Text(f"{metric.value:.3f}", style="bold")
        said.append(f"  95 % {between(metric)};  {floor}", style="not bold")
        notes.add_row(name, said)
    speakers = f" of {result.n_speakers} speaker{'' if result.n_speakers == 1 else 's'}" if result.n_speakers else ""
    left_out = f", {n_seen} left out as seen in training" if n_seen else ""
    drawn = f"{result.bootstraps} resamples of {result.unit}"
    notes.add_row("scored", Text(safe(f"{result.n} files{speakers}{left_out}; intervals: {drawn}; {result.protocol}")))


def _gap(notes: Table, group: GroupTable) -> None:
    if group.gap is None:
        return
    gap = group.gap
    ends = between(gap.ua)
    said = f"{shorten(gap.best, _LONGEST_NAME)} above {shorten(gap.worst, _LONGEST_NAME)} by {gap.ua.value:.3f} UA"
    notes.add_row(Text(f"gap, {shorten(group.attribute, 20)}"), Text(said + ("" if ends == "-" else f" ({ends})")))

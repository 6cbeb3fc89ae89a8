"""What a terminal shows after a run of `analyze`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.run_info import NOTICE
from ser_toolkit.report.sparkline import letters
from ser_toolkit.report.tally import Tally
from ser_toolkit.report.terminal_labelled import show_labelled
from ser_toolkit.report.terminal_layout import Measure, settle, value_text
from ser_toolkit.report.terminal_profile import show_profile
from ser_toolkit.report.terminal_results import results_table
from ser_toolkit.report.terminal_style import Look, bar, colour
from ser_toolkit.report.terminal_text import safe, shorten, span

if TYPE_CHECKING:
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.run_info import RunInfo

__all__ = ["show_analysis"]

_LONGEST_DETAIL = 300
_LONGEST_LABEL = 24
_MOST_EMOTIONS = 12
_BAR = 20

_AGGREGATIONS = {
    "mean": "the mean over its windows",
    "log-mean": "the mean of logarithms over its windows, scaled to sum to 1",
    "vote": "the shares of its windows in which each emotion leads",
}


def show_analysis(
    console: Console,
    results: Collection[FileResult],
    run: RunInfo,
    *,
    brief: bool = False,
    labelled: Labelled | None = None,
    profile: bool = False,
) -> None:
    """Print the table of files, what was not analyzed, and the summary.

    Parameters
    ----------
    console : Console
        Where to; see `ser_toolkit.report.terminal.console`.
    results : collection of FileResult
        In order. It is iterated twice, and nothing of it is kept but counts, lengths, and at most 50 files that were
        not analyzed.
    run : RunInfo
        Of the run that made them.
    brief : bool, optional
        Leave out the table of files, which were written elsewhere.
    labelled : Labelled, optional
        Scores, if the labels of the files were known.
    profile : bool, optional
        Show what the stages cost.
    """
    look = Look.of(console)
    tally = Tally()
    hop_s = run.hop_s if run.window_s is not None else None
    measure = Measure(run.labels, hop_s=hop_s, dimensions=tuple(run.dimensions))
    for result in results:
        tally.add(result)
        if result.status == "ok":
            measure.add(result)
    folder = tally.folder
    timelines = False
    if tally.n_ok and not brief:
        layout = settle(measure, look=look, folder=folder)
        timelines = layout.timeline_width > 0
        console.print()
        for lines in results_table(results, measure, layout, console=console, look=look, folder=folder):
            console.print(lines, soft_wrap=True)
    if tally.not_analyzed:
        console.print(_not_analyzed(tally, folder=folder))
    if labelled is not None:
        show_labelled(console, labelled)
    if profile:
        show_profile(console, run)
    rows = [*_counted(tally, run, look), *_run_rows(tally, run, timelines=timelines, look=look)]
    console.print(_summary(([("folder", Text(safe(folder)))] if folder else []) + rows))


def _not_analyzed(tally: Tally, *, folder: str) -> RenderableType:
    shown, n = tally.not_analyzed, tally.n - tally.n_ok
    title = Text(f"Not analyzed: {n} of {tally.n} files", style="bold")
    if n > len(shown):
        title.append(f"; {_reasons(tally)}", style="not bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("file", "status", "reason", "detail"):
        table.add_column(name, overflow="fold", no_wrap=name == "status", min_width=4)
    for r in shown:
        style = "red" if r.status == "failed" else "yellow"
        name = shorten(r.file.removeprefix(folder), 120)
        detail = Text(shorten(r.detail, _LONGEST_DETAIL), style="dim")
        table.add_row(Text(name), Text(r.status, style=style), Text(safe(r.reason)), detail)
    parts: list[RenderableType] = [title, table]
    if n > len(shown):
        parts.append(Text(f"and {n - len(shown)} more: see --output or --report", style="dim"))
    return Padding(Group(*parts), (1, 0, 0, 1), expand=False)


def _reasons(tally: Tally) -> str:
    """``3 skipped: too short, 1 failed: undecodable``, the most frequent first."""
    return ", ".join(f"{n} {status}: {safe(reason)}" for (status, reason), n in tally.reasons.most_common())


def _counted(tally: Tally, run: RunInfo, look: Look) -> list[tuple[str, Text]]:
    """Lines of the summary that follow from the results."""
    said = [f"{tally.n} file{'' if tally.n == 1 else 's'}"]
    said += [f"{tally.statuses[s]} {s}" for s in ("ok", "skipped", "failed") if tally.statuses[s]]
    if tally.n_ok:
        said.append(f"{span(tally.audio_s)} of audio in {tally.n_windows} window{'' if tally.n_windows == 1 else 's'}")
    rows = [("files", Text(", ".join(said)))]
    if tally.reasons:
        rows.append(("not analyzed", Text(_reasons(tally))))
    if tally.n_ok and run.labels:
        rows.append(("emotions", _mix(tally, run.labels, look)))
    if tally.values:
        rows.append(("dimensions", _values(tally, run)))
    if tally.n_sets:
        several = f"{tally.n_uncertain} of {tally.n_ok} (~): the set holds more than one emotion"
        rows.append(("uncertain", Text(several)))
    if tally.notes:
        noted = ", ".join(f"{n} {safe(note)}" for note, n in tally.notes.most_common())
        rows.append(("notes", Text(noted)))
    return rows


def _mix(tally: Tally, labels: Sequence[str], look: Look) -> Text:
    """A line per emotion: how many files, their share, a bar."""
    names = [*labels, *([UNCERTAIN] if UNCERTAIN in tally.predicted and UNCERTAIN not in labels else [])]
    if len(names) > _MOST_EMOTIONS:
        names = sorted(names, key=lambda label: -tally.predicted[label])[:_MOST_EMOTIONS]
    shown = {label: shorten(label, _LONGEST_LABEL) for label in names}
    widest, digits = max(Text(x).cell_len for x in shown.values()), len(str(max(tally.predicted.values())))
    lines = []
    for label in names:
        n = tally.predicted[label]
        name = Text(shown[label], style=colour(label, labels))
        name.pad_right(widest - name.cell_len)
        drawn = bar(n / tally.n_ok, _BAR, blocks=look.blocks).rstrip()
        lines.append(Text.assemble(name, f"  {n:{digits}d}  {n / tally.n_ok:4.0%}  ", (drawn, colour(label, labels))))
    return Text("\n").join(lines)


def _values(tally: Tally, run: RunInfo) -> Text:
    """A line per dimension: mean and deviation over files, least and greatest, and its scale."""
    widest = max(len(shorten(name, _LONGEST_LABEL)) for name in tally.values)
    lines = []
    for name, found in tally.values.items():
        said = f"{shorten(name, _LONGEST_LABEL):{widest}}  mean {value_text(found.mean)} ± {value_text(found.sd)}"
        said += f", {value_text(found.low)} to {value_text(found.high)}"
        if name in run.dimensions:
            low, high = run.dimensions[name]
            said += f" (scale {low:g} to {high:g})"
        lines.append(said)
    return Text("\n".join(lines))


def _run_rows(tally: Tally, run: RunInfo, *, timelines: bool, look: Look) -> list[tuple[str, Text]]:
    """Lines of the summary that say how the results came about."""
    rows: list[tuple[str, Text | str]] = []
    if run.min_confidence > 0:
        below = f"{tally.n_below} of {tally.n_ok} below {run.min_confidence:g}, called {UNCERTAIN}"
        rows.append(("confidence", below))
    if timelines:
        rows.append(("over time", _timeline_key(run, look)))
    rows.append(("model", f"{run.model} ({' + '.join(run.inputs)})"))
    windows = "whole recordings" if run.window_s is None else f"{run.window_s:g} s, hop {run.hop_s:g} s"
    rows.append(("windows", windows))
    if run.labels:
        made = _AGGREGATIONS.get(run.aggregation, run.aggregation)
        rows.append(("probabilities", f"{run.probabilities}; a file's are {made}"))
        rows.append(("sets", run.sets))
    if run.dimensions:
        rows.append(("values", "of dimensions; a file's are the mean over its windows"))
    device = Text(safe(run.device), style="bold")
    if run.fallback:
        device.append(f" ({safe(run.fallback)})", style="not bold yellow")
    rows.append(("device", device))
    rows.append(("time", _time(tally, run)))
    if run.interrupted:
        said = f"after {tally.n} of {run.n_files} files; what was done is kept"
        rows.append(("interrupted", Text(said, style="bold red")))
    rows += [("warning", Text(safe(warning), style="yellow")) for warning in run.warnings]
    rows.append(("note", Text(NOTICE, style="dim")))
    return [(name, value if isinstance(value, Text) else Text(safe(value))) for name, value in rows]


def _timeline_key(run: RunInfo, look: Look) -> Text:
    smoothed = f", smoothed over {run.smoothing_s:g} s" if run.smoothing_s else ""
    if look.colour and look.blocks:
        return Text(f"colour: the leading emotion, height: its probability, blank: skipped{smoothed}")
    letter = letters(run.labels)
    named = (Text(f"{letter[x]} {shorten(x, _LONGEST_LABEL)}", style=colour(x, run.labels)) for x in run.labels)
    return Text.assemble(Text(", ").join(named), f"; blank: skipped{smoothed}")


def _time(tally: Tally, run: RunInfo) -> str:
    said = [span(run.seconds)]
    if run.seconds > 0 and tally.n:
        speed = tally.n / run.seconds
        said.append(f"{speed:.0f} files/s" if speed >= 10 else f"{speed:.1f} files/s")
        said.append(f"{_round(tally.audio_s / run.seconds)} x real time")
    if run.workers:
        said.append(f"{run.workers} worker{'' if run.workers == 1 else 's'}")
    return ", ".join(said)


def _round(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}"


def _summary(rows: Sequence[tuple[str, Text]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return Padding(table, (1, 0, 0, 1), expand=False)

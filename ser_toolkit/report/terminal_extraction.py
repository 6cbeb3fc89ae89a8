"""What a terminal shows of `extract`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_toolkit.data.files import display_path
from ser_toolkit.report.cache import size
from ser_toolkit.report.run_info import RunInfo
from ser_toolkit.report.terminal_profile import show_profile
from ser_toolkit.report.terminal_text import safe, shorten, span

if TYPE_CHECKING:
    from rich.console import Console

    from ser_toolkit.inference.extraction_run import Extraction

__all__ = ["show_extraction"]

_SHOWN = 50
_LONGEST = 120


def show_extraction(console: Console, done: Extraction, *, profile: bool = False) -> None:
    """Print what gave no features, and the summary.

    Parameters
    ----------
    console : Console
        Where to.
    done : Extraction
        The run.
    profile : bool, optional
        Show what the stages cost.
    """
    if done.not_extracted:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
        for name in ("file", "status", "reason", "detail"):
            table.add_column(name, overflow="fold", no_wrap=name == "status", min_width=4)
        for r in done.not_extracted[:_SHOWN]:
            status = Text(r.status, style="red" if r.status == "failed" else "yellow")
            detail = Text(shorten(r.detail, 2 * _LONGEST), style="dim")
            table.add_row(Text(shorten(r.file, _LONGEST)), status, Text(safe(r.reason)), detail)
        console.print(Padding(Text(f"Not extracted: {len(done.not_extracted)} of {sum(done.statuses.values())} files",
                                   style="bold"), (1, 0, 0, 1), expand=False))  # fmt: skip
        console.print(Padding(table, (0, 0, 0, 1), expand=False))
        if len(done.not_extracted) > _SHOWN:
            left = len(done.not_extracted) - _SHOWN
            more = f"and {left} more: see the column status of {display_path(done.output.name)}"
            console.print(Padding(Text(safe(more), style="dim"), (0, 0, 0, 1), expand=False))
    if profile:
        show_profile(console, _run_info(done))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _lines(done):
        grid.add_row(name, Text(safe(text)))
    console.print(Padding(grid, (1, 0, 0, 1), expand=False))


def _lines(done: Extraction) -> list[tuple[str, str]]:
    counts = [f"{done.statuses[s]} {s}" for s in ("ok", "skipped", "failed") if done.statuses.get(s)]
    n = sum(done.statuses.values())
    heard = f"{span(done.audio_s)} of audio{' in this run' if done.n_parts_kept else ''}"
    lines = [("files", ", ".join([f"{n} file{'' if n == 1 else 's'}", *counts, heard]))]
    reasons = Counter((r.status, r.reason) for r in done.not_extracted)
    if reasons:
        said = ", ".join(f"{k} {status}: {reason}" for (status, reason), k in reasons.most_common())
        lines.append(("not extracted", said))
    if done.notes:
        lines.append(("notes", ", ".join(f"{k} {note}" for note, k in Counter(done.notes).most_common())))
    names = ", ".join(entry.name for entry in done.recipe.features.values())
    each = "of varying length" if done.n_values is None else f"of {done.n_values} values"
    windows = done.recipe.segments
    how = (
        "one a recording"
        if windows.window_s is None
        else f"{windows.window_s:g} s every {windows.hop_s:g} s, short: {windows.short}, tail: {windows.tail}"
    )
    lines.append(("features", f"{names} at {done.recipe.sr} Hz"))
    lines.append(("windows", f"{done.n_windows} {each} ({how})"))
    speed = f", {done.audio_s / done.seconds:.0f} x real time" if done.seconds > 0 and done.audio_s else ""
    processes = f"{done.workers} worker{'' if done.workers == 1 else 's'}" if done.workers else "one process"
    lines.append(("time", f"{span(done.seconds)} in {processes}{speed}"))
    lines.append(("output", f"{display_path(done.output)}, {size(done.n_bytes)}"))
    if done.n_parts:
        kept = f", {done.n_parts_kept} of them kept from an earlier run" if done.n_parts_kept else ""
        lines.append(("parts", f"{done.n_parts}{kept}"))
    lines += [(f"terms of {name}", text) for name, text in done.licenses.items()]
    return lines


def _run_info(done: Extraction) -> RunInfo:
    windows = done.recipe.segments
    return RunInfo(
        model="",
        labels=(),
        inputs=tuple(entry.name for entry in done.recipe.features.values()),
        window_s=windows.window_s,
        hop_s=windows.hop_s,
        probabilities="",
        sets="",
        device="cpu",
        workers=done.workers,
        seconds=done.seconds,
        profile=done.profile,
    )

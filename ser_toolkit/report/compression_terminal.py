"""A compression on a terminal: before and after, and the verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.cache import size
from ser_toolkit.report.numbers import metric, points
from ser_toolkit.report.terminal import console

if TYPE_CHECKING:
    from ser_toolkit.compression.results import Compressed

__all__ = ["compression", "watching"]


def compression(result: Compressed) -> RenderableType:
    """Figures before and after, the change in scores with its interval, and what the gate says.

    Parameters
    ----------
    result : Compressed
        The outcome.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    lines = [f"{name}: {said}" for name, said in result.settings.items()]
    lines.append(f"judged on {result.gate.n} utterances of {result.gate.n_speakers} speakers: {result.gate.protocol}")
    if result.n_models > 1:
        lines.append(f"scores are pooled over {result.n_models} models of folds, each compressed in the same way")
    parts: list[RenderableType] = [_figures(result), _changes(result), Text("\n".join(lines), style="dim")]
    parts += [Text.assemble(("caution: ", "yellow"), text) for text in result.cautions]
    if result.gate.passed:
        parts.append(Text("the no-loss gate is passed", style="green"))
    elif result.lossy:
        reasons = "; ".join(result.gate.reasons)
        parts.append(Text.assemble(("LOSSY: ", "bold red"), f"written against the no-loss gate: {reasons}"))
    return Group(*parts)


def _figures(result: Compressed) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(result.method)
    for name in ("before", "after", "ratio"):
        table.add_column(name, justify="right")
    before, after = result.before, result.after
    table.add_row("file", size(before.n_bytes), size(after.n_bytes), _ratio(before.n_bytes, after.n_bytes))
    table.add_row(
        "parameters", f"{before.n_parameters:,}", f"{after.n_parameters:,}",
        _ratio(before.n_parameters, after.n_parameters),
    )  # fmt: skip
    table.add_row(
        "MACs per window", f"{before.macs / 1e6:,.1f} M", f"{after.macs / 1e6:,.1f} M", _ratio(before.macs, after.macs)
    )
    for a, b in zip(before.latency, after.latency, strict=True):
        threads = f"{a.threads} thread{'s' if a.threads > 1 else ''}"
        table.add_row(
            f"ms per window, {threads}, p50", f"{a.p50_ms:.2f}", f"{b.p50_ms:.2f}", _ratio(a.p50_ms, b.p50_ms)
        )
        table.add_row(
            f"ms per window, {threads}, p95", f"{a.p95_ms:.2f}", f"{b.p95_ms:.2f}", _ratio(a.p95_ms, b.p95_ms)
        )
    table.add_row(
        "memory", size(before.memory_bytes), size(after.memory_bytes), _ratio(before.memory_bytes, after.memory_bytes)
    )
    table.add_row("ECE (15 bins)", f"{before.ece:.3f}", f"{after.ece:.3f}", "")
    return table


def _ratio(before: float, after: float) -> str:
    return f"{after / before:.2f}" if before else "-"


def _changes(result: Compressed) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("held-out speakers", overflow="fold")
    for name in ("before", "after", "change, points", "95 % interval"):
        table.add_column(name, justify="right")
    for d in (result.gate.ua, result.gate.wa, *result.gate.recalls):
        interval = f"{points(d.low)} to {points(d.high)}"
        table.add_row(Text(metric(d.metric)), f"{d.b:.3f}", f"{d.a:.3f}", points(d.difference), interval)
    return table


@contextlib.contextmanager
def watching() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """Steps as lines on standard error, and a bar for features if that is a terminal.

    Yields
    ------
    tell : callable
        Takes a line.
    on_progress : callable
        Takes (done, total).
    """
    stderr = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        task = bars.add_task("features", total=None, visible=False)

        def on_progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, visible=done < total)

        yield lambda text: stderr.print(Text(text, style="dim"), soft_wrap=True), on_progress

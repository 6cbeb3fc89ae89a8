"""The feature cache on a terminal."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal import console

if TYPE_CHECKING:
    from ser_toolkit.data.cache_upkeep import CacheContents

__all__ = ["contents", "progress", "size"]

_UNITS = ("kB", "MB", "GB", "TB")
_AGES = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


def contents(found: CacheContents, *, max_bytes: float) -> RenderableType:
    """Table of what a cache holds.

    Parameters
    ----------
    found : CacheContents
        What is there.
    max_bytes : float
        Its limit.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    now_s = time.time()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("feature", "version", "entries", "size", "last used", "longest unused"):
        table.add_column(name, justify="right" if name in ("version", "entries", "size") else "left", overflow="fold")
    for kind in found.kinds:
        table.add_row(
            Text(kind.name.lstrip("_"), style="dim" if kind.name.startswith("_") else "bold"),
            str(kind.version),
            str(kind.entries),
            size(kind.n_bytes),
            age(now_s - kind.newest_s),
            age(now_s - kind.oldest_s),
        )
    limit = "no limit" if math.isinf(max_bytes) else f"limit {size(max_bytes)}"
    if max_bytes <= 0:
        limit = "switched off"
    summary = Text.assemble(
        ("folder  ", "dim"),
        str(found.folder),
        ("\nsize    ", "dim"),
        f"{size(found.n_bytes)} in {found.entries} entries, {limit}",
    )
    return Group(table, summary) if found.kinds else summary


def size(n_bytes: float) -> str:
    """Bytes in the unit that suits: ``"12.3 MB"``; a kB is 1000 bytes."""
    power = min(len(_UNITS), int(math.log10(max(n_bytes, 1)) // 3))
    return f"{n_bytes / 1000**power:.1f} {_UNITS[power - 1]}" if power else f"{n_bytes:.0f} bytes"


def age(seconds: float) -> str:
    """Seconds in words: ``"3 days ago"``."""
    for length_s, name in _AGES:
        if seconds >= length_s:
            n = int(seconds // length_s)
            return f"{n} {name}{'s' if n > 1 else ''} ago"
    return "just now"


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal.

    Parameters
    ----------
    title : str
        Before the bar.

    Yields
    ------
    callable
        Takes (done, total).
    """
    stderr = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)

"""A split as a terminal shows it: a row per fold, then what to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.training.splits import PARTS

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.protocols import Folds

__all__ = ["split"]


def split(utterances: Sequence[Utterance], folds: Folds, *, cautions: Sequence[str] = ()) -> RenderableType:
    """Speakers of each part and utterances of each label, per fold.

    Parameters
    ----------
    utterances : sequence of Utterance
        What is divided.
    folds : Folds
        The split.
    cautions : sequence of str, optional
        Besides the warnings of `folds`.

    Returns
    -------
    RenderableType
        For a rich console. Under each label, its utterances in the test part, or in dev where nothing is tested.
    """
    labels = sorted({u.emotion for u in utterances})
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("fold", justify="right", no_wrap=True)
    table.add_column("tested", overflow="fold", min_width=20)
    for name in ("speakers", "utterances"):
        table.add_column(name, justify="right", no_wrap=True)
    for label in labels:
        table.add_column(Text(label), justify="right", overflow="fold")
    for number, fold in enumerate(folds.folds, 1):
        placed = list(zip(utterances, fold.parts, strict=True))
        speakers = [len({u.speaker for u, p in placed if p == part}) for part in PARTS]
        counts = [Counter(u.emotion for u, p in placed if p == part) for part in PARTS]
        shown = counts[-1] or counts[1]
        cells = [Text(str(shown[label]), style="" if shown[label] else "yellow") for label in labels]
        total = " / ".join(str(sum(c.values())) for c in counts)
        table.add_row(str(number), Text(fold.name), " / ".join(map(str, speakers)), total, *cells)
    notes = Table.grid(padding=(0, 2))
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column(overflow="fold")
    notes.add_row("protocol", Text(folds.protocol))
    notes.add_row("split", Text(folds.digest[:12]))
    notes.add_row("columns", "speakers and utterances: train / dev / test; labels: utterances that are tested")
    for text in dict.fromkeys((*folds.warnings, *cautions)):
        notes.add_row("caution", Text(text, style="yellow"))
    return Group(table, notes)

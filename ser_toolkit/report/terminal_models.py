"""The list of bundled models, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ser_toolkit.models.listing import BundledModel

__all__ = ["models"]


def models(listed: Sequence[BundledModel]) -> RenderableType:
    """A paragraph for each model, the default marked.

    Parameters
    ----------
    listed : sequence of BundledModel
        From `ser_toolkit.models.listing.bundled_models`.
    """
    if not listed:
        return Text("no models are bundled: train one, or give --model a path")
    return Group(*(_model(model, last=model is listed[-1]) for model in listed))


def _model(model: BundledModel, *, last: bool) -> RenderableType:
    title = Text.assemble((model.name, "bold"), ("  default" if model.default else "", "green"))
    rows = {
        "inputs": ", ".join(model.inputs),
        "emotions": ", ".join(model.labels),
        "size": f"{model.n_bytes / 1e6:.1f} MB",
        "scores": model.scores,
        "licence": model.licence,
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(f"  {name}", Text(value))
    if model.missing:
        needed = f"{' and '.join(model.missing)}: pip install {' '.join(model.missing)}"
        table.add_row("  needs", Text(needed, style="yellow"))
    if model.problem:
        table.add_row("  problem", Text(model.problem, style="red"))
    return Group(title, table, *([] if last else [Text()]))

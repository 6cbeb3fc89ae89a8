"""Pictures of scores, drawn with matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from ser_toolkit.training.metrics import Scores

__all__ = ["confusion_figure"]


def confusion_figure(scores: Scores, labels: Sequence[str], *, title: str, path: Path) -> None:
    """Confusion matrix as a picture, rows normalised as in the paper's Figure 2.

    Parameters
    ----------
    scores : Scores
        Holds the counts.
    labels : sequence of str
        Names of the classes.
    title : str
        Says which data and which protocol.
    path : Path
        Where to write; the suffix chooses the format.
    """
    from matplotlib.figure import Figure

    counts = np.array(scores.confusion, dtype=float)
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = 2.6 + 0.75 * len(labels)
    figure = Figure(figsize=(side + 1.0, side), dpi=150, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i in range(len(labels)):
        for j in range(len(labels)):
            colour = "white" if share[i, j] > 0.55 else "black"
            text = f"{share[i, j]:.0%}\n{counts[i, j]:.0f}"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=9)
    # a label may hold anything: "$" would start mathematics
    names = [textwrap.shorten(label, 24).replace("$", r"\$") for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    heading = textwrap.fill(title.replace("$", r"\$"), 60)
    axes.set_title(
        f"{heading}\nUA (macro recall) {scores.ua:.3f}   WA (accuracy) {scores.wa:.3f}   n = {scores.n}",
        fontsize=8,
    )
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    figure.savefig(path)

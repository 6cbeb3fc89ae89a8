"""The picture of a reproduction: UA of every setting with its interval, and the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ser_toolkit.report.drawing import BLUE, INK, ORANGE, SOFT, Picture, blank, drawn, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ser_toolkit.evaluation.reproduced import Reproduction, Row

__all__ = ["reproduction_picture"]


def reproduction_picture(result: Reproduction) -> Picture:
    """Draw UA per utterance of networks, and of classical learners below.

    Parameters
    ----------
    result : Reproduction
        A finished job.

    Returns
    -------
    Picture
        Named ``reproduction``.
    """
    networks = [r for r in result.rows if r.setting.network]
    learners = [r for r in result.rows if not r.setting.network]
    panels = [
        ("Networks", networks),
        ("Classical learners, per window", [r for r in learners if not r.setting.per_utterance]),
        ("Classical learners, per utterance", [r for r in learners if r.setting.per_utterance]),
    ]
    panels = [(title, rows) for title, rows in panels if rows]
    with style():
        lines = sum(len(rows) for _, rows in panels)
        figure = blank(7.4, 1.35 + 0.24 * lines + 0.4 * len(panels))
        every = figure.subplots(
            len(panels), 1, sharex=True, squeeze=False, height_ratios=[len(rows) + 0.9 for _, rows in panels]
        )[:, 0]
        for axes, (title, rows) in zip(every, panels, strict=True):
            _panel(axes, rows, title)
        figure.legend(loc="outside upper right", ncols=2, fontsize=8)
        every[-1].set_xlabel("UA (macro recall) per utterance, with 95 % intervals over speakers")
        quick = "A quick trial: its scores mean nothing. " if result.quick else ""
        caption = (
            f"{quick}UA per utterance with 95 % intervals; diamonds are the paper's figures, of IEMOCAP and per "
            "window; the dotted line is chance. The headings say what a model sees at once."
        )
        return drawn("reproduction", caption, figure, protocol=result.protocol)


def _panel(axes: Axes, rows: Sequence[Row], title: str) -> None:
    axes.axvline(rows[0].evaluation.utterance.chance, color=SOFT, linewidth=1, linestyle=":")
    ours = paper = ""
    if rows[0].setting.network:
        ours, paper = "this reproduction", "the paper (IEMOCAP, per window)"
    for y, row in enumerate(rows):
        ua = row.evaluation.utterance.ua.estimate
        colour = BLUE if row.setting.network else INK
        low, high = (ua.value if x is None else x for x in (ua.low, ua.high))
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, alpha=0.4, solid_capstyle="round")
        axes.plot(ua.value, y, "o", color=colour, markersize=5.5, label=ours if y == 0 and ours else None)
        axes.annotate(f"{ua.value:.3f}", (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
        if row.setting.published:
            label = paper if y == 0 else None
            axes.plot(row.setting.published.ua, y, "D", color=ORANGE, markersize=5, markerfacecolor="none", label=label)
    names = [r.setting.title.removesuffix(", per window").removesuffix(", per utterance") for r in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.set_title(title)

"""Pictures of an evaluation: confusion matrices, reliability diagram, groups, folds and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.report.drawing import BLUE, INK, ORANGE, SOFT, Picture, blank, drawn, short_name, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ser_toolkit.evaluation.results import Calibration, Evaluation, GroupRow, LevelScores

__all__ = ["MOST_ROWS", "Picture", "pictures", "shown_rows"]

MOST_ROWS = 40
"""Groups of one attribute that are shown; JSON holds all."""

_FEW = 10


def pictures(evaluation: Evaluation) -> tuple[Picture, ...]:
    """Draw everything there is to draw.

    Parameters
    ----------
    evaluation : Evaluation
        The scores.

    Returns
    -------
    tuple of Picture
        Those of ``confusion``, ``reliability``, ``folds``, ``groups``, ``confusion-windows`` with something to show.
    """
    found: list[Picture] = []

    def add(name: str, caption: str, figure: Figure) -> None:
        found.append(drawn(name, caption, figure, protocol=evaluation.protocol))

    with style():
        many = len(evaluation.seeds)
        summed = f", counts summed over {many} seeds" if many > 1 else ""
        rows = "Rows are true emotions and add up to 100 %"
        level, labels = evaluation.utterance, evaluation.labels
        add("confusion", f"{rows}; per utterance{summed}.", _confusion(level, labels))
        if level.calibrated is not None:
            caption = (
                "Accuracy of utterances by how sure the model was; on the diagonal, probabilities mean what they say. "
                "Pale bars hold fewer than ten."
            )
            tempered = set(evaluation.temperatures) != {1.0}
            add("reliability", caption, _reliability(level.calibrated, level.uncalibrated if tempered else None))
        if level.ua.folds or level.ua.seeds:
            caption = "UA and WA per utterance of each fold (mean over seeds) and each seed (pooled over folds)."
            add("folds", caption, _folds(level))
        if evaluation.groups:
            caption = "UA per utterance with 95 % intervals; hollow where a class is missing, which is not comparable."
            add("groups", caption, _groups(evaluation))
        if evaluation.window is not None:
            add("confusion-windows", f"{rows}; per window{summed}.", _confusion(evaluation.window, labels))
    return tuple(found)


def shown_rows(rows: tuple[GroupRow, ...]) -> tuple[GroupRow, ...]:
    """Groups in their order; of very many only the worst and the best."""
    if len(rows) <= MOST_ROWS:
        return rows
    ranked = sorted(rows, key=lambda row: row.ua.value)
    return tuple(ranked[: MOST_ROWS // 2] + ranked[-MOST_ROWS // 2 :])


def _confusion(level: LevelScores, labels: tuple[str, ...]) -> Figure:
    counts = np.array([[*row, gone] for row, gone in zip(level.confusion, level.missing, strict=True)], dtype=float)
    names = [short_name(label) for label in labels]
    columns = [*names, "no window"]
    if not any(level.missing):
        counts, columns = counts[:, :-1], names
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    side = 0.9 + 0.72 * len(names)
    figure = blank(side + 1.3 + 0.72 * (len(columns) - len(names)), side + 0.9)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(share):
        colour = "white" if value > 0.55 else INK if counts[i, j] else SOFT
        axes.text(
            j, i - 0.09, f"{100 * value:.0f} %", ha="center", va="center", color=colour,
            fontsize=10, fontweight="bold" if i == j else "normal",
        )  # fmt: skip
        axes.text(j, i + 0.24, f"{counts[i, j]:.0f}", ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"Confusion per {level.level}\nUA {level.ua.estimate.value:.3f}   WA {level.wa.estimate.value:.3f}")
    return figure


def _reliability(calibrated: Calibration, before: Calibration | None) -> Figure:
    figure = blank(4.8, 5.6)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    width = 1 / len(calibrated.bins)
    top.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle="--")
    for b in calibrated.bins:
        if b.accuracy is not None:
            # a bar of few utterances says little, and looks it
            alpha = 0.45 if b.n >= _FEW else 0.12
            top.bar(b.low + width / 2, b.accuracy, width=0.9 * width, color=BLUE, alpha=alpha)
    _points(top, calibrated, "o", BLUE, f"ECE {calibrated.ece:.3f}")
    if before is not None:
        _points(top, before, "s", ORANGE, f"before temperature: ECE {before.ece:.3f}")
    chance = (
        f"a perfect model of this size: {calibrated.perfect:.3f}, in 95 % of cases below {calibrated.perfect_p95:.3f}"
    )
    top.plot([], [], " ", label=chance)
    top.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    top.set_title("Reliability per utterance")
    top.grid()
    bottom.bar(
        [b.low + width / 2 for b in calibrated.bins], [b.n for b in calibrated.bins], width=0.9 * width, color=SOFT
    )
    bottom.set(xlabel="confidence (probability of the likeliest emotion)", ylabel="utterances")
    bottom.locator_params(axis="y", nbins=3, integer=True)
    top.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.02), fontsize=8)
    return figure


def _points(axes: Axes, calibration: Calibration, marker: str, colour: str, label: str) -> None:
    """Accuracy at mean confidence; the area of a point is its share of the utterances."""
    filled = [b for b in calibration.bins if b.n]
    most = max(b.n for b in filled)
    axes.scatter(
        [b.confidence or 0.0 for b in filled], [b.accuracy or 0.0 for b in filled],
        s=[8 + 42 * b.n / most for b in filled], marker=marker, color=colour, linewidths=0, zorder=3, label=label,
    )  # fmt: skip


def _folds(level: LevelScores) -> Figure:
    parts = [
        (name, spread)
        for name, spread in (
            ("UA by fold", level.ua.folds), ("WA by fold", level.wa.folds),
            ("UA by seed", level.ua.seeds), ("WA by seed", level.wa.seeds),
        )
        if spread is not None
    ]  # fmt: skip
    figure = blank(6.2, 0.9 + 0.5 * len(parts))
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for y, (name, spread) in enumerate(parts):
        values = np.array(list(spread.values.values()))
        jitter = rng.uniform(-0.13, 0.13, len(values)) if len(values) > 2 else np.zeros(len(values))
        colour = BLUE if name.startswith("UA") else ORANGE
        axes.plot(values, y + jitter, "o", color=colour, alpha=0.45, markersize=5, markeredgewidth=0)
        axes.errorbar(
            spread.mean, y, xerr=spread.sd or 0.0, fmt="D", color=colour, markersize=5, capsize=4, linewidth=1.4,
        )  # fmt: skip
        said = f"{spread.mean:.3f}" + (f" ± {spread.sd:.3f}" if spread.sd is not None else "")
        axes.annotate(said, (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(range(len(parts)), [name for name, _ in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(right=min(1.02, axes.get_xlim()[1]))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.set_title("Folds and seeds, mean ± standard deviation, per utterance")
    return figure


def _groups(evaluation: Evaluation) -> Figure:
    tables = [(table, shown_rows(table.rows)) for table in evaluation.groups]
    lines = sum(len(rows) for _, rows in tables)
    figure = blank(6.2, 0.8 + 0.24 * lines + 0.45 * len(tables))
    panels = figure.subplots(
        len(tables), 1, sharex=True, squeeze=False, height_ratios=[len(rows) + 0.8 for _, rows in tables]
    )[:, 0]
    whole = evaluation.utterance.ua.estimate.value
    for axes, (table, rows) in zip(panels, tables, strict=True):
        axes.axvline(whole, color=SOFT, linewidth=1, linestyle="--")
        for y, row in enumerate(rows):
            value = row.ua.value
            low, high = (value if x is None else x for x in (row.ua.low, row.ua.high))
            axes.plot([low, high], [y, y], color=BLUE, linewidth=2, alpha=0.45, solid_capstyle="round")
            axes.plot(value, y, "o", color=BLUE, markersize=5, markerfacecolor=BLUE if row.complete else "white")
        axes.set_yticks(range(len(rows)), [f"{short_name(row.name)}  ({row.n})" for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        some = f": {len(rows)} of {len(table.rows)}, the lowest and the highest" if len(rows) < len(table.rows) else ""
        axes.set_title(f"{table.attribute}{some}")
    panels[-1].set_xlabel(f"UA per utterance (all: {whole:.3f})")
    return figure

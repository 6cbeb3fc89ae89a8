"""An evaluation or a comparison on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
from ser_toolkit.report.numbers import between, metric, spread

if TYPE_CHECKING:
    from ser_toolkit.evaluation.comparison import Comparison
    from ser_toolkit.evaluation.results import Evaluation

__all__ = ["comparison", "evaluation", "scores"]

_FEW_GROUPS = 12


def scores(result: Evaluation | DimensionEvaluation, *, about: Mapping[str, str] | None = None) -> RenderableType:
    """Scores of emotions, of dimensions, or of both.

    Parameters
    ----------
    result : Evaluation or DimensionEvaluation
        The scores.
    about : mapping of str to str, optional
        Further lines of the summary.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    if not isinstance(result, DimensionEvaluation):
        return evaluation(result, about=about)
    notes = _grid()
    _data(notes, result)
    _remarks(notes, result.cautions, about or {})
    return Group(_dimensions(result), notes)


def _dimensions(result: DimensionEvaluation) -> Table:
    headers = ("n", "CCC", "95 % interval", "folds, mean ± sd", "seeds, mean ± sd", "RMSE", "95 % interval", "of mean")
    table = _table(*headers, first="dimensions, per utterance")
    for s in result.scores:
        table.add_row(
            Text(s.dimension, style="bold"), str(s.n), f"{s.ccc.estimate.value:.3f}", between(s.ccc.estimate),
            spread(s.ccc.folds), spread(s.ccc.seeds), f"{s.rmse.estimate.value:.3f}", between(s.rmse.estimate),
            f"{s.baseline:.3f}",
        )  # fmt: skip
    return table


def evaluation(result: Evaluation, *, about: Mapping[str, str] | None = None) -> RenderableType:
    """Scores with intervals, recalls, calibration, groups, protocol and cautions.

    Parameters
    ----------
    result : Evaluation
        The scores.
    about : mapping of str to str, optional
        Further lines of the summary.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    parts: list[RenderableType] = [_scores(result), _classes(result)]
    calibrated = _calibration(result)
    if calibrated is not None:
        parts.append(calibrated)
    if result.groups:
        parts.append(_groups(result))
    if result.dimensions is not None:
        parts.append(_dimensions(result.dimensions))
    parts.append(_notes(result, about or {}))
    return Group(*parts)


def _table(*columns: str, first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(first, overflow="fold", min_width=10)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _scores(result: Evaluation) -> Table:
    table = _table("pooled", "95 % interval", "folds, mean ± sd", "seeds, mean ± sd", first="scores")
    for level in result.levels:
        metrics = (("UA (macro recall)", level.ua), ("WA (accuracy)", level.wa), ("macro F1", level.f1))
        for name, found in metrics:
            style = "bold" if (level.level, name) == ("utterance", "UA (macro recall)") else ""
            cells = [
                f"{found.estimate.value:.3f}",
                between(found.estimate),
                spread(found.folds),
                spread(found.seeds),
            ]
            table.add_row(f"{name} per {level.level}", *cells, style=style if level.level == "utterance" else "dim")
        baseline = f"UA {level.chance:.3f}, WA {level.majority:.3f}"
        table.add_row(f"majority baseline per {level.level}", baseline, "", "", "", style="dim")
    return table


def _classes(result: Evaluation) -> Table:
    table = _table("n", "recall", "95 % interval", "precision", "95 % interval", first="per utterance")
    for c in result.utterance.classes:
        recall, precision = (f"{x.value:.3f}" if x else "-" for x in (c.recall, c.precision))
        table.add_row(Text(c.label), str(c.n), recall, between(c.recall), precision, between(c.precision))
    return table


def _calibration(result: Evaluation) -> Table | None:
    after, before = result.utterance.calibrated, result.utterance.uncalibrated
    if after is None or before is None:
        return None
    table = _table("ECE", "perfect model", "its 95 %", "NLL", "Brier", first="calibration per utterance")
    tempered = set(result.temperatures) != {1.0}
    for name, c in (("after temperature", after), ("before", before)) if tempered else (("no temperature", after),):
        table.add_row(name, *(f"{x:.3f}" for x in (c.ece, c.perfect, c.perfect_p95, c.nll, c.brier)))
    return table


def _groups(result: Evaluation) -> Table:
    table = _table("n", "UA (macro recall)", "95 % interval", "WA (accuracy)", first="groups, per utterance")
    for found in result.groups:
        many = len(found.rows) > _FEW_GROUPS
        ranked = sorted(found.rows, key=lambda row: row.ua.value)
        for row in [*ranked[:3], *ranked[-3:]] if many else found.rows:
            name = Text(f"{found.attribute} {'(not given)' if row.name is None else row.name}")
            ua = f"{row.ua.value:.3f}{'' if row.complete else '*'}"
            table.add_row(name, str(row.n), ua, between(row.ua), f"{row.wa.value:.3f}")
        if many:
            table.add_row(f"  lowest and highest of {len(found.rows)}", "", "", "", "", style="dim")
        if found.gap:
            name = Text(f"  gap, {found.gap.best} above {found.gap.worst}", style="dim")
            table.add_row(name, "", f"{found.gap.ua.value:.3f}", between(found.gap.ua), "", style="dim")
    return table


def _notes(result: Evaluation, about: Mapping[str, str]) -> Table:
    notes = _grid()
    _data(notes, result)
    if result.sets:
        s = result.sets
        notes.add_row(
            "sets",
            f"promise {1 - s.alpha:.0%}, hold the truth in {s.coverage.value:.1%} ({between(s.coverage)}), "
            f"{s.size:.2f} emotions on average, {s.singletons:.0%} name one",
        )
        if s.per_speaker:
            name = min(s.per_speaker, key=lambda speaker: s.per_speaker[speaker])
            notes.add_row("", Text(f"lowest for speaker {name}: {s.per_speaker[name]:.1%}"))
    if any(not row.complete for table in result.groups for row in table.rows):
        notes.add_row("*", "a class is missing: not comparable")
    _remarks(notes, (*result.cautions, *(result.dimensions.cautions if result.dimensions else ())), about)
    return notes


def _data(notes: Table, result: Evaluation | DimensionEvaluation) -> None:
    """Add what was scored, and how."""
    notes.add_row("protocol", Text(result.protocol, style="bold"))
    said = f"{result.n} utterances, {result.n_speakers} speakers"
    said += f", {len(result.folds)} folds" if result.folds else ""
    seeds = ", ".join(str(s) for s in result.seeds)
    notes.add_row("data", f"{said}, {'seed' if len(result.seeds) == 1 else 'mean of seeds'} {seeds}")
    notes.add_row("intervals", f"95 %, {result.bootstraps} resamples of {result.unit}")


def _remarks(notes: Table, cautions: Sequence[str], about: Mapping[str, str]) -> None:
    """Add further lines, and what a reader has to know."""
    for name, value in about.items():
        notes.add_row(Text(name), Text(value))
    for caution in cautions:
        notes.add_row("caution", Text(caution, style="yellow"))


def comparison(result: Comparison, *, a: str, b: str) -> RenderableType:
    """Differences with intervals, McNemar, protocols, cautions and the verdict.

    Parameters
    ----------
    result : Comparison
        Of two models.
    a, b : str
        Names of the models; any text.

    Returns
    -------
    RenderableType
        For a rich console.
    """
    table = _table("A", "B", "A - B, points", "95 % interval", "share not above 0", "p", first="per utterance")
    for d in (*result.metrics, *result.recalls):
        name = metric(d.metric)
        ends = f"{100 * d.low:+.1f} to {100 * d.high:+.1f}"
        style = "bold" if d.metric == "ua" else "" if d in result.metrics else "dim"
        table.add_row(
            Text(name), f"{d.a:.3f}", f"{d.b:.3f}", f"{100 * d.difference:+.1f}", ends,
            f"{d.share_not_above:.3f}", f"{d.p:.2g}", style=style,
        )  # fmt: skip
    exact = _table("only A right", "only B right", "p", first="McNemar, exact")
    for m in result.mcnemar:
        name = "mean over seeds" if m.seed is None else f"seed {m.seed}"
        exact.add_row(name, str(m.only_a), str(m.only_b), f"{m.p:.2g}")
    notes = _grid()
    for letter, name, protocol, seeds in (
        ("A", a, result.protocol_a, result.seeds_a),
        ("B", b, result.protocol_b, result.seeds_b),
    ):
        said = f"{'seed' if len(seeds) == 1 else 'mean of seeds'} {', '.join(str(s) for s in seeds)}"
        notes.add_row(letter, Text(f"{name}; {protocol}; {said}"))
    notes.add_row("data", f"{result.n} utterances that both have, {result.n_speakers} speakers")
    notes.add_row("intervals", f"95 %, {result.bootstraps} paired resamples of {result.unit}, not of seeds")
    for caution in result.cautions:
        notes.add_row("caution", Text(caution, style="yellow"))
    notes.add_row("verdict", Text(result.verdict(), style="bold"))
    return Group(table, exact, notes)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table

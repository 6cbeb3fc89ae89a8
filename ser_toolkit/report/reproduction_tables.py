"""The tables of a reproduction as plain text, from which terminal, Markdown and HTML are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_toolkit.report.numbers import between, p, points, three

if TYPE_CHECKING:
    from ser_toolkit.evaluation.reproduced import Answer, Reproduction, Row
    from ser_toolkit.evaluation.results import LevelScores, Metric
    from ser_toolkit.evaluation.statistics import Difference

__all__ = ["Column", "ReportTable", "tables"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column; `page` ones are left out where there is little room."""

    name: str
    page: bool = False


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """A table before it is escaped for anything.

    Parameters
    ----------
    title : str
        Heading.
    columns : tuple of Column
        The first one names the row.
    rows : tuple of tuple of str
        Cells, as many as columns.
    notes : tuple of str
        Sentences below it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(result: Reproduction) -> tuple[ReportTable, ...]:
    """All tables of a reproduction.

    Parameters
    ----------
    result : Reproduction
        A finished job.

    Returns
    -------
    tuple of ReportTable
        Scores, recalls, claims, the claim about rare classes, and classical learners if there are any.
    """
    rows = [r for r in result.rows if r.setting.published]
    classical = [r for r in result.rows if not r.setting.network]
    trial = result.quick
    found = [_scores(rows), _recalls(rows), _claims(result.answers, trial=trial)]
    found += [_focal(a, rows, trial=trial) for a in result.answers if (a.a, a.b) == ("both-fl", "both-cce")]
    return (*found, *([_learners(classical)] if classical else []))


def _columns(*names: str, page: Sequence[str] = ()) -> tuple[Column, ...]:
    return tuple(Column(name=name, page=name in page) for name in names)


def _scores(rows: Sequence[Row]) -> ReportTable:
    columns = _columns(
        "setting", "seeds", "UA", "95 %", "sd over seeds", "WA", "95 % of WA", "window UA", "paper UA", "window WA",
        "paper WA", page=("sd over seeds", "95 % of WA"),
    )  # fmt: skip
    cells = []
    for row in rows:
        e, published = row.evaluation, row.setting.published
        ua, wa = e.utterance.ua, e.utterance.wa
        sd = three(ua.seeds.sd) if ua.seeds else "-"
        window = (_value(e.window.ua), _value(e.window.wa)) if e.window else ("-", "-")
        paper = (f"{published.ua:.4f}", f"{published.wa:.4f}") if published else ("-", "-")
        cells.append(
            (
                row.setting.title, str(len(e.seeds)), _value(ua), between(ua.estimate), sd, _value(wa),
                between(wa.estimate), window[0], paper[0], window[1], paper[1],
            )
        )  # fmt: skip
    whole, window_level = rows[0].evaluation.utterance, rows[0].evaluation.window
    window = (three(window_level.chance), three(window_level.majority)) if window_level else ("-", "-")
    baseline = ("always the most frequent class", "", three(whole.chance), "", "", three(whole.majority), "")
    cells.append((*baseline, window[0], "0.2500", window[1], "0.4057"))
    return ReportTable(
        title="Table 1",
        columns=columns,
        rows=tuple(cells),
        notes=(
            "UA (macro recall) and WA (accuracy) per utterance, pooled over the folds, means over the seeds; intervals "
            "by bootstrap over speakers. The paper's figures are per window.",
        ),
    )


def _recalls(rows: Sequence[Row]) -> ReportTable:
    labels = rows[0].evaluation.labels
    sets = rows[0].evaluation.sets
    promise = f"coverage of {1 - sets.alpha:.0%} sets" if sets else "coverage of sets"
    trust = ("ECE", "perfect ECE", promise, "mean size")
    columns = (
        Column(name="setting"),
        *(Column(name=label) for label in labels),  # whatever a label is called, it is shown
        *(Column(name=name, page=True) for name in trust),
    )
    cells = []
    for row in rows:
        level, s = row.evaluation.utterance, row.evaluation.sets
        c = level.calibrated
        known = (three(c.ece), three(c.perfect)) if c else ("-", "-")
        covered = (f"{s.coverage.value:.0%}", f"{s.size:.2f}") if s else ("-", "-")
        cells.append((row.setting.title, *(_recall(level, label) for label in labels), *known, *covered))
    n = tuple(str(c.n) for c in rows[0].evaluation.utterance.classes)
    cells.append(("utterances", *n, "", "", "", ""))
    return ReportTable(
        title="Recall per class",
        columns=columns,
        rows=tuple(cells),
        notes=("Per utterance. A model as sure as this one whose probabilities are right shows the perfect ECE.",),
    )


def _claims(answers: Sequence[Answer], *, trial: bool) -> ReportTable:
    cells, notes = [], []
    for answer in answers:
        mark = " *" if answer.regularised else ""
        cells.append((answer.claim + mark, *_difference(answer.comparison.ua, trial=trial)))
    if trial:
        notes.append(
            "A trial shows nothing, whichever way it comes out: few epochs leave a network untrained, and only two "
            "folds are tested."
        )
    notes.append(
        "Differences in UA by paired bootstrap over speakers on the same utterances; shown if the interval leaves out "
        "zero. The better of several opponents is the one with the higher UA here, which makes claims harder to show."
    )
    if any(answer.regularised for answer in answers):
        notes.append(
            "* Not the inputs alone: the winner's inputs were hidden at random in training, a regulariser that a model "
            "with one input cannot have."
        )
    return ReportTable(
        title="Claims", columns=_columns("claim", "points of UA", "95 %", "p", "shown"), rows=tuple(cells),
        notes=tuple(notes),
    )  # fmt: skip


def _focal(answer: Answer, rows: Sequence[Row], *, trial: bool) -> ReportTable:
    classes = {f"recall:{c.label}": c for c in rows[0].evaluation.utterance.classes}
    rarest = min((c for c in classes.values() if c.n), key=lambda c: c.n)
    cells = tuple(
        (f"{classes[d.metric].label}", str(classes[d.metric].n), three(d.a), three(d.b), *_difference(d, trial=trial))
        for d in answer.comparison.recalls
    )
    return ReportTable(
        title="Focal loss: recall per class",
        columns=_columns("emotion", "utterances", "FL", "CCE", "points", "95 %", "p", "shown"),
        rows=cells,
        notes=(
            f"The paper says that focal loss raises the recall of the rarest class; here that is {rarest.label} "
            f"({rarest.n} utterances).",
        ),
    )


def _learners(rows: Sequence[Row]) -> ReportTable:
    columns = _columns("learner and inputs", "UA", "95 %", "WA", "95 % of WA", "ECE", page=("95 % of WA", "ECE"))
    cells = []
    for row in rows:
        level = row.evaluation.utterance
        ece = three(level.calibrated.ece) if level.calibrated else "-"
        ua, wa = level.ua, level.wa
        cells.append(
            (row.setting.title, _value(ua), between(ua.estimate), _value(wa), between(wa.estimate), ece)
        )  # fmt: skip
    return ReportTable(
        title="Classical learners",
        columns=columns,
        rows=tuple(cells),
        notes=("On the same folds, per utterance. The best of so many is the best by luck as well.",),
    )


def _difference(d: Difference, *, trial: bool) -> tuple[str, str, str, str]:
    """Cells of a difference; the last one says whether it is shown, which nothing is in a trial."""
    shown = "trial" if trial else "yes" if d.low > 0 else "no: the opposite" if d.high < 0 else "no"
    return points(d.difference), f"{points(d.low)} to {points(d.high)}", p(d.p), shown


def _value(metric: Metric) -> str:
    return three(metric.estimate.value)


def _recall(level: LevelScores, label: str) -> str:
    found = next(c for c in level.classes if c.label == label)
    return three(found.recall.value if found.recall else None)

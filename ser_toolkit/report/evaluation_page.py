"""An evaluation as files: JSON for programs, Markdown and one HTML page for people, pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit import __version__
from ser_toolkit.data import atomic
from ser_toolkit.errors import OutputError
from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
from ser_toolkit.report import numbers
from ser_toolkit.report.evaluation_figures import pictures, shown_rows
from ser_toolkit.report.markdown import escape
from ser_toolkit.report.noise import write_noise

if TYPE_CHECKING:
    from jinja2 import Environment

    from ser_toolkit.evaluation.comparison import Comparison
    from ser_toolkit.evaluation.results import Evaluation
    from ser_toolkit.noise.scores import NoiseScores

__all__ = ["environment", "write_comparison", "write_page", "write_report"]


def write_report(
    evaluation: Evaluation | DimensionEvaluation,
    folder: Path,
    *,
    title: str,
    about: Mapping[str, str],
    noise: NoiseScores | None = None,
) -> None:
    """Write ``evaluation.json``, ``report.md``, ``report.html`` and, of emotions, the pictures.

    The HTML page holds its pictures and needs no network.

    Parameters
    ----------
    evaluation : Evaluation or DimensionEvaluation
        The scores.
    folder : Path
        Where to; made if missing, earlier reports are replaced.
    title : str
        Heading.
    about : mapping of str to str
        Lines below the heading: model, data, date. Any text; it is escaped.
    noise : NoiseScores, optional
        Of a noise bench: a section of the report, ``noise.json``, ``noise.csv`` and ``noise.png``.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    _make(folder)
    emotions = not isinstance(evaluation, DimensionEvaluation)
    drawn = pictures(evaluation) if not isinstance(evaluation, DimensionEvaluation) else ()
    for picture in drawn:
        atomic.write_bytes(folder / f"{picture.name}.png", picture.png)
    if noise is not None:
        drawn += (write_noise(noise, folder),)
    filled = {
        "e": evaluation,
        "title": title,
        "about": dict(about),
        "noise": noise,
        "pictures": {picture.name: picture for picture in drawn},
        "version": __version__,
    }
    write_page(folder / "evaluation.json", json.dumps(evaluation.to_json(), indent=1, allow_nan=False) + "\n")
    template = "evaluation" if emotions else "dimensions"
    write_page(folder / "report.md", environment(html=False).get_template(f"{template}.md.j2").render(filled))
    write_page(folder / "report.html", environment(html=True).get_template(f"{template}.html.j2").render(filled))


def write_comparison(comparison: Comparison, folder: Path, *, a: str, b: str) -> None:
    """Write ``comparison.json`` and ``comparison.md``.

    Parameters
    ----------
    comparison : Comparison
        Of two models.
    folder : Path
        Where to; made if missing.
    a, b : str
        Names of the models; any text, it is escaped.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    _make(folder)
    filled = {"c": comparison, "a": a, "b": b, "version": __version__}
    write_page(
        folder / "comparison.json", json.dumps({"a_name": a, "b_name": b, **comparison.to_json()}, indent=1) + "\n"
    )
    write_page(folder / "comparison.md", environment(html=False).get_template("comparison.md.j2").render(filled))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error


def write_page(path: Path, text: str) -> None:
    """Write a report as one act, whatever names are in it."""
    # a name that is not UTF-8 carries surrogates, which no encoding takes
    atomic.write_bytes(path, text.encode("utf-8", "replace"))


def environment(*, html: bool) -> Environment:
    """Jinja with this package's templates; every text is escaped, for HTML or for Markdown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("ser_toolkit.report"),
        # for Markdown too: what is no Markup goes through its own escaping first
        autoescape=True,
        finalize=None if html else _markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "three": numbers.three,
        "percent": numbers.percent,
        "points": numbers.points,
        "p": numbers.p,
        "metric": numbers.metric,
        "between": numbers.between,
        "between_points": numbers.between_points,
        "spread": numbers.spread,
        "shown": shown_rows,
        "inline": inline_picture,
    }
    return made


def _markdown(value: Any) -> Any:
    """Escape every text that goes into Markdown, unless it was made by a macro."""
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup):
        # plain-text formats show no entities: nothing is left for HTML escaping but quotes, which Markdown keeps
        return Markup(escape(value))
    return value


def inline_picture(svg: bytes) -> str:
    """Picture as an address that holds it; in an image element nothing in it can run."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")

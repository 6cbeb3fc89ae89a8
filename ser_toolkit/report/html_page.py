"""The page of the HTML report: one file that holds its style, its scripts and its data, and asks for nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ser_toolkit import __version__
from ser_toolkit.report.html_rows import escaped_json
from ser_toolkit.report.html_summary import split_name
from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.run_info import NOTICE

if TYPE_CHECKING:
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.report.html_summary import Group, Summary
    from ser_toolkit.report.run_info import RunInfo

__all__ = ["MEANINGS", "colours", "page"]

MOST_GROUPS = 40
"""Folders or speakers that are listed; the twin holds all."""

MEANINGS = {
    "resampled": "converted to the model's sample rate",
    "mixed down": "several channels became one",
    "truncated": "the file ends before its header says",
    "clipped": "recorded too loud: samples at full scale",
    "quiet": "a very low level",
    "short": "shorter than a window, and repeated to its length",
    "silent parts": "some of it is silence",
    "parts without speech": "nobody speaks in some of it",
    "too short": "not enough sound for an answer",
    "no speech": "silence, or no voice in it",
    "missing": "no such file or folder",
    "unreadable": "it may not be read",
    "empty": "no sound in it",
    "undecodable": "not an audio file, or a broken one",
    "non-finite": "samples that are no numbers",
    "too long": "longer than the limit",
    "crashed": "a library crashed on it",
    "timed out": "it took longer than the limit",
}
"""What notes and reasons mean, in a few words."""

_SCRIPTS = ("data", "charts", "timeline", "detail", "table", "start")
_TERMINAL = {
    "red": "#d55e00", "yellow": "#e8a200", "bright_black": "#8b929c", "blue": "#0072b2", "magenta": "#cc79a7",
    "green": "#009e73", "cyan": "#56b4e9", "bright_blue": "#5a5fc4", "bright_cyan": "#8fd0c4", "white": "#c3c8cf",
    "bright_green": "#a5c63b", "bright_magenta": "#8f3d78", "bright_yellow": "#f0e04a", "bright_red": "#f2937a",
}  # fmt: skip
_UNCERTAIN_COLOUR = "#b9bfc8"


def colours(labels: Sequence[str]) -> tuple[str, ...]:
    """Colour of each label, as CSS writes it: those of the terminal, in hues that the colour blind can tell apart.

    Parameters
    ----------
    labels : sequence of str
        Emotions of the model.

    Returns
    -------
    tuple of str
        ``"#d55e00"``, ...; after Okabe and Ito.

    References
    ----------
    .. [1] M. Okabe and K. Ito, "Color Universal Design (CUD)", 2008, https://jfly.uni-koeln.de/color/.
    """
    from ser_toolkit.report.terminal_style import colour

    return tuple(_TERMINAL[colour(label, labels)] for label in labels)


def page(
    summary: Summary, run: RunInfo, rows: Iterable[str], *, labelled: Labelled | None, links: bool
) -> Iterator[str]:
    """The page in pieces, so that it never has to be in memory as a whole.

    Parameters
    ----------
    summary : Summary
        All files together.
    run : RunInfo
        The run.
    rows : iterable of str
        Blocks of `ser_toolkit.report.html_rows.Rows`.
    labelled : Labelled or None
        What the files' labels say.
    links : bool
        Whether the page may play the files.

    Yields
    ------
    str
        Pieces of HTML.
    """
    from markupsafe import Markup

    from ser_toolkit.report.evaluation_page import environment

    style, script = _style(summary.labels), _script()
    made = environment(html=True)
    made.filters |= {"duration": _duration, "thousands": _thousands, "split": split_name}
    yield from made.get_template("analysis.html.j2").generate(
        s=summary,
        run=run,
        labelled=labelled,
        e=labelled.evaluation if labelled else None,
        links=links,
        notice=NOTICE,
        version=__version__,
        meanings=MEANINGS,
        classes={**{label: f"e{i}" for i, label in enumerate(summary.labels)}, UNCERTAIN: "eu"},
        breakdowns=_breakdowns(summary),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script, media=links),
        config=escaped_json(_config(summary, run, labelled, links=links)),
        rows=(Markup(piece) for piece in rows),
    )


def _style(labels: Sequence[str]) -> str:
    hues = "".join(f".e{i}{{--e:{hue}}}" for i, hue in enumerate(colours(labels)))
    return f"{_text('templates', 'analysis.css')}{hues}.eu{{--e:{_UNCERTAIN_COLOUR}}}\n"


@functools.cache
def _script() -> str:
    # the address of a source map would be asked for by developer tools
    library = re.sub(r"\n//# sourceMappingURL=.*\n?", "\n", _text("vendor", "chart.umd.min.js"))
    own = "".join(_text("templates", f"analysis-{name}.js") for name in _SCRIPTS)
    return f'/*\n{_text("vendor", "chart.LICENSE.md")}*/\n{library}\n(() => {{\n"use strict";\n{own}}})();\n'


def _text(folder: str, name: str) -> str:
    return (importlib.resources.files("ser_toolkit.report") / folder / name).read_text("utf-8")


def _policy(style: str, script: str, *, media: bool) -> str:
    """Content-Security-Policy: this script and this style, sound from files, nothing else."""

    def hashed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    played = "'self' file:" if media else "'none'"
    return (
        f"default-src 'none'; script-src {hashed(script)}; style-src {hashed(style)}; media-src {played}; "
        "base-uri 'none'; form-action 'none'"
    )


def _config(summary: Summary, run: RunInfo, labelled: Labelled | None, *, links: bool) -> dict[str, Any]:
    return {
        "labels": summary.labels,
        "dimensions": [{"name": name, "low": low, "high": high} for name, (low, high) in run.dimensions.items()],
        "colours": colours(summary.labels),
        "uncertain": UNCERTAIN,
        "uncertainColour": _UNCERTAIN_COLOUR,
        "links": links,
        "labelled": labelled is not None,
        "sets": bool(summary.set_sizes),
        "folder": summary.folder,
        "n": summary.n,
        "notes": list(summary.notes),
        "reasons": [*summary.skipped, *summary.failed],
        "confidence": {"edges": summary.confidence.edges, "counts": list(summary.confidence.by_label.values())},
        "durations": {"edges": summary.durations.edges, "counts": [summary.durations.counts]},
    }


def _breakdowns(summary: Summary) -> list[dict[str, Any]]:
    """Tables of folders and of speakers, as the template draws them."""

    def short(group: Group) -> str:
        name = group.name.removeprefix(summary.folder).strip("/")
        return name or "."

    folders = [(short(g), g) for g in summary.folders]
    speakers = [(g.name, g) for g in summary.speakers]
    return [
        {"kind": kind, "rows": rows[:MOST_GROUPS], "n": len(rows)}
        for kind, rows in (("folder", folders), ("speaker", speakers))
        if rows
    ]


def _duration(seconds: float) -> str:
    """``41 s``, ``12 min``, ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def _thousands(value: float) -> str:
    """``12,345``, or with one decimal below 100 where there is one."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"

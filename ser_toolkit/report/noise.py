"""Scores of a noise bench as files: JSON, CSV, and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.data import atomic
from ser_toolkit.data.spreadsheet import safe_cell
from ser_toolkit.report.noise_figure import noise_picture
from ser_toolkit.training.run_files import write_csv

if TYPE_CHECKING:
    from ser_toolkit.noise.scores import NoiseScores
    from ser_toolkit.report.drawing import Picture

__all__ = ["write_noise"]

_COLUMNS = ("condition", "kind", "value", "ua", "ua_low", "ua_high", "wa", "lost_ua", "lost_low", "lost_high")


def write_noise(scores: NoiseScores, folder: Path) -> Picture:
    """Write ``noise.json``, ``noise.csv`` and ``noise.png``.

    Parameters
    ----------
    scores : NoiseScores
        Of a bench.
    folder : Path
        Where to; must be there.

    Returns
    -------
    Picture
        As in ``noise.png``.

    Raises
    ------
    OutputError
        If something cannot be written.

    Notes
    -----
    The CSV file has a row for the clean recordings and for each condition: UA and what is lost of it with their
    intervals, WA, and the recall of each emotion. It is plain UTF-8 with points in numbers.
    """
    text = json.dumps(scores.to_json(), indent=1, allow_nan=False) + "\n"
    atomic.write_bytes(folder / "noise.json", text.encode("utf-8", "replace"))
    labels = list(dict.fromkeys(label for c in (scores.clean, *scores.conditions) for label in c.recalls))
    rows = []
    for c in (scores.clean, *scores.conditions):
        values = (c.value, c.ua.value, c.ua.low, c.ua.high, c.wa.value, c.lost.value, c.lost.low, c.lost.high)
        cells = [_number(x) for x in (*values, *(c.recalls.get(label) for label in labels))]
        rows.append([c.name, c.kind, *cells])
    write_csv(folder / "noise.csv", [*_COLUMNS, *(safe_cell(f"recall_{label}") for label in labels)], rows)
    picture = noise_picture(scores)
    atomic.write_bytes(folder / f"{picture.name}.png", picture.png)
    return picture


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

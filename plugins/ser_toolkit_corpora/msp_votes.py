"""The single raters of MSP-Podcast, in the three formats of its releases."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from ser_toolkit.data.corpora import canonical
from ser_toolkit.data.corpus_files import find_text, read_text
from ser_toolkit.data.files import display_path
from ser_toolkit.errors import ManifestError

# "WORKER00000001; Happy; Happy,Excited; A:5.000; V:6.000; D:4.000;"
_DETAIL = re.compile(r"\s*WORKER\w+;\s*([^;]*);", re.IGNORECASE)


def read_votes(root: Path) -> dict[str, dict[str, float]]:
    """Raters who chose each emotion as the main one.

    Parameters
    ----------
    root : Path
        Where ``labels_detailed.csv`` or ``labels_detailed.json`` is looked for.

    Returns
    -------
    dict
        Name of the turn to emotion to number of raters; empty where there is no such file.

    Raises
    ------
    ManifestError
        If the JSON file cannot be read.
    """
    path = find_text(root, "labels_detailed.csv", "labels_detailed.json")
    if path is None:
        return {}
    counts: dict[str, Counter[str]] = {}
    for stem, label in _json_votes(path) if path.suffix.lower() == ".json" else _csv_votes(path):
        emotion = canonical(label) or "other"  # raters may write a word of their own: "Other-confused"
        counts.setdefault(stem, Counter())[emotion] += 1
    return {stem: {e: float(n) for e, n in sorted(count.items())} for stem, count in counts.items()}


def _csv_votes(path: Path) -> Iterator[tuple[str, str]]:
    for row in csv.DictReader(io.StringIO(read_text(path, encodings=("utf-8-sig",)))):
        stem = Path((row.get("FileName") or "").strip()).stem
        label = row.get("EmoClass_Major")
        if label is None and (match := _DETAIL.match(row.get("EmoDetail") or "")):
            label = match[1]
        if stem and label:
            yield stem, label.strip()


def _json_votes(path: Path) -> Iterator[tuple[str, str]]:
    try:
        table = json.loads(read_text(path))
        for name, workers in table.items():
            for rating in workers.values() if isinstance(workers, Mapping) else workers:
                yield Path(name).stem, str(rating["EmoClass_Major"]).strip()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(
            f"{display_path(path)} is not the table of raters that it should be ({type(error).__name__}: {error}): "
            "unpack the archive again, or remove the file to read without votes"
        ) from error

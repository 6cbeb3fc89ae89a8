"""The label conventions of papers on IEMOCAP, and the counts that each must give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ser_toolkit.data.corpora import Published

__all__ = ["CONVENTIONS", "LABELS", "Convention", "Name", "published"]

Name = Literal["all", "paper", "impro_merge", "standard5531", "no_merge4490", "5class", "6class", "soft"]

LABELS = {
    "ang": "anger", "hap": "happiness", "exc": "excitement", "sad": "sadness", "neu": "neutral",
    "fru": "frustration", "fea": "fear", "sur": "surprise", "dis": "disgust", "oth": "other", "xxx": "no_agreement",
}  # fmt: skip
"""Codes of the consensus."""

_SAME = {label: label for label in LABELS.values()}
_FOUR = {label: label for label in ("anger", "happiness", "sadness", "neutral")}
_MERGED = _FOUR | {"excitement": "happiness"}


@dataclass(frozen=True, kw_only=True)
class Convention:
    """Which utterances count, and under which label.

    Parameters
    ----------
    labels : mapping of str to str
        Canonical label to the label of this convention; others are left out.
    improvised_only : bool
        Leave scripted dialogues out.
    by_votes : bool
        The label is the one of `labels` with the most raters, instead of the consensus; ties are left out.
    """

    labels: Mapping[str, str]
    improvised_only: bool = False
    by_votes: bool = False


CONVENTIONS: Mapping[Name, Convention] = {
    "all": Convention(labels=_SAME),
    "paper": Convention(labels=_FOUR, improvised_only=True),
    "impro_merge": Convention(labels=_MERGED, improvised_only=True),
    "standard5531": Convention(labels=_MERGED),
    "no_merge4490": Convention(labels=_FOUR),
    "5class": Convention(labels=_FOUR | {"excitement": "excitement"}),
    "6class": Convention(labels=_FOUR | {"excitement": "excitement", "frustration": "frustration"}),
    "soft": Convention(labels=_MERGED, by_votes=True),
}
"""By name; ``paper`` is Toyoshima et al. 2023, ``standard5531`` what most papers call IEMOCAP 4-class."""

_ORDER = ("anger", "happiness", "excitement", "sadness", "neutral")
_IMPROVISED = (
    (62, 33, 99, 104, 223),
    (22, 54, 137, 100, 217),
    (90, 60, 89, 190, 198),
    (84, 31, 164, 81, 174),
    (31, 106, 174, 133, 287),
)
_WHOLE = (
    (229, 135, 143, 194, 384),
    (137, 117, 210, 197, 362),
    (240, 135, 151, 305, 320),
    (327, 65, 238, 143, 258),
    (170, 143, 299, 245, 384),
)
"""Utterances per session, in the order of `_ORDER`; over all labels 10,039."""
_REST = {"frustration": 1849, "fear": 40, "surprise": 107, "disgust": 2, "other": 3, "no_agreement": 2507}


def published(name: Name) -> Published | None:
    """Counts of a convention over the whole corpus.

    Parameters
    ----------
    name : str
        Of the convention.

    Returns
    -------
    Published or None
        Per session for anger, happiness, excitement, sadness and neutral; ``None`` for ``soft``, which nobody counted.
    """
    convention = CONVENTIONS[name]
    if convention.by_votes:
        return None
    groups: dict[str, dict[str, int]] = {}
    for i, row in enumerate(_IMPROVISED if convention.improvised_only else _WHOLE):
        counts: dict[str, int] = {}
        for label, n in zip(_ORDER, row, strict=True):
            if label in convention.labels:
                counts[convention.labels[label]] = counts.get(convention.labels[label], 0) + n
        groups[f"iemocap-{i + 1}"] = counts
    totals = {label: sum(counts[label] for counts in groups.values()) for label in groups["iemocap-1"]}
    rest = {label: n for label, n in _REST.items() if label in convention.labels}
    return Published(
        source="the release, counted per session; standard5531 agrees with EmoBox's test folds",
        utterances=sum(totals.values()) + sum(rest.values()),
        speakers=10,
        labels=totals | rest,
        groups=groups,
    )

"""What the HTML report says of all files together, as data."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_toolkit.report.results import FileResult

__all__ = ["DimensionRange", "Example", "Group", "Histogram", "Share", "Summary", "split_name"]


@dataclass(frozen=True, kw_only=True)
class Share:
    """How often an emotion is predicted (`n` files), and its mean probability over all files with a result."""

    label: str
    n: int
    mean_probability: float | None


@dataclass(frozen=True, kw_only=True)
class DimensionRange:
    """Values of a dimension over all files with a result: mean, standard deviation, least and greatest."""

    dimension: str
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of files between rising edges: `counts[i]` lie between `edges[i]` and `edges[i + 1]`.

    `by_label` splits the counts by the likeliest emotion; empty if they are not split.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    by_label: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Files of one folder or speaker.

    Parameters
    ----------
    name : str
        Of the folder, with its way from the arguments, or of the speaker.
    n, n_ok : int
        Files, and those with a result.
    audio_s : float
        Seconds of sound.
    confidence : float or None
        Mean of the files with a result.
    classes : dict of str to int
        Predicted emotion to files, in the order of the labels, without zeros.
    n_judged, n_right : int
        Files whose true emotion is one of the model's, and those of them where it is the likeliest; also files that the
        model was trained on.
    """

    name: str
    n: int
    n_ok: int
    audio_s: float
    confidence: float | None
    classes: dict[str, int]
    n_judged: int
    n_right: int


@dataclass(frozen=True, kw_only=True)
class Example:
    """One file of a short list, without its windows; `index` counts files from 0."""

    index: int
    result: FileResult


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All files together.

    Parameters
    ----------
    labels : tuple of str
        Emotions of the model.
    folder : str
        What all names begin with, without the last slash; empty if they share no folder.
    n, n_ok, n_skipped, n_failed, n_windows : int
        Counts.
    audio_s : float
        Seconds of sound.
    classes : tuple of Share
        In the order of the labels; at the end `UNCERTAIN`, if it occurs.
    set_sizes : dict of int to int
        Number of emotions that cannot be ruled out, to files; empty without sets.
    confidence : Histogram
        Split by emotion, from 0 to 1.
    durations : Histogram
        In seconds.
    notes, skipped, failed : dict of str to int
        Note or reason to files, the most frequent first.
    folders, speakers : tuple of Group
        The largest first; empty if there is one only.
    most_certain, least_certain : tuple of Example
        By confidence; empty where there are too few files to choose from.
    problems : tuple of Example
        The first files without a result.
    n_judged, n_right : int
        As of `Group`.
    dimensions : tuple of DimensionRange
        Of each dimension; empty for models without any.
    """

    labels: tuple[str, ...]
    folder: str
    n: int
    n_ok: int
    n_skipped: int
    n_failed: int
    n_windows: int
    audio_s: float
    classes: tuple[Share, ...]
    set_sizes: dict[int, int]
    confidence: Histogram
    durations: Histogram
    notes: dict[str, int]
    skipped: dict[str, int]
    failed: dict[str, int]
    folders: tuple[Group, ...]
    speakers: tuple[Group, ...]
    most_certain: tuple[Example, ...]
    least_certain: tuple[Example, ...]
    problems: tuple[Example, ...]
    n_judged: int
    n_right: int
    dimensions: tuple[DimensionRange, ...] = ()


def split_name(file: str) -> tuple[str, str]:
    """Folder and name of a file as it is shown, with ``/`` between folders on every system."""
    folder, _, name = file.replace(os.sep, "/").rpartition("/")
    return folder, name

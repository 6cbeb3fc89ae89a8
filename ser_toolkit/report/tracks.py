"""Timelines as label tracks for Praat and Audacity."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ser_toolkit.data import atomic
from ser_toolkit.data.locations import Url
from ser_toolkit.data.remote import read_bytes
from ser_toolkit.errors import OutputError, RemoteError
from ser_toolkit.report.folders import make_folder
from ser_toolkit.report.results import UNCERTAIN
from ser_toolkit.report.timeline import intervals
from ser_toolkit.report.track_names import Mirror, common_folder

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.report.results import FileResult
    from ser_toolkit.report.timeline import Interval

__all__ = ["write_audacity", "write_textgrid", "write_tracks"]

_DIGITS = 6  # of times in seconds
_SUFFIXES = {"textgrid": ".TextGrid", "audacity": ".txt"}
_AUDACITY = re.compile(r"\d+\.\d{6}\t\d+\.\d{6}\t(.*)")


def write_textgrid(path: Location, result: FileResult, *, labels: Sequence[str]) -> None:
    """Write the timeline of a recording as a Praat TextGrid.

    Parameters
    ----------
    path : Path or Url
        The file to make or replace, as one act: UTF-8, long form, with the interval tiers ``emotion`` and
        ``confidence`` from 0 to the end of the recording. What has no window is an interval without text.
    result : FileResult
        With windows.
    labels : sequence of str
        Emotions of the model.

    Raises
    ------
    OutputError
        If it cannot be written.

    References
    ----------
    https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
    """
    from praatio.textgrid import IntervalTier, Textgrid

    found = _timeline(result, labels)
    end_s = max([round(result.duration_s or 0.0, _DIGITS), *(end for _, end, _ in found)])
    grid = Textgrid(0.0, end_s)
    for name, texts in (
        ("emotion", [_one_line(interval.label) for *_, interval in found]),
        ("confidence", [f"{interval.confidence:.3f}" for *_, interval in found]),
    ):
        entries = [(start, end, text) for (start, end, _), text in zip(found, texts, strict=True)]
        grid.addTier(IntervalTier(name, entries, 0.0, end_s))
    with atomic.replacing(path) as temporary:
        grid.save(str(temporary), format="long_textgrid", includeBlankSpaces=True)


def write_audacity(path: Location, result: FileResult, *, labels: Sequence[str]) -> None:
    """Write the timeline of a recording as labels for Audacity (File, Import, Labels).

    Parameters
    ----------
    path : Path or Url
        The file to make or replace, as one act: UTF-8, a line per interval with start and end in seconds and the
        emotion, separated by tabs. What has no window has no line.
    result : FileResult
        With windows.
    labels : sequence of str
        Emotions of the model.

    Raises
    ------
    OutputError
        If it cannot be written.

    References
    ----------
    https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    found = _timeline(result, labels)
    lines = (f"{start:.6f}\t{end:.6f}\t{_one_line(interval.label)}\n" for start, end, interval in found)
    atomic.write_text(path, "".join(lines))


def write_tracks(
    folder: Location, results: Collection[FileResult], *, kind: Literal["textgrid", "audacity"], labels: Sequence[str]
) -> int:
    """Write a label track for every recording that has a timeline.

    Parameters
    ----------
    folder : Path or Url
        Made if it is not there. Tracks lie in it as the recordings lie below the folder that is common to all of
        them; a recording ``a/x.wav`` has ``a/x.TextGrid`` or ``a/x.txt``.
    results : collection of FileResult
        Iterated twice. Files that are not ``ok`` get no track.
    kind : {"textgrid", "audacity"}
        See `write_textgrid`, `write_audacity`.
    labels : sequence of str
        Emotions of the model.

    Returns
    -------
    int
        Number of tracks.

    Raises
    ------
    OutputError
        If one cannot be written.

    Notes
    -----
    Names that are too long, or are taken once the suffix is changed, get a short hash. So do names under which
    something else lies in the folder: a transcript or a hand-made TextGrid is never replaced, a track of an earlier
    run is.
    """
    write = write_textgrid if kind == "textgrid" else write_audacity
    base = common_folder(result.file for result in results if result.status == "ok")
    mirror = Mirror(folder, base=base, suffix=_SUFFIXES[kind])
    n = 0
    for result in results:
        if result.status != "ok":
            continue
        path = mirror(result.file)
        if not _is_free(path, kind, labels):
            path = mirror(result.file, plain=False)
        make_folder(path.parent, check=False)
        if isinstance(folder, Path) and isinstance(path, Path):
            _refuse_links_out(path.parent, within=folder)
        write(path, result, labels=labels)
        n += 1
    return n


def _timeline(result: FileResult, labels: Sequence[str]) -> list[tuple[float, float, Interval]]:
    """Intervals with their times to the microsecond, so that neighbours still meet and none is empty."""
    rounded = (
        (round(i.start_s, _DIGITS), round(i.end_s, _DIGITS), i) for i in intervals(result.windows, labels=labels)
    )
    return [(start, end, interval) for start, end, interval in rounded if end > start]


def _one_line(label: str) -> str:
    """A label without tabs, line breaks and other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in label).split())


def _is_free(path: Location, kind: str, labels: Sequence[str]) -> bool:
    """Whether nothing lies there but what was written here before."""
    try:
        text = read_bytes(path).decode("utf-8") if isinstance(path, Url) else path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    except RemoteError as error:
        return error.missing
    except (OSError, UnicodeDecodeError):
        return False
    if kind == "textgrid":
        return all(name in text for name in ("size = 2 \n", 'name = "emotion"', 'name = "confidence"'))
    known = {_one_line(label) for label in (*labels, UNCERTAIN)}
    return all((found := _AUDACITY.fullmatch(line)) and found[1] in known for line in text.splitlines())


def _refuse_links_out(folder: Path, *, within: Path) -> None:
    if not folder.resolve().is_relative_to(within.resolve()):
        raise OutputError(f"{folder} is a link out of {within}: tracks are not written there; name another folder")

"""Utterances from a CSV manifest or from the ``metadata.csv`` of a Hugging Face audio folder."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_toolkit.data.files import display_path, is_file, path_from_display
from ser_toolkit.data.locations import Location, Url, is_url, locate
from ser_toolkit.data.spreadsheet import cell_text
from ser_toolkit.data.utterance import Entry, Utterance
from ser_toolkit.errors import ConfigError, ManifestError, RemoteError

__all__ = ["read_csv", "speaker_from"]

_TEXTS = ("corpus", "session", "split", "gender", "language", "text_id")
_DIMENSIONS = ("arousal", "valence", "dominance")
_NUMBERS = ("start", "end", "duration_s", *_DIMENSIONS)
_VOTE = "vote_"
_DELIMITERS = ",;\t"
_SHOWN_MISSING = 5


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Names of the columns that play the three main parts."""

    file: str
    emotion: str
    speaker: str | None

    @property
    def known(self) -> frozenset[str]:
        return frozenset({self.file, self.emotion, self.speaker or "", *_TEXTS, *_NUMBERS})

    def others(self, header: Iterable[str]) -> tuple[str, ...]:
        """Columns that mean nothing to the toolkit itself."""
        return tuple(c for c in header if c not in self.known and not (c.startswith(_VOTE) and c != _VOTE))


def read_csv(path: Location, *, speaker_pattern: re.Pattern[str] | None = None) -> tuple[list[Entry], tuple[str, ...]]:
    """Read one CSV file.

    Parameters
    ----------
    path : Path or Url
        UTF-8, with or without a byte-order mark; separated by commas, semicolons or tabs. With a column ``file`` it
        is a manifest and needs ``speaker`` and ``emotion`` as well (where a recording is rated by ``valence``,
        ``arousal`` or ``dominance``, its emotion may be missing); with ``file_name`` it is the metadata of an audio
        folder and needs ``emotion`` or ``label``, and may have ``speaker`` or ``speaker_id``. Files are URLs, or
        relative to the folder of the CSV; a name that is not UTF-8 is written with percent-encoding. An apostrophe that
        `ser_toolkit.data.spreadsheet.safe_cell` puts before text like a formula is taken away again.
    speaker_pattern : re.Pattern, optional
        Finds the speaker in the file's name, where there is no speaker column.

    Returns
    -------
    entries : list of Entry
        One per row; `Utterance.corpus` is empty where no column ``corpus`` names it.
    ignored : tuple of str
        Columns that mean nothing here, unless a feature reads them.

    Raises
    ------
    ManifestError
        Names the file, the line and the column.
    """
    shown = display_path(path)
    header, rows = _table(_text(path, shown), shown)
    columns = _columns(header, shown)
    folder = path.parent if isinstance(path, Url) else path.resolve().parent
    entries, missing = [], []
    for line, row in rows:
        where = f"{shown}, line {line}"
        utterance = _utterance(row, columns, folder, where=where, speaker_pattern=speaker_pattern)
        if isinstance(utterance.file, Path) and not is_file(utterance.file):  # others are looked for when they are read
            missing.append(f"line {line} {utterance.key!r}")
        entries.append(Entry(utterance, where))
    if not entries:
        raise ManifestError(f"{shown} has a header but no rows: add one row per utterance")
    if missing:
        more = ", ..." if len(missing) > _SHOWN_MISSING else ""
        raise ManifestError(
            f"{shown}, column {columns.file!r}: {len(missing)} of {len(entries)} files are not there: "
            f"{', '.join(missing[:_SHOWN_MISSING])}{more}. Paths are relative to {display_path(folder)}"
        )
    return entries, columns.others(header)


def _text(path: Location, shown: str) -> str:
    try:
        return _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{shown}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8: save it as CSV UTF-8"
        ) from error
    except OSError as error:
        raise ManifestError(f"{shown} cannot be read: {error.strerror or error}") from error
    except RemoteError as error:
        raise ManifestError(f"{shown} cannot be read: {error}") from None


def _bytes(path: Location) -> bytes:
    if not isinstance(path, Url):
        return path.read_bytes()
    from ser_toolkit.data.remote import read_bytes

    return read_bytes(path)


def _table(text: str, shown: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Header, and an iterator over line number and row; all cells stripped."""
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first), strict=True)
    lines = _lines(reader, shown)
    _, header = next(lines, (0, []))
    if not any(header):
        raise ManifestError(f"{shown} is empty: its first line names the columns: file,speaker,emotion")
    twice = sorted({c for c in header if header.count(c) > 1})
    if twice:
        raise ManifestError(f"{shown}, line 1: column {twice[0]!r} occurs more than once")
    return header, _rows(lines, header, shown)


def _delimiter(header: str) -> str:
    """The separator under which the header holds the most columns; a comma if in doubt."""
    return max(_DELIMITERS, key=header.count)


def _lines(reader: Iterator[list[str]], shown: str) -> Iterator[tuple[int, list[str]]]:
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ManifestError(f"{shown}, line {line}: {error}") from error
        if cells is None:
            return
        yield line, [cell.strip() for cell in cells]
        line = reader.line_num + 1  # type: ignore[attr-defined]


def _rows(
    lines: Iterator[tuple[int, list[str]]], header: Sequence[str], shown: str
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, cells in lines:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise ManifestError(
                f"{shown}, line {line}: {len(cells)} cells, but the header has {len(header)} columns: "
                "quote a cell that holds a separator"
            )
        yield line, dict(zip(header, cells, strict=True))


def _columns(header: Sequence[str], shown: str) -> _Columns:
    if "file_name" in header and "file" not in header:
        emotion = "label" if "label" in header and "emotion" not in header else "emotion"
        speaker = next((c for c in ("speaker", "speaker_id") if c in header), None)
        wanted: tuple[str, ...] = ("emotion",)
        columns = _Columns(file="file_name", emotion=emotion, speaker=speaker)
    else:
        wanted = ("file", "speaker", "emotion")
        columns = _Columns(file="file", emotion="emotion", speaker="speaker")
    if any(name in header for name in _DIMENSIONS):
        wanted = tuple(name for name in wanted if name != "emotion")
    for name in wanted:
        if name not in header and getattr(columns, name) not in header:
            near = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
            hint = f" (is {near[0]!r} meant?)" if near else ""
            raise ManifestError(f"{shown}, line 1: there is no column {name!r}{hint}. Found: {', '.join(header)}")
    return columns


def _utterance(
    row: Mapping[str, str],
    columns: _Columns,
    folder: Location,
    *,
    where: str,
    speaker_pattern: re.Pattern[str] | None,
) -> Utterance:
    rated = any(row.get(name) for name in _DIMENSIONS)
    for column in (columns.file, columns.emotion, columns.speaker):
        if column and not row.get(column) and not (rated and column == columns.emotion):
            raise ManifestError(f"{where}, column {column!r}: the cell is empty")
    file, key = _file(folder, row[columns.file], where=where)
    texts = {name: cell_text(row.get(name, "")) or None for name in _TEXTS}
    numbers = {name: _number(row.get(name), name, where) for name in _NUMBERS}
    start_s, end_s, duration_s = numbers["start"], numbers["end"], numbers["duration_s"]
    _check_times(start_s, end_s, duration_s, where)
    return Utterance(
        file=file,
        key=key,
        emotion=cell_text(row.get(columns.emotion, "")),
        speaker=cell_text(row[columns.speaker]) if columns.speaker else speaker_from(speaker_pattern, key, where=where),
        start_s=start_s,
        end_s=end_s,
        duration_s=duration_s,
        votes=_votes(row, where),
        corpus=texts["corpus"] or "",
        session=texts["session"],
        split=texts["split"],
        gender=texts["gender"],
        language=texts["language"],
        text_id=texts["text_id"],
        arousal=numbers["arousal"],
        valence=numbers["valence"],
        dominance=numbers["dominance"],
        columns={name: cell_text(row[name]) for name in columns.others(row)},
    )


def speaker_from(pattern: re.Pattern[str] | None, key: str, *, where: str) -> str | None:
    """The speaker that a pattern finds in a file's name.

    Parameters
    ----------
    pattern : re.Pattern or None
        With one group; searched in `key`.
    key : str
        Path of the file, relative to its data set.
    where : str
        For the message.

    Returns
    -------
    str or None
        ``None`` without a pattern.

    Raises
    ------
    ManifestError
        If the pattern does not match or its group is empty.
    """
    if pattern is None:
        return None
    match = pattern.search(key)
    if match is None or not match.group(1):
        raise ManifestError(f"{where}: the speaker pattern {pattern.pattern!r} finds no speaker in {key!r}")
    return match.group(1)


def _number(cell: str | None, column: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ManifestError(f"{where}, column {column!r}: {cell!r} is not a number; write it like 1.25")
    return value


def _check_times(start_s: float | None, end_s: float | None, duration_s: float | None, where: str) -> None:
    for column, value in (("start", start_s), ("end", end_s), ("duration_s", duration_s)):
        if value is not None and value < 0:
            raise ManifestError(f"{where}, column {column!r}: {value:g} is negative; times are in seconds")
    if end_s is not None and (start_s or 0.0) >= end_s:
        raise ManifestError(f"{where}, columns 'start' and 'end': {start_s or 0:g} to {end_s:g} s has no length")


def _votes(row: Mapping[str, str], where: str) -> dict[str, float]:
    votes = {}
    for column, cell in row.items():
        label = column.removeprefix(_VOTE)
        if label in (column, "") or not cell:
            continue
        value = _number(cell, column, where)
        if value is None or value < 0:
            raise ManifestError(f"{where}, column {column!r}: {cell!r} is negative; votes are counts or shares")
        votes[label] = value
    return votes


def _file(folder: Location, key: str, *, where: str) -> tuple[Location, str]:
    """The file of a cell, and what it is called."""
    if is_url(key):
        try:
            return locate(key), display_path(key)
        except ConfigError as error:
            raise ManifestError(f"{where}: {error}") from None
    if not isinstance(folder, Url):
        return _local_file(folder, key), key
    if key.startswith("/"):
        raise ManifestError(
            f"{where}: {key!r} begins with a slash: a manifest on another machine names files relative to its folder, "
            "or by their URLs"
        )
    return folder.joined(key), key


def _local_file(folder: Path, key: str) -> Path:
    """As written, or percent-decoded if only that is there."""
    plain = folder / key
    if "%" in key and not is_file(plain):
        decoded = Path(folder, path_from_display(key))
        return decoded if is_file(decoded) else plain
    return plain

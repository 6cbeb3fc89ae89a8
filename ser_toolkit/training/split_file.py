"""A split as one CSV file: a row per utterance, a column per fold, readable by people and by other tools."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.data import atomic
from ser_toolkit.data.files import display_path
from ser_toolkit.data.spreadsheet import cell_text, safe_cell
from ser_toolkit.errors import SplitError
from ser_toolkit.training.protocols import assemble
from ser_toolkit.training.splits import DEV_RECORDINGS, Part, check_sides, part_of

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.protocols import Folds

__all__ = ["read_parts", "read_split", "write_split"]

_COLUMNS = ("corpus", "file", "start", "end", "speaker", "emotion", "protocol", "seed")
_FOLD = re.compile(r"fold (\d+): (.*)", re.DOTALL)
_SHOWN = 5

Key = tuple[str, str, str, str]


def write_split(path: Path, utterances: Sequence[Utterance], folds: Folds) -> None:
    """Write a split.

    Parameters
    ----------
    path : Path
        The file to make or replace.
    utterances : sequence of Utterance
        As given to `ser_toolkit.training.protocols.folds_of`.
    folds : Folds
        The split. The columns ``protocol`` and ``seed`` say the same in every row, so that rows may be sorted.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    names = (_text(f"fold {i}: {fold.name}") for i, fold in enumerate(folds.folds, 1))
    writer.writerow([*_COLUMNS, *names])
    seed = "" if folds.seed is None else str(folds.seed)
    for i, u in enumerate(utterances):
        row = [*_key(u), _text(u.speaker or ""), _text(u.emotion), _text(folds.protocol), seed]
        writer.writerow([*row, *(fold.parts[i] or "" for fold in folds.folds)])
    atomic.write_text(path, text.getvalue())


def _key(u: Utterance) -> Key:
    """The cells that find the utterance again."""
    start, end = ("" if t is None else repr(float(t)) for t in (u.start_s, u.end_s))
    return _text(u.corpus), _text(u.key), start, end


def _text(text: str) -> str:
    """A cell; bytes that are not UTF-8 become question marks."""
    return safe_cell(text.encode("utf-8", errors="replace").decode("utf-8"))


def read_split(path: Path, utterances: Sequence[Utterance], *, allow_speaker_overlap: bool = False) -> Folds:
    """Read a split and check it against the utterances that it is to divide.

    Parameters
    ----------
    path : Path
        CSV file as `write_split` writes it. Of the first eight columns only ``file`` is needed; any further one is a
        fold. A cell holds train, dev, test, or nothing.
    utterances : sequence of Utterance
        What is divided. Rows of the file that are about others are left aside, with a warning.
    allow_speaker_overlap : bool, optional
        Do not refuse speakers on both sides.

    Returns
    -------
    Folds
        With the protocol that the file states, if what it says of speakers is true.

    Raises
    ------
    SplitError
        If the file cannot be read, lacks an utterance, gives it another speaker or label, or breaks a promise of all
        splits.
    """
    shown = display_path(path)
    header, rows = _table(path, shown)
    columns = [name for name in header if name not in _COLUMNS]
    if "file" not in header or not columns:
        raise SplitError(
            f"{shown} is no split file: it needs a column file and one column per fold. ser-toolkit split writes one"
        )
    found = _assign(rows, utterances, shown)
    divisions: list[tuple[str, list[Part | None]]] = []
    for number, column in enumerate(columns, 1):
        match = _FOLD.fullmatch(cell_text(column))
        parts = [_part(row[column], f"{shown}, {row['file']}, column {column!r}") for row in found]
        name = match[2] if match else column
        divisions.append((name if name.strip() else f"fold {number}", parts))
    protocol, seed = (_same(rows, name, shown) for name in ("protocol", "seed"))
    own = DEV_RECORDINGS in protocol
    kinds = {
        check_sides(utterances, parts, what=shown, allow=allow_speaker_overlap, shared_dev=own)
        for _, parts in divisions
    }
    kind = next(k for k in ("SPEAKER-DEPENDENT", "speakers unknown,", "speaker-independent") if k in kinds)
    if not protocol:
        protocol = f"split file {path.name}, {len(divisions)} folds, {kind.rstrip(',')}"
    elif kind != "speaker-independent" and "SPEAKER-DEPENDENT" not in protocol:
        protocol = f"{kind.rstrip(',')} (scores are inflated): {protocol.replace('speaker-independent', '')}"
    unused = len(rows) - len(found)
    return assemble(
        utterances,
        divisions,
        protocol=protocol,
        seed=int(seed) if seed.isdecimal() else None,
        warnings=(f"{unused} rows of {shown} are about utterances that are not there",) if unused else (),
        allow=allow_speaker_overlap,
    )


def read_parts(path: Path) -> tuple[list[str], list[list[Part | None]]]:
    """What a split file says of speakers and parts, row by row, without the utterances.

    Parameters
    ----------
    path : Path
        CSV file as `write_split` writes it.

    Returns
    -------
    speakers : list of str
        Of each row; empty where not known.
    folds : list of list of Part
        Of each fold, the part of each row.

    Raises
    ------
    SplitError
        If it is no split file.
    """
    shown = display_path(path)
    header, rows = _table(path, shown)
    columns = [name for name in header if name not in _COLUMNS]
    speakers = [cell_text(row.get("speaker", "")) for row in rows]
    return speakers, [[_part(row[c], f"{shown}, column {c!r}") for row in rows] for c in columns]


def _table(path: Path, shown: str) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except OSError as error:
        raise SplitError(f"{shown}: the split file cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SplitError(f"{shown} is no split file: {error}") from error
    header = lines[0] if lines else []
    twice = sorted(name for name, n in Counter(header).items() if n > 1)
    if twice:
        raise SplitError(f"{shown}, line 1: column {twice[0]!r} occurs more than once")
    rows = []
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(header):
            raise SplitError(f"{shown}, row {number}: {len(cells)} cells, but the header has {len(header)} columns")
        rows.append(dict(zip(header, cells, strict=True)))
    return header, rows


def _assign(rows: Sequence[Mapping[str, str]], utterances: Sequence[Utterance], shown: str) -> list[Mapping[str, str]]:
    """The row of each utterance; the corpus only matters where two of them hold a file of the same name."""
    by_corpus: dict[Key, Mapping[str, str]] = {}
    by_file: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        times = (_time(row.get("start", ""), shown), _time(row.get("end", ""), shown))
        key = (row.get("corpus", ""), row["file"], *times)
        if key in by_corpus:
            raise SplitError(f"{shown}: {row['file']} is listed twice: keep one row")
        by_corpus[key] = row
        by_file.setdefault(key[1:], []).append(row)
    assigned: list[Mapping[str, str]] = []
    missing: list[str] = []
    for u in utterances:
        wanted = _key(u)
        alike = by_file.get(wanted[1:], [])
        if wanted not in by_corpus and len(alike) != 1:
            missing.append(u.key)
            continue
        row = by_corpus[wanted] if wanted in by_corpus else alike[0]
        for column, value in (("speaker", u.speaker or ""), ("emotion", u.emotion)):
            if column in row and row[column] != _text(value):
                raise SplitError(
                    f"{shown}: {u.key} has {column} {row[column]!r}, the manifest says {value!r}: the split was made "
                    "for other data. Make a new one with ser-toolkit split"
                )
        assigned.append(row)
    if missing:
        more = ", ..." if len(missing) > _SHOWN else ""
        raise SplitError(
            f"{shown} lacks {len(missing)} of {len(utterances)} utterances: {', '.join(missing[:_SHOWN])}{more}. "
            "Make a new one with ser-toolkit split, or choose the emotions it was made for with --emotions"
        )
    if len({id(row) for row in assigned}) < len(assigned):
        raise SplitError(f"{shown}: one row stands for files of several corpora: add the column corpus")
    return assigned


def _time(cell: str, shown: str) -> str:
    """A time as `_key` writes it."""
    try:
        return repr(float(cell)) if cell else ""
    except ValueError:
        raise SplitError(f"{shown}: {cell!r} is no time in seconds") from None


def _part(cell: str, where: str) -> Part | None:
    part = part_of(cell)
    if cell.strip() and part is None:
        raise SplitError(f"{where}: {cell!r} is none of train, dev and test; leave it empty for neither")
    return part


def _same(rows: Sequence[Mapping[str, str]], column: str, shown: str) -> str:
    values = {row.get(column, "") for row in rows} - {""}
    if len(values) > 1:
        raise SplitError(f"{shown}, column {column!r}: rows disagree: {', '.join(sorted(values)[:3])}")
    return cell_text(next(iter(values), ""))

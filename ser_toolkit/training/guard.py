"""Is a held-out recording heard in training? Same audio, nearly the same audio, the same stretch of a file."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_toolkit.errors import SplitError
from ser_toolkit.training.alike import Alike, Heard, find_alike, listen
from ser_toolkit.training.fold_names import gather
from ser_toolkit.training.splits import DEV_RECORDINGS, check_sides

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.protocols import Folds
    from ser_toolkit.training.splits import Part, Split

__all__ = [
    "MARK",
    "SAME",
    "Alike",
    "GuardReport",
    "Heard",
    "check_folds",
    "check_split",
    "find_alike",
    "listen",
    "mark",
]

SAME = 0.9
"""Similarity from which two recordings are refused as if they were identical: a change of level, of sample rate, or
a trimmed end. Below, and from `NEAR` on, they are pointed out."""

MARK = "DUPLICATE AUDIO across parts (scores are inflated)"
"""What the protocol has to say beside every score where the same audio is in training and held-out parts."""

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class GuardReport:
    """What the guard found, where it did not refuse.

    Parameters
    ----------
    warnings : tuple of str
        Sentences for whoever reads the scores.
    across : tuple of Alike
        Pairs of which one trains and the other is held out, or one chooses the epoch and the other is tested.
    within : tuple of Alike
        Pairs inside one part.
    duplicated : bool
        Whether the same audio is in several parts, which was allowed; see `mark`.
    """

    warnings: tuple[str, ...]
    across: tuple[Alike, ...] = ()
    within: tuple[Alike, ...] = ()
    duplicated: bool = False


def check_split(
    utterances: Sequence[Utterance],
    split: Split,
    *,
    recordings: Sequence[int],
    fingerprints: Sequence[NDArray[np.uint32]] = (),
    allow_duplicates: bool = False,
    alike: Sequence[Alike] | None = None,
) -> GuardReport:
    """Refuse, or point out, audio that is on several sides of a split.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances.
    split : Split
        Where each is. If it calls itself speaker-independent it has to be.
    recordings, fingerprints : sequence
        As for `find_alike`.
    allow_duplicates : bool, optional
        Do not refuse; the report then says `duplicated`.
    alike : sequence of Alike, optional
        What `find_alike` gave for the same utterances, to save the search.

    Returns
    -------
    GuardReport
        Cautions, and the pairs that they are about.

    Raises
    ------
    SplitError
        Names the pairs: identical audio, or audio alike by `SAME` or more, in different parts; parts of one file that
        overlap in time, in different parts; a speaker on several sides of a speaker-independent split.
    """
    if "speaker-independent" in split.protocol:
        check_sides(utterances, split.parts, what="the split", allow=False, shared_dev=DEV_RECORDINGS in split.protocol)
    if alike is None:
        alike = find_alike(utterances, recordings=recordings, fingerprints=fingerprints)
    used = [a for a in alike if split.parts[a.first] is not None and split.parts[a.second] is not None]
    across = [a for a in used if split.parts[a.first] != split.parts[a.second]]
    within = [a for a in used if split.parts[a.first] == split.parts[a.second] and a.kind != "overlapping"]
    if cut := [a for a in across if a.kind == "overlapping"]:
        raise SplitError(
            f"{len(cut)} pairs of utterances are cut from the same stretch of a file and stand in different parts: "
            f"{_named(cut, utterances, split)}. Put them into one part, or end one where the other begins"
        )
    same = [a for a in across if a.kind == "identical" or a.similarity >= SAME]
    if same and not allow_duplicates:
        raise SplitError(
            f"{len(same)} pairs of recordings are the same audio and stand in different parts: "
            f"{_named(same, utterances, split)}. Remove one of each pair from the manifest, or accept inflated scores "
            "with --set split.allow_duplicates=true"
        )
    said = []
    if same:
        said.append(f"DUPLICATE AUDIO: {len(same)} pairs in different parts: {_named(same, utterances, split)}")
    if near := [a for a in across if a not in set(same)]:
        said.append(
            f"{len(near)} pairs of recordings in different parts sound nearly the same: "
            f"{_named(near, utterances, split)}. Listen to them"
        )
    twins = [a for a in within if utterances[a.first].emotion != utterances[a.second].emotion]
    if twins:
        said.append(f"{len(twins)} pairs of the same audio have two labels: {_named(twins, utterances)}")
    if twice := [a for a in within if a not in set(twins) and (a.kind == "identical" or a.similarity >= SAME)]:
        said.append(
            f"{len(twice)} pairs of recordings in one part are the same audio and count twice: "
            f"{_named(twice, utterances)}"
        )
    return GuardReport(warnings=tuple(said), across=tuple(across), within=tuple(within), duplicated=bool(same))


def check_folds(
    utterances: Sequence[Utterance],
    folds: Folds,
    *,
    recordings: Sequence[int],
    fingerprints: Sequence[NDArray[np.uint32]] = (),
    allow_duplicates: bool = False,
) -> GuardReport:
    """`check_split` for all folds, with one search.

    Parameters
    ----------
    utterances, recordings, fingerprints, allow_duplicates
        As for `check_split`.
    folds : Folds
        What is checked.

    Returns
    -------
    GuardReport
        Each sentence and pair once.

    Raises
    ------
    SplitError
        Begins with the name of the fold.
    """
    alike = find_alike(utterances, recordings=recordings, fingerprints=fingerprints)
    reports = []
    for fold in folds.folds:
        try:
            report = check_split(
                utterances, fold.split, recordings=recordings, allow_duplicates=allow_duplicates, alike=alike
            )
        except SplitError as error:
            raise SplitError(f"fold {fold.name}: {error}") from error
        reports.append((fold.name, report))
    return GuardReport(
        warnings=gather([(name, report.warnings) for name, report in reports]),
        across=tuple(dict.fromkeys(a for _, report in reports for a in report.across)),
        within=tuple(dict.fromkeys(a for _, report in reports for a in report.within)),
        duplicated=any(report.duplicated for _, report in reports),
    )


def mark(folds: Folds, report: GuardReport) -> Folds:
    """The same folds, whose protocol says so if audio is on both sides.

    Parameters
    ----------
    folds : Folds
        What was checked.
    report : GuardReport
        Of `check_folds`.

    Returns
    -------
    Folds
        With the cautions of the report.
    """
    warnings = tuple(dict.fromkeys((*folds.warnings, *report.warnings)))
    if not report.duplicated:
        return dataclasses.replace(folds, warnings=warnings)
    marked = tuple(
        dataclasses.replace(f, split=dataclasses.replace(f.split, protocol=f"{MARK}: {f.split.protocol}"))
        for f in folds.folds
    )
    return dataclasses.replace(folds, protocol=f"{MARK}: {folds.protocol}", folds=marked, warnings=warnings)


def _named(pairs: Sequence[Alike], utterances: Sequence[Utterance], split: Split | None = None) -> str:
    """``"a.wav (anger, train) and b.wav (fear, test)"``, for the first few; the similarity where it is not 1."""
    texts = []
    for a in pairs[:_SHOWN]:
        sides = [_one(utterances[i], split.parts[i] if split else None) for i in (a.first, a.second)]
        alike = f" ({a.similarity:.0%} alike)" if a.kind == "near" else ""
        texts.append(" and ".join(sides) + alike)
    return "; ".join(texts) + ("; ..." if len(pairs) > _SHOWN else "")


def _one(u: Utterance, part: Part | None) -> str:
    times = "" if u.start_s is None and u.end_s is None else f" {u.start_s or 0:g}-{u.end_s or math.inf:g} s"
    return f"{u.key}{times} ({u.emotion}{f', {part}' if part else ''})"

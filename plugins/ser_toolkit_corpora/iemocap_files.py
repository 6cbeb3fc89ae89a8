"""The text files of IEMOCAP: consensus and raters, and transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ser_toolkit.data.corpora import canonical, words_id
from ser_toolkit.data.corpus_files import read_text
from ser_toolkit_corpora.iemocap_labels import LABELS

__all__ = ["NAME", "Turn", "read_evaluation", "read_transcripts"]

NAME = re.compile(r"Ses0([1-5])([FM])_(impro|script)(\d{2})([ab]?)(?:_(\d)([ab]?))?_([FM])(\d{3})")
"""Name of a turn: session, who wore the markers, kind, dialogue, ..., **who speaks**, number."""
_TURN = re.compile(r"\[(\d+\.\d+) - (\d+\.\d+)\]\t(\w+)\t(\w{3})\t\[([^\]]*)\]")
_RATER = re.compile(r"C-(\w+):\s*([^(]*)")
_TRANSCRIPT = re.compile(r"(Ses\w+)\s+\[[^\]]*\]:\s*(.*)")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of an evaluation file.

    Parameters
    ----------
    name : str
        ``"Ses01F_impro01_F000"``.
    label : str
        Canonical consensus label.
    duration_s : float
        Its length within the dialogue, in seconds.
    ratings : tuple of (float or None)
        Valence, arousal (activation), dominance, each 1 to 5.
    votes : mapping of str to float
        Canonical label to raters. Each rater has one vote; who names several labels splits it evenly. What actors
        said about themselves does not count.
    """

    name: str
    label: str
    duration_s: float
    ratings: tuple[float | None, float | None, float | None]
    votes: Mapping[str, float]


def read_evaluation(path: Path) -> Iterator[Turn]:
    """Turns of ``EmoEvaluation/<dialog>.txt``, in order.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    Turn
        Lines that fit nothing are passed over.
    """
    current: re.Match[str] | None = None
    votes: dict[str, float] = {}
    for line in read_text(path).split("\n"):
        if match := _TURN.match(line):
            if current:
                yield _turn(current, votes)
            current, votes = match, {}
        elif (rater := _RATER.match(line)) and rater[1].upper().startswith("E"):  # C-F1, C-M1: the actors themselves
            said = [label.strip() for label in rater[2].split(";") if label.strip()]
            for label in said:
                emotion = canonical(label) or "other"
                votes[emotion] = votes.get(emotion, 0.0) + 1 / len(said)
    if current:
        yield _turn(current, votes)


def _turn(match: re.Match[str], votes: Mapping[str, float]) -> Turn:
    numbers = [_number(cell) for cell in match[5].split(",")]
    valence, arousal, dominance = [*numbers, None, None, None][:3]
    return Turn(
        name=match[3],
        label=LABELS.get(match[4].lower(), "other"),
        duration_s=round(float(match[2]) - float(match[1]), 4),
        ratings=(valence, arousal, dominance),
        votes={label: round(votes[label], 6) for label in sorted(votes)},
    )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def read_transcripts(path: Path) -> dict[str, str]:
    """Turn to `ser_toolkit.data.corpora.words_id` of what is said.

    Ids that end in ``FXX0`` or ``MX1`` are no turns, and are passed over.

    Parameters
    ----------
    path : Path
        ``transcriptions/<dialog>.txt``; may be missing.

    Returns
    -------
    dict of str to str
        Empty where the file is missing.
    """
    if not path.is_file():
        return {}
    found = {}
    for line in read_text(path).split("\n"):
        match = _TRANSCRIPT.match(line)
        if match and NAME.fullmatch(match[1]) and (words := words_id(match[2])):
            found[match[1]] = words
    return found

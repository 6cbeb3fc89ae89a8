"""What corpus readers give beside utterances: published counts, and notes on what they left out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance

__all__ = ["EMOTIONS", "Published", "Reading", "canonical", "words_id"]

EMOTIONS = (
    *("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    *("calm", "boredom", "contempt", "excitement", "frustration", "other", "no_agreement"),
)
"""Names of emotions that all readers share, so that corpora can be put together."""

_SYNONYMS = {
    "angry": "anger", "disgusted": "disgust", "fearful": "fear", "afraid": "fear", "happy": "happiness",
    "joy": "happiness", "sad": "sadness", "surprised": "surprise", "pleasant surprise": "surprise", "bored": "boredom",
    "excited": "excitement", "frustrated": "frustration", "neutral state": "neutral", "neutrality": "neutral",
    "no agreement": "no_agreement", "contemptuous": "contempt", "calmness": "calm",
}  # fmt: skip


def canonical(label: str) -> str | None:
    """The shared name of an emotion.

    Parameters
    ----------
    label : str
        A name as corpora write it: ``"Happy"``, ``"joy"``, ``"happiness"``.

    Returns
    -------
    str or None
        One of `EMOTIONS`; ``None`` if none fits.
    """
    plain = " ".join(label.replace("_", " ").lower().split())
    name = _SYNONYMS.get(plain, plain.replace(" ", "_"))
    return name if name in EMOTIONS else None


def words_id(text: str) -> str | None:
    """Identifier of what is said, the same wherever the words are the same.

    Parameters
    ----------
    text : str
        A transcript; case, punctuation and spacing do not count.

    Returns
    -------
    str or None
        ``"words-"`` and 12 hexadecimal digits; ``None`` if there are no words. It does not reveal the transcript.
    """
    words = " ".join(re.findall(r"\w+", text.lower()))
    return f"words-{hashlib.sha256(words.encode()).hexdigest()[:12]}" if words else None


@dataclass(frozen=True, kw_only=True)
class Published:
    """Counts that a publication states, to compare a copy with.

    Parameters
    ----------
    source : str
        Who says so.
    utterances, speakers : int or None
        In all.
    labels : mapping of str to int
        Utterances per emotion; empty if unknown.
    group : {"session", "split", "language"}
        What `groups` are: a field of `ser_toolkit.data.utterance.Utterance`.
    groups : mapping of str to (mapping of str to int)
        Utterances per emotion within each group; empty if unknown. An emotion of `labels` that no group has is not
        compared within groups.
    """

    source: str
    utterances: int | None = None
    speakers: int | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    group: Literal["session", "split", "language"] = "session"
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read from one folder.

    Parameters
    ----------
    utterances : tuple of Utterance
        In the order of the reader.
    notes : tuple of str
        A sentence each: what is missing, broken or left out.
    """

    utterances: tuple[Utterance, ...]
    notes: tuple[str, ...] = ()

"""Whose voices babble is made of: of a test never the tested person's nor those of training; of training his own."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.noise.generators import MOST_TALKERS

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance

__all__ = ["voices_behind", "voices_for"]

_MOST_BEHIND = 12


def voices_for(
    utterance: Utterance, tested: Sequence[Utterance], more: Sequence[Utterance] = (), *, seed: int = 0
) -> tuple[Utterance, ...]:
    """Recordings of other people to be heard behind a tested one.

    Parameters
    ----------
    utterance : Utterance
        The tested one.
    tested : sequence of Utterance
        All that the same model is tested on; voices come from here first.
    more : sequence of Utterance, optional
        Further ones that the model was not fitted to; they are used where `tested` has too few.
    seed : int, optional
        Of the choice.

    Returns
    -------
    tuple of Utterance
        At most eight, of other speakers; where the speaker is not known, of other files. The same for the same
        arguments. Empty if there are none.
    """
    rng = np.random.default_rng([seed, zlib.crc32(repr((utterance.key, utterance.start_s)).encode())])
    found: list[Utterance] = []
    for group in (tested, more):
        for other in _shuffled(group, rng):
            if len(found) == MOST_TALKERS:
                return tuple(found)
            if _is_other(other, utterance):
                found.append(other)
    return tuple(found)


def voices_behind(
    utterances: Sequence[Utterance], among: Collection[int], *, seed: int = 0
) -> dict[int, tuple[Utterance, ...]]:
    """For training recordings, other recordings of the same speaker to be heard behind them.

    Parameters
    ----------
    utterances : sequence of Utterance
        All recordings.
    among : collection of int
        Those that are trained on.
    seed : int, optional
        Of the choice.

    Returns
    -------
    dict
        Number of an utterance to at most twelve others; none where the speaker is not known or has one recording.

    Notes
    -----
    The same speaker, because a recording of anybody else may belong to the test of some fold: whoever trains on the
    speaker has these recordings, and whoever tests on the speaker has none of them.
    """
    by_speaker: dict[tuple[str | None, str], list[int]] = {}
    for i in among:
        speaker = utterances[i].speaker
        if speaker is not None:
            by_speaker.setdefault((utterances[i].corpus, speaker), []).append(i)
    found = {}
    for members in by_speaker.values():
        for i in members:
            rng = np.random.default_rng([seed, zlib.crc32(repr((utterances[i].key, utterances[i].start_s)).encode())])
            others = [j for j in rng.permutation(members).tolist() if j != i]
            if others:
                found[i] = tuple(utterances[j] for j in others[:_MOST_BEHIND])
    return found


def _shuffled(utterances: Sequence[Utterance], rng: np.random.Generator) -> Iterator[Utterance]:
    for i in rng.permutation(len(utterances)).tolist():
        yield utterances[i]


def _is_other(other: Utterance, utterance: Utterance) -> bool:
    if utterance.speaker is None:
        return other.file != utterance.file
    return other.speaker is not None and (other.corpus, other.speaker) != (utterance.corpus, utterance.speaker)

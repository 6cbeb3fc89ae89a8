"""What a model was trained on, from a recipe that gives neither names nor files away."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import RecipeError

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.recipe import Training

__all__ = ["Seen", "decode_recordings", "encode_recordings", "hash_speaker"]

_NUMBERED = 9  # data sets of one name that are read together


def hash_speaker(speaker: str, *, salt: str) -> str:
    """Salted hash of a speaker's name.

    Parameters
    ----------
    speaker : str
        Name as in the manifest, after `read_manifest` made it unique.
    salt : str
        Digest of the manifest that the model was trained on.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return hashlib.sha256(f"{salt}\0{speaker}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def encode_recordings(hashes: Iterable[int]) -> str:
    """Hashes of recordings as a recipe holds them.

    Parameters
    ----------
    hashes : iterable of int
        From `ser_toolkit.training.store.recording_hash`; 0 stands for none and is left out.

    Returns
    -------
    str
        Sorted, each once, as big-endian 64-bit numbers in base64.
    """
    numbers = np.array(sorted(set(hashes) - {0}), dtype=">u8")
    return base64.b64encode(numbers.tobytes()).decode("ascii")


def decode_recordings(text: str) -> frozenset[int]:
    """What `encode_recordings` wrote.

    Parameters
    ----------
    text : str
        ``recipe.training.recordings``.

    Returns
    -------
    frozenset of int
        The hashes.

    Raises
    ------
    RecipeError
        If it is no base64 of 64-bit numbers.
    """
    try:
        return frozenset(np.frombuffer(base64.b64decode(text, validate=True), dtype=">u8").tolist())
    except (binascii.Error, ValueError) as error:
        raise RecipeError(f"the recipe's hashes of training recordings are damaged: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Speakers and recordings of the training and development parts of a model.

    Parameters
    ----------
    salt : str
        Of the hashes of speakers.
    speakers : frozenset of str
        Their hashes; empty if the training data named no speakers.
    recordings : frozenset of int
        Hashes of the decoded samples; empty if the recipe holds none.
    """

    salt: str
    speakers: frozenset[str]
    recordings: frozenset[int]

    @classmethod
    def of(cls, training: Training) -> Seen:
        """What a recipe's training entry says.

        Raises
        ------
        RecipeError
            If its hashes are damaged.
        """
        return cls(
            salt=training.manifest_sha256,
            speakers=frozenset(training.speakers),
            recordings=decode_recordings(training.recordings),
        )

    def has_speaker(self, utterance: Utterance) -> bool:
        """Whether the model knows the speaker of an utterance.

        Parameters
        ----------
        utterance : Utterance
            Of any manifest.

        Returns
        -------
        bool
            True if a speaker of this name was trained on. False without a name.

        Notes
        -----
        `read_manifest` puts the data set before names that several data sets use: ``03`` is ``emodb/03`` in company.
        Two of one name are numbered in the order given: ``emodb-2/03``. Names are compared in all these forms, so that
        it does not matter with which others a data set was read.
        """
        return any(hash_speaker(name, salt=self.salt) in self.speakers for name in _names(utterance))

    def has_recording(self, recording: int) -> bool:
        """Whether the model was trained on exactly these samples, by their hash."""
        return recording in self.recordings


def _names(utterance: Utterance) -> Iterable[str]:
    speaker = utterance.speaker
    if speaker is None:
        return ()
    base = re.sub(r"-\d+$", "", utterance.corpus)  # data-2 is the second corpus called data, and may be the first there
    alone = re.sub(rf"^{re.escape(base)}(-\d+)?/", "", speaker) if base else speaker
    numbered = (f"{base}-{n}/{alone}" for n in range(2, _NUMBERED + 1))
    return dict.fromkeys((speaker, alone, f"{utterance.corpus}/{alone}", f"{base}/{alone}", *numbered))

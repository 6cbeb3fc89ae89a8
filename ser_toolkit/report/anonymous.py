"""Results that can be shared: names of files are hashed, names of people and places left out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from ser_toolkit.data.files import AUDIO_SUFFIXES
from ser_toolkit.errors import ConfigError

if TYPE_CHECKING:
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.evaluation.results import Evaluation
    from ser_toolkit.report.results import FileResult

__all__ = ["Anonymous"]

_MAX_KEY = 64
_NAMING = ("speaker", "corpus")


class Anonymous:
    """Hides the names of files.

    Parameters
    ----------
    key : bytes
        Secret, 16 to 64 bytes. The same key gives the same names, so that a run that goes on is consistent, and runs
        can be compared on purpose; whoever has it can test guesses of names. A new one, from
        ``secrets.token_bytes(32)``, for every run that is shared.

    Raises
    ------
    ConfigError
        If the key is too short or too long.

    Notes
    -----
    What remains visible: the order and number of files, their suffixes, durations and notes, when and where speech is
    in them, all that the model says, labels with gender and language, and versions, machine and times of the run. A
    recording that somebody holds can be recognised by its duration, and the order is that of the names.
    """

    def __init__(self, key: bytes) -> None:
        if not 16 <= len(key) <= _MAX_KEY:
            raise ConfigError(f"a key of {len(key)} bytes does not hide names; give 16 to {_MAX_KEY} random bytes")
        self._key = key

    def __call__(self, result: FileResult) -> FileResult:
        """The same result without its name, and without its detail, in which names may stand.

        Parameters
        ----------
        result : FileResult
            Any; its windows are not touched.

        Returns
        -------
        FileResult
            `file` is a hash of 16 hexadecimal digits, and the suffix if it is one of audio files.
        """
        return replace(result, file=self._hidden(result.file), detail="")

    def labelled(self, labelled: Labelled) -> Labelled:
        """The same labels and scores for results without names.

        Parameters
        ----------
        labelled : Labelled
            Of the results under their own names.

        Returns
        -------
        Labelled
            Its truths by the names that `__call__` gives. Speakers, corpora and manifests have no names any more.
        """
        from ser_toolkit.evaluation.folder_labels import UNREADABLE

        return replace(
            labelled,
            source="",
            truths={
                self._hidden(file): replace(truth, speaker=None, corpus=None) for file, truth in labelled.truths.items()
            },
            evaluation=_unnamed(labelled.evaluation) if labelled.evaluation else None,
            cautions=tuple(UNREADABLE if c.startswith(UNREADABLE) else c for c in labelled.cautions),
        )

    def _hidden(self, file: str) -> str:
        digest = hashlib.blake2b(file.encode("utf-8", "surrogateescape"), digest_size=8, key=self._key).hexdigest()
        suffix = PurePath(file).suffix.lower()
        return digest + (suffix if suffix in AUDIO_SUFFIXES else "")


def _unnamed(evaluation: Evaluation) -> Evaluation:
    return replace(
        evaluation,
        groups=tuple(table for table in evaluation.groups if table.attribute not in _NAMING),
        sets=replace(evaluation.sets, per_speaker={}) if evaluation.sets else None,
    )

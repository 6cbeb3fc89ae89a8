"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import key_of, match_names
from ser_toolkit.data.utterance import Utterance

EMOTIONS = {
    "W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral",
}  # fmt: skip
"""Initials of the German words."""
MALE = frozenset({"03", "10", "11", "12", "15"})


@dataclass(frozen=True, kw_only=True)
class EmoDb:
    """Reads EmoDB: ``wav/03a01Wa.wav`` is speaker 03, sentence a01, anger (Wut), version a.

    References
    ----------
    Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss (2005), "A database of German emotional speech", Interspeech.
    """

    name: ClassVar[str] = "emodb"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "wav/03a01Wa.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "ten sentences are spoken by all speakers: a speaker-independent split still shares them",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, r"(\d\d)([ab]\d\d)([WLEAFTN])([a-z])", corpus="EmoDB", layout=self.layout)
        rows = [
            Utterance(
                file=path,
                key=key_of(path, found.root),
                emotion=EMOTIONS[match[3].upper()],
                speaker=f"emodb-{match[1]}",
                gender="male" if match[1] in MALE else "female",
                language="de",
                text_id=match[2].lower(),
                corpus=self.name,
            )
            for path, match in found.files
        ]
        return Reading(utterances=tuple(rows), notes=found.notes)

    def published(self) -> Published:
        """Counts of the release."""
        labels = {"anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62}
        return Published(source="Burkhardt et al. 2005", utterances=535, speakers=10, labels=labels)

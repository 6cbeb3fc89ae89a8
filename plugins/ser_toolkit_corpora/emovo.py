"""EMOVO, an Italian emotional speech database (Costantini et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import key_of, match_names
from ser_toolkit.data.utterance import Utterance

EMOTIONS = {
    "dis": "disgust", "gio": "happiness", "neu": "neutral", "pau": "fear",
    "rab": "anger", "sor": "surprise", "tri": "sadness",
}  # fmt: skip
"""Disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza."""


@dataclass(frozen=True, kw_only=True)
class Emovo:
    """Reads EMOVO: ``f1/dis-f1-b1.wav`` is disgust, female speaker 1, short (breve) sentence 1.

    References
    ----------
    Costantini, Iaderola, Paoloni, Todisco (2014), "EMOVO corpus: an Italian emotional speech database", LREC.
    """

    name: ClassVar[str] = "emovo"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "f1/dis-f1-b1.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "fourteen sentences are spoken by all speakers: a speaker-independent split still shares them",
        "some copies are stereo",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        pattern = rf"({'|'.join(EMOTIONS)})-([fm][123])-([bldn]\d)"
        found = match_names(root, pattern, corpus="EMOVO", layout=self.layout)
        rows = [
            Utterance(
                file=path,
                key=key_of(path, found.root),
                emotion=EMOTIONS[match[1].lower()],
                speaker=f"emovo-{match[2].lower()}",
                gender="female" if match[2][0].lower() == "f" else "male",
                language="it",
                text_id=match[3].lower(),
                corpus=self.name,
            )
            for path, match in found.files
        ]
        return Reading(utterances=tuple(rows), notes=found.notes)

    def published(self) -> Published:
        """Counts of the release: 6 speakers x 7 emotions x 14 sentences."""
        labels = dict.fromkeys(EMOTIONS.values(), 84)
        return Published(source="Costantini et al. 2014", utterances=588, speakers=6, labels=labels)

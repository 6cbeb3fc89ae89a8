"""nEMO, emotional speech in Polish (Christop 2024)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading, canonical
from ser_toolkit.data.corpus_files import find_text, key_of, listed, match_names, read_text
from ser_toolkit.data.utterance import Utterance

# from the release's data.tsv, for copies without it
FEMALE = frozenset({"EB0", "IC0", "KD0", "MK0"})
_PATTERN = r"([A-Z]{2}\d)_(anger|fear|happiness|neutral|sadness|surprised?)_(\d+)"


@dataclass(frozen=True, kw_only=True)
class Nemo:
    """Reads nEMO: ``samples/EB0_anger_10.wav`` is speaker EB0, anger, sentence 10.

    Where ``data.tsv`` is present, speaker, gender and emotion are taken from there.

    References
    ----------
    Christop (2024), "nEMO: Dataset of emotional speech in Polish", LREC-COLING.
    """

    name: ClassVar[str] = "nemo"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "samples/EB0_anger_10.wav, and data.tsv if it is there"
    traps: ClassVar[tuple[str, ...]] = (
        "the same ninety sentences are spoken by all speakers: a speaker-independent split still shares them",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, _PATTERN, corpus="nEMO", layout=self.layout)
        table = _table(found.root)
        rows = []
        for path, match in found.files:
            said = table.pop(path.stem, {})
            speaker = said.get("speaker_id") or match[1].upper()
            rows.append(
                Utterance(
                    file=path,
                    key=key_of(path, found.root),
                    emotion=canonical(said.get("emotion") or match[2]) or "other",
                    speaker=f"nemo-{speaker}",
                    gender=said.get("gender") or ("female" if speaker in FEMALE else "male"),
                    language="pl",
                    text_id=f"s{int(match[3]):02d}",
                    corpus=self.name,
                )
            )
        notes = (listed("recordings of data.tsv are not there", sorted(table)),) if table else ()
        return Reading(utterances=tuple(rows), notes=(*found.notes, *notes))

    def published(self) -> Published:
        """Counts of the release."""
        labels = {"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669}
        return Published(source="Christop 2024", utterances=4481, speakers=9, labels=labels)


def _table(root: Path) -> dict[str, dict[str, str]]:
    """Name without suffix to the row of data.tsv."""
    path = find_text(root, "data.tsv")
    if path is None:
        return {}
    rows = csv.DictReader(io.StringIO(read_text(path, encodings=("utf-8-sig",))), delimiter="\t")
    return {Path(row.get("file_id") or "").stem: {k: v.strip() for k, v in row.items() if k and v} for row in rows}

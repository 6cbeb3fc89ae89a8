"""SAVEE, Surrey Audio-Visual Expressed Emotion (Haq & Jackson 2010)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import audio_files, key_of, listed, wrong_layout
from ser_toolkit.data.utterance import Utterance

EMOTIONS = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "sa": "sadness", "su": "surprise",
}  # fmt: skip
_PATTERN = re.compile(r"(?:.*/)?(DC|JE|JK|KL)[_/](sa|su|a|d|f|h|n)(\d\d)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Savee:
    """Reads SAVEE: ``DC/a01.wav``, or ``DC_a01.wav`` in one folder.

    References
    ----------
    Haq & Jackson (2010), "Multimodal emotion recognition", in: Machine Audition, IGI Global.
    """

    name: ClassVar[str] = "savee"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "AudioData/DC/a01.wav, or DC_a01.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "all four speakers are male: nothing can be said about female voices, and there are no pairs to leave out",
        "the speakers share sentences: a speaker-independent split still shares them",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = audio_files(root, corpus="SAVEE", layout=self.layout)
        rows: dict[tuple[str, str], Utterance] = {}
        strange, copies = [], []
        # the speaker may be the name of the root itself
        for path in sorted(found.files, key=lambda p: (len(p.parts), p.parts)):
            key = key_of(path, found.root)
            match = _PATTERN.fullmatch(f"{found.root.name}/{key}".removesuffix(path.suffix))
            if match is None:
                strange.append(key)
                continue
            speaker, sentence = match[1].upper(), f"{match[2]}{match[3]}".lower()
            if (speaker, sentence) in rows:
                copies.append(key)
                continue
            rows[speaker, sentence] = Utterance(
                file=path,
                key=key,
                emotion=EMOTIONS[match[2].lower()],
                speaker=f"savee-{speaker}",
                gender="male",
                language="en",
                text_id=sentence,
                corpus=self.name,
            )
        if not rows:
            raise wrong_layout(found.root, "SAVEE", self.layout)
        notes = list(found.notes)
        notes += [listed("audio files are further copies of a recording, and left out", copies)] if copies else []
        notes += [listed("audio files have other names, and are left out", strange)] if strange else []
        ordered = sorted(rows.values(), key=lambda u: u.file.parts)
        return Reading(utterances=tuple(ordered), notes=tuple(notes))

    def published(self) -> Published:
        """Counts of the release."""
        labels = dict.fromkeys(EMOTIONS.values(), 60) | {"neutral": 120}
        return Published(source="Haq & Jackson 2010", utterances=480, speakers=4, labels=labels)

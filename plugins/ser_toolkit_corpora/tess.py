"""TESS, the Toronto Emotional Speech Set (Pichora-Fuller & Dupuis 2020)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading, canonical
from ser_toolkit.data.corpus_files import key_of, listed, match_names
from ser_toolkit.data.utterance import Utterance

_EMOTION = r"angry|anger|disgust|fear|happy|neutral|ps|pleasant_?surprised?|surprised?|sad"
_NAME = rf"(OAF|YAF|OA|YA)_(.+)_({_EMOTION})"
_FOLDER = re.compile(rf"(OAF|YAF)_({_EMOTION})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Tess:
    """Reads TESS: ``OAF_Fear/OAF_back_fear.wav``, or all files in one folder.

    Where the folder names speaker and emotion it is believed, not the file.

    References
    ----------
    Pichora-Fuller & Dupuis (2020), "Toronto emotional speech set (TESS)", Borealis.
    """

    name: ClassVar[str] = "tess"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "OAF_Fear/OAF_back_fear.wav, or OAF_back_fear.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "there are two speakers only: train on one, test on the other; anything else tests on the training speaker",
        "the release names one file OA_bite_neutral; its folder OAF_neutral is right",
        "both speakers say the same 200 words in one carrier phrase",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, _NAME, corpus="TESS", layout=self.layout)
        rows, corrected = [], []
        for path, match in found.files:
            named = (match[1].upper()[:2] + "F", _emotion(match[3]))
            folder = _FOLDER.fullmatch(path.parent.name)
            speaker, emotion = (folder[1].upper(), _emotion(folder[2])) if folder else named
            if (speaker, emotion) != named or len(match[1]) == 2:
                corrected.append(key_of(path, found.root))
            rows.append(
                Utterance(
                    file=path,
                    key=key_of(path, found.root),
                    emotion=emotion,
                    speaker=f"tess-{speaker}",
                    gender="female",
                    language="en",
                    text_id=match[2].lower(),
                    corpus=self.name,
                )
            )
        notes = (listed("files are misnamed, and taken as their folder says", corrected),) if corrected else ()
        return Reading(utterances=tuple(rows), notes=(*found.notes, *notes))

    def published(self) -> Published:
        """Counts of the release."""
        names = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
        source = "Pichora-Fuller & Dupuis 2020"
        return Published(source=source, utterances=2800, speakers=2, labels=dict.fromkeys(names, 400))


def _emotion(word: str) -> str:
    plain = word.lower()
    return "surprise" if plain == "ps" or "surprise" in plain else canonical(plain) or plain

"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import key_of, listed, match_names
from ser_toolkit.data.files import display_path
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happiness", "04": "sadness",
    "05": "anger", "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
MODALITIES = {"01": "video", "02": "video only", "03": "audio"}
CHANNELS = {"01": "speech", "02": "song"}
_PATTERN = r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)"
# recordings per emotion; actor 18 did not sing
_SPEECH = {"neutral": 96} | dict.fromkeys(("calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"), 192)
_SONG = {"neutral": 92} | dict.fromkeys(("calm", "happiness", "sadness", "anger", "fear"), 184)


@dataclass(frozen=True, kw_only=True)
class Ravdess:
    """Reads RAVDESS: modality-channel-emotion-intensity-statement-repetition-actor.

    Parameters
    ----------
    channel : {"speech", "song", "both"}
        Spoken or sung sentences.
    modality : {"audio", "video"}
        The recordings without picture (03), or the sound of those with picture (01), which hold the same takes.

    References
    ----------
    Livingstone & Russo (2018), "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 13(5).
    """

    name: ClassVar[str] = "ravdess"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "Actor_12/03-01-06-01-02-01-12.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "two sentences are spoken by all speakers: a speaker-independent split still shares them",
        "actor 07's 03-01-03-01-02-01-07 and 03-01-03-01-02-02-07 are the same recording under two names",
    )

    channel: Literal["speech", "song", "both"] = "speech"
    modality: Literal["audio", "video"] = "audio"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, _PATTERN, corpus="RAVDESS", layout=self.layout)
        rows = []
        others: dict[str, list[str]] = {}
        for path, match in found.files:
            modality, channel = MODALITIES[match[1]], CHANNELS[match[2]]
            if modality != self.modality:
                others.setdefault(f"files are left out: their modality is {modality}", []).append(path.name)
                continue
            if self.channel not in (channel, "both"):
                others.setdefault(f"files are left out: their channel is {channel}", []).append(path.name)
                continue
            rows.append(
                Utterance(
                    file=path,
                    key=key_of(path, found.root),
                    emotion=EMOTIONS[match[3]],
                    speaker=f"ravdess-{match[7]}",
                    gender="male" if int(match[7]) % 2 else "female",
                    language="en",
                    text_id=f"statement{match[5]}",
                    corpus=self.name,
                )
            )
        notes = tuple(listed(what, names) for what, names in sorted(others.items()))
        if not rows:
            raise ManifestError(
                f"{display_path(root)} holds RAVDESS, but nothing of channel {self.channel!r} and modality "
                f"{self.modality!r}: {'; '.join(notes)}"
            )
        return Reading(utterances=tuple(rows), notes=(*found.notes, *notes))

    def published(self) -> Published:
        """Counts of the release."""
        parts = {"speech": (_SPEECH,), "song": (_SONG,), "both": (_SPEECH, _SONG)}[self.channel]
        labels = {label: sum(part.get(label, 0) for part in parts) for label in _SPEECH}
        labels = {label: n for label, n in labels.items() if n}
        return Published(
            source="Livingstone & Russo 2018",
            utterances=sum(labels.values()),
            speakers=23 if self.channel == "song" else 24,
            labels=labels,
        )

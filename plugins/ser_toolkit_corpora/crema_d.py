"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al. 2014)."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import find_text, key_of, listed, match_names, read_text
from ser_toolkit.data.utterance import Utterance

EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness",
}  # fmt: skip
BAD_CLIPS = {
    "1076_MTI_SAD_XX": "sadness",  # no audio, says the release
    "1076_MTI_NEU_XX": "neutral",  # all but empty
    "1064_TIE_SAD_XX": "sadness",  # no duration
    "1064_IEO_DIS_MD": "disgust",  # a minute with all emotions
}
"""Clips that are broken in the release, and how they are labelled."""
# from the release's VideoDemographics.csv, for copies without it
FEMALE = frozenset({
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025,
    1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060,
    1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091,
})  # fmt: skip
# one name of the release ends in a single X: 1040_ITH_SAD_X
_PATTERN = r"(10\d\d)_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)"


@dataclass(frozen=True, kw_only=True)
class CremaD:
    """Reads CREMA-D: ``1001_DFA_ANG_XX`` is actor 1001, sentence DFA, anger, intensity unspecified.

    Parameters
    ----------
    bad_clips : {"drop", "keep"}
        What to do with the four clips that are known to be broken.

    References
    ----------
    Cao, Cooper, Keutmann, Gur, Nenkova, Verma (2014), "CREMA-D: Crowd-sourced emotional multimodal actors dataset",
    IEEE Transactions on Affective Computing 5(4).
    """

    name: ClassVar[str] = "crema-d"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "AudioWAV/1001_DFA_ANG_XX.wav, and VideoDemographics.csv if it is there"
    traps: ClassVar[tuple[str, ...]] = (
        "four clips are broken: 1076_MTI_SAD_XX, 1076_MTI_NEU_XX, 1064_TIE_SAD_XX, 1064_IEO_DIS_MD",
        "twelve sentences are spoken by all actors: a speaker-independent split still shares them",
        "labels are what the actor meant; listeners hear it in 41 % of the clips from sound alone",
    )

    bad_clips: Literal["drop", "keep"] = "drop"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, _PATTERN, corpus="CREMA-D", layout=self.layout)
        genders = _genders(found.root)
        rows, dropped = [], []
        for path, match in found.files:
            if path.stem.upper() in BAD_CLIPS and self.bad_clips == "drop":
                dropped.append(path.stem)
                continue
            actor = match[1]
            rows.append(
                Utterance(
                    file=path,
                    key=key_of(path, found.root),
                    emotion=EMOTIONS[match[3].upper()],
                    speaker=f"crema-d-{actor}",
                    gender=genders.get(actor) or ("female" if int(actor) in FEMALE else "male"),
                    language="en",
                    text_id=match[2].upper(),
                    corpus=self.name,
                )
            )
        notes = (listed("clips are known to be broken, and left out", dropped),) if dropped else ()
        return Reading(utterances=tuple(rows), notes=(*found.notes, *notes))

    def published(self) -> Published:
        """Counts of the release, less the broken clips if they are dropped."""
        labels = dict.fromkeys(EMOTIONS.values(), 1271) | {"neutral": 1087}
        if self.bad_clips == "drop":
            for label in BAD_CLIPS.values():
                labels[label] -= 1
        return Published(source="Cao et al. 2014", utterances=sum(labels.values()), speakers=91, labels=labels)


def _genders(root: Path) -> dict[str, str]:
    path = find_text(root, "VideoDemographics.csv")
    if path is None:
        return {}
    table = csv.DictReader(io.StringIO(read_text(path, encodings=("utf-8-sig",))))
    return {(row.get("ActorID") or "").strip(): (row.get("Sex") or "").strip().lower() for row in table}

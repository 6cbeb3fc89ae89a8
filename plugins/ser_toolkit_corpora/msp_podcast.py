"""MSP-Podcast, natural speech from podcasts (Lotfian & Busso 2019)."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import audio_files, find_text, key_of, listed, read_text, wrong_layout
from ser_toolkit.data.utterance import Utterance
from ser_toolkit_corpora.msp_votes import read_votes

EMOTIONS = {
    "A": "anger", "H": "happiness", "S": "sadness", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt",
    "N": "neutral", "O": "other", "X": "no_agreement",
}  # fmt: skip
SPLITS = {"train": "train", "development": "dev", "validation": "dev"}
_CONSENSUS = ("labels_consensus.csv", "labels_concensus.csv")
_NAME = re.compile(r"MSP-PODCAST_([^\W_]+)_\w+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class MspPodcast:
    """Reads MSP-Podcast: ``Audios/MSP-PODCAST_0001_0008.wav`` and ``Labels/labels_consensus.csv``.

    Older releases spell ``labels_concensus``; where the table has no speakers or partitions, ``Speaker_ids.txt`` and
    ``Partitions.txt`` are asked. Votes come from ``labels_detailed.csv`` or ``.json``.

    Parameters
    ----------
    labels : {"all", "8class"}
        All ten labels, or without "other" and "no agreement".
    test : {"test1", "test2", "both"}
        Which test set becomes the split ``test``; the other is left out. The labels of Test3 are secret.
    unknown_speakers : {"by-podcast", "drop"}
        Turns whose speaker is not known: one speaker per podcast, or left out.

    References
    ----------
    Lotfian & Busso (2019), "Building naturalistic emotionally balanced speech corpus by retrieving emotional speech
    from existing podcast recordings", IEEE Transactions on Affective Computing 10(4).
    """

    name: ClassVar[str] = "msp-podcast"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "Audios/MSP-PODCAST_0001_0008.wav and Labels/labels_consensus.csv"
    traps: ClassVar[tuple[str, ...]] = (
        "the test sets share speakers with each other",
        "turns without a known speaker may hold people who are known elsewhere",
        "releases differ in size and in labels: scores of two releases cannot be compared",
    )

    labels: Literal["all", "8class"] = "all"
    test: Literal["test1", "test2", "both"] = "test1"
    unknown_speakers: Literal["by-podcast", "drop"] = "by-podcast"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = audio_files(root, corpus="MSP-Podcast", layout=self.layout)
        table = find_text(found.root, *_CONSENSUS)
        if table is None:
            raise wrong_layout(found.root, "MSP-Podcast", self.layout)
        files = {path.stem: path for path in reversed(found.files) if _NAME.fullmatch(path.stem)}
        partitions = _pairs(found.root, "Partitions.txt", "Partition.txt")
        speakers = _pairs(found.root, "Speaker_ids.txt", "Speaker_id.txt")
        votes, left_out, rows = read_votes(found.root), Counter[str](), []
        missing, unlabelled = [], set(files)
        wanted = {"test1", "test2"} if self.test == "both" else {self.test}
        for row in csv.DictReader(io.StringIO(read_text(table, encodings=("utf-8-sig",)))):
            cells = {k.strip(): (v or "").strip() for k, v in row.items() if k and not isinstance(v, list)}
            stem = Path(cells.get("FileName", "")).stem
            unlabelled.discard(stem)
            emotion = EMOTIONS.get(cells.get("EmoClass", "")[:1].upper())
            partition = (cells.get("Split_Set") or partitions.get(stem, "")).lower().replace(" ", "")
            speaker = self._speaker(stem, cells.get("SpkrID") or speakers.get(stem, ""))
            if emotion is None:
                left_out[f"turns of {partition or 'no partition'} have no label, and are left out"] += 1
            elif partition.startswith("test") and partition not in wanted:
                left_out[f"turns of {partition} are left out: test is {self.test!r}"] += 1
            elif self.labels == "8class" and emotion in ("other", "no_agreement"):
                left_out[f"turns labelled {emotion} are left out: labels are '8class'"] += 1
            elif speaker is None:
                left_out["turns of unknown speakers are left out"] += 1
            elif stem not in files:
                missing.append(stem)
            else:
                rows.append(
                    Utterance(
                        file=files[stem],
                        key=key_of(files[stem], found.root),
                        emotion=emotion,
                        speaker=speaker,
                        gender={"m": "male", "f": "female"}.get(cells.get("Gender", "")[:1].lower()),
                        language="en",
                        split=SPLITS.get(partition, "test" if partition in wanted else None),
                        votes=votes.get(stem, {}),
                        arousal=_number(cells.get("EmoAct")),
                        valence=_number(cells.get("EmoVal")),
                        dominance=_number(cells.get("EmoDom")),
                        corpus=self.name,
                    )
                )
        notes = [*found.notes, *(f"{n} {what}" for what, n in sorted(left_out.items()))]
        notes += [listed("turns have labels but no audio", missing)] if missing else []
        hidden = sorted(unlabelled)
        notes += [listed("turns have audio but no label (Test3's are secret)", hidden)] if hidden else []
        rows.sort(key=lambda u: u.key)
        return Reading(utterances=tuple(rows), notes=tuple(notes))

    def _speaker(self, stem: str, name: str) -> str | None:
        if name and name.lower() not in ("unknown", "-1", "na", "nan"):
            return f"msp-podcast-{name}"
        match = _NAME.fullmatch(stem)
        if self.unknown_speakers == "drop" or match is None:
            return None
        return f"msp-podcast-unknown-{match[1]}"

    def published(self) -> Published | None:
        """``None``: the counts belong to a release, which the folder does not name."""
        return None


def _pairs(root: Path, *names: str) -> dict[str, str]:
    """Turn to value, from lines that hold the file and the value in either order, separated by a semicolon."""
    path = find_text(root, *names)
    pairs = {}
    for line in read_text(path).splitlines() if path else ():
        cells = [cell.strip() for cell in line.split(";")]
        if len(cells) == 2:
            file, value = sorted(cells, key=lambda cell: _NAME.match(cell) is None)
            pairs[Path(file).stem] = value
    return pairs


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

"""MELD, the Multimodal EmotionLines Dataset (Poria et al. 2019)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading, canonical, words_id
from ser_toolkit.data.corpus_files import audio_files, find_text, key_of, listed, read_text, wrong_layout
from ser_toolkit.data.utterance import Utterance

SPLITS = ("train", "dev", "test")
FEMALE, MALE = frozenset({"Monica", "Phoebe", "Rachel"}), frozenset({"Chandler", "Joey", "Ross"})
"""The main parts; of the others the tables do not tell."""
BROKEN = {("train", 125, 3): "dia125_utt3 of train is known to be broken, and left out"}
_ORDER = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")
_TABLE = {
    "train": (4710, 1743, 683, 1109, 1205, 268, 271),
    "dev": (470, 163, 111, 153, 150, 40, 22),
    "test": (1256, 402, 208, 345, 281, 50, 68),
}
_COUNTS = {split: dict(zip(_ORDER, counts, strict=True)) for split, counts in _TABLE.items()}
_CLIP = re.compile(r"dia(\d+)_utt(\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Meld:
    """Reads MELD: clips such as ``train_splits/dia0_utt0.mp4``, and ``train_sent_emo.csv`` with their labels.

    References
    ----------
    Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea (2019), "MELD: A multimodal multi-party dataset for emotion
    recognition in conversations", ACL.
    """

    name: ClassVar[str] = "meld"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = (
        "train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv, and clips in train_splits, dev_splits_complete, "
        "output_repeated_splits_test: dia0_utt0.mp4 or another audio format"
    )
    traps: ClassVar[tuple[str, ...]] = (
        "the official split is not speaker-independent: the six main parts speak in train, dev and test",
        "clips hold laughter, music and other voices; 'All' and 'Both' are several speakers at once",
        "files called final_videos_test... are extras of the test archive, and are ignored",
    )

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = audio_files(root, corpus="MELD", layout=self.layout)
        clips, notes = _clips(found.files, found.root), list(found.notes)
        rows: list[Utterance] = []
        for split in SPLITS:
            table = find_text(found.root, f"{split}_sent_emo.csv")
            if table is None:
                notes.append(f"there is no {split}_sent_emo.csv: its utterances are not labelled, and left out")
                continue
            missing = []
            for row, dialogue, number in _rows(table):
                path = clips.get((split, dialogue, number))
                if (split, dialogue, number) in BROKEN:
                    notes.append(BROKEN[split, dialogue, number])
                elif path is None:
                    missing.append(f"dia{dialogue}_utt{number}")
                else:
                    rows.append(_utterance(row, path, found.root, split, dialogue))
            if missing:
                notes.append(listed(f"clips of {split} are not there", missing))
        if not rows:
            raise wrong_layout(found.root, "MELD", self.layout)
        return Reading(utterances=tuple(rows), notes=tuple(notes))

    def published(self) -> Published:
        """Counts of the tables; two clips of them cannot be used (train dia125_utt3, dev dia110_utt7)."""
        labels = {label: sum(counts[label] for counts in _COUNTS.values()) for label in _ORDER}
        return Published(
            source="Poria et al. 2019, the tables", utterances=13_708, labels=labels, group="split", groups=_COUNTS
        )


def _clips(files: tuple[Path, ...], root: Path) -> dict[tuple[str, int, int], Path]:
    """Clips by split, dialogue and utterance; a folder on the way names the split."""
    clips: dict[tuple[str, int, int], Path] = {}
    for path in sorted(files, key=lambda p: (len(p.parts), p.parts)):
        match = _CLIP.fullmatch(path.stem)
        folders = [root.name, *path.relative_to(root).parts[:-1]]
        split = next((s for part in reversed(folders) for s in SPLITS if s in re.split(r"[\W_]+", part.lower())), None)
        if match and split:
            clips.setdefault((split, int(match[1]), int(match[2])), path)
    return clips


def _rows(table: Path) -> Iterator[tuple[dict[str, str], int, int]]:
    text = read_text(table, encodings=("utf-8-sig", "cp1252"))
    for row in csv.DictReader(io.StringIO(text)):
        cells = {(k or "").strip(): (v or "").strip() for k, v in row.items() if not isinstance(v, list)}
        dialogue, number = cells.get("Dialogue_ID", ""), cells.get("Utterance_ID", "")
        if dialogue.isdecimal() and number.isdecimal():
            yield cells, int(dialogue), int(number)


def _utterance(row: dict[str, str], path: Path, root: Path, split: str, dialogue: int) -> Utterance:
    speaker = row.get("Speaker") or f"unknown-{split}-dia{dialogue}"
    start_s, end_s = _seconds(row.get("StartTime", "")), _seconds(row.get("EndTime", ""))
    lasts = start_s is not None and end_s is not None and end_s > start_s
    episode = (row.get("Season", ""), row.get("Episode", ""))
    return Utterance(
        file=path,
        key=key_of(path, root),
        emotion=canonical(row.get("Emotion", "")) or "other",
        speaker=f"meld-{speaker}",
        gender="female" if speaker in FEMALE else "male" if speaker in MALE else None,
        language="en",
        split=split,
        session=f"meld-s{int(episode[0]):02d}e{int(episode[1]):02d}" if all(e.isdecimal() for e in episode) else None,
        text_id=words_id(row.get("Utterance", "")),
        duration_s=round(end_s - start_s, 3) if lasts and end_s is not None and start_s is not None else None,
        corpus="meld",
    )


def _seconds(text: str) -> float | None:
    """``"00:16:16,059"`` as seconds."""
    match = re.fullmatch(r"(\d+):(\d+):(\d+)[,.](\d+)", text)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    return 3600 * hours + 60 * minutes + seconds + float(f"0.{match[4]}")

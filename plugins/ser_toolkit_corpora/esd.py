"""ESD, the Emotional Speech Dataset in Mandarin and English (Zhou et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ser_toolkit.data.corpora import Published, Reading, canonical
from ser_toolkit.data.corpus_files import find_text, key_of, listed, match_names, read_text
from ser_toolkit.data.utterance import Utterance

FEMALE = frozenset({"0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019"})
SPLITS = {"train": "train", "evaluation": "dev", "test": "test"}
CHINESE = {
    "中立": "neutral", "中性": "neutral", "生气": "anger", "愤怒": "anger", "快乐": "happiness", "开心": "happiness",
    "高兴": "happiness", "伤心": "sadness", "悲伤": "sadness", "难过": "sadness",
    "惊喜": "surprise", "惊讶": "surprise", "吃惊": "surprise",
}  # fmt: skip
"""Names of emotions in the text files of some copies."""
_ENCODINGS = ("utf-8", "gb18030", "latin-1")  # and UTF-16, which shows by itself
_N_SENTENCES = 350


@dataclass(frozen=True, kw_only=True)
class Esd:
    """Reads ESD: ``0001/Angry/0001_000351.wav``, in older copies ``0001/Angry/train/0001_000351.wav``.

    The folder names the emotion; where it does not, the speaker's text file ``0001/0001.txt`` is asked.

    Parameters
    ----------
    language : {"all", "zh", "en"}
        Speakers 0001 to 0010 speak Mandarin, 0011 to 0020 English.

    References
    ----------
    Zhou, Sisman, Liu, Li (2021), "Seen and unseen emotional style transfer for voice conversion with a new emotional
    speech dataset", ICASSP.
    """

    name: ClassVar[str] = "esd"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "0001/Angry/0001_000351.wav, or 0001/Angry/train/0001_000351.wav"
    traps: ClassVar[tuple[str, ...]] = (
        "the train, evaluation and test folders of older copies hold the same speakers: no speaker-independent split",
        "all speakers of a language say the same 350 sentences: a speaker-independent split still shares them",
        "the text files are in four encodings, some with Chinese names of emotions",
    )

    language: Literal["all", "zh", "en"] = "all"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = match_names(root, r"(00(?:0[1-9]|1\d|20))_(\d{6})", corpus="ESD", layout=self.layout)
        texts: dict[str, dict[str, str]] = {}
        rows, unlabelled, disagreeing = [], [], []
        for path, match in found.files:
            speaker, number = match[1], int(match[2])
            language = "zh" if int(speaker) <= 10 else "en"
            if self.language not in ("all", language):
                continue
            if speaker not in texts:
                texts[speaker] = _labels(found.root, speaker)
            key = key_of(path, found.root)
            folders = [part.lower() for part in Path(key).parts[:-1]]
            by_folder = next((e for part in reversed(folders) if (e := canonical(part))), None)
            by_text = texts[speaker].get(path.stem)
            emotion = by_folder or by_text
            if emotion is None:
                unlabelled.append(key)
                continue
            if by_folder and by_text and by_folder != by_text:
                disagreeing.append(key)
            rows.append(
                Utterance(
                    file=path,
                    key=key,
                    emotion=emotion,
                    speaker=f"esd-{speaker}",
                    gender="female" if speaker in FEMALE else "male",
                    language=language,
                    split=next((SPLITS[part] for part in reversed(folders) if part in SPLITS), None),
                    text_id=f"{language}-{(number - 1) % _N_SENTENCES + 1:03d}",
                    corpus=self.name,
                )
            )
        notes = list(found.notes)
        if unlabelled:
            notes.append(listed("recordings have no emotion in folder or text file, and are left out", unlabelled))
        if disagreeing:
            notes.append(listed("recordings have another emotion in the text file; the folder is taken", disagreeing))
        return Reading(utterances=tuple(rows), notes=tuple(notes))

    def published(self) -> Published:
        """Counts of the release: 350 sentences x 5 emotions x 10 speakers of each language."""
        names = ("anger", "happiness", "neutral", "sadness", "surprise")
        languages = ("en", "zh") if self.language == "all" else (self.language,)
        groups = {language: dict.fromkeys(names, 3500) for language in languages}
        return Published(
            source="Zhou et al. 2021",
            utterances=17_500 * len(languages),
            speakers=10 * len(languages),
            labels=dict.fromkeys(names, 3500 * len(languages)),
            group="language",
            groups=groups,
        )


def _labels(root: Path, speaker: str) -> dict[str, str]:
    """Name of a recording to its emotion in the speaker's text file: name, text, emotion, separated by tabs."""
    path = find_text(root, f"{speaker}.txt")
    if path is None:
        return {}
    labels = {}
    for line in read_text(path, encodings=_ENCODINGS).splitlines():
        cells = [cell.strip() for cell in line.split("\t")]
        emotion = CHINESE.get(cells[-1]) or canonical(cells[-1])
        if len(cells) > 1 and emotion:
            labels[cells[0]] = emotion
    return labels

"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database (Busso et al. 2008)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import audio_files, key_of, listed, wrong_layout
from ser_toolkit.data.utterance import Utterance
from ser_toolkit_corpora.iemocap_files import NAME, Turn, read_evaluation, read_transcripts
from ser_toolkit_corpora.iemocap_labels import CONVENTIONS, Convention, Name, published


@dataclass(frozen=True, kw_only=True)
class Iemocap:
    """Reads IEMOCAP: turns of ``Session1/sentences/wav`` with the consensus and votes of ``EmoEvaluation``.

    Parameters
    ----------
    labels : str
        ``all``: eleven labels, 10,039 turns. ``paper``: improvised, anger, happiness, sadness, neutral (2,280).
        ``impro_merge``: the same with excitement as happiness (2,943). ``standard5531`` and ``no_merge4490``: the
        same two with scripted turns. ``5class``: excitement apart (5,531). ``6class``: with frustration (7,380).
        ``soft``: all turns with votes for the four emotions; the label is the one with the most votes, ties are left
        out, and turns without consensus stay. Votes come with every convention.

    References
    ----------
    Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee, Narayanan (2008), "IEMOCAP: Interactive emotional dyadic
    motion capture database", Language Resources and Evaluation 42(4).
    """

    name: ClassVar[str] = "iemocap"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = (
        "Session1 to Session5, each with dialog/EmoEvaluation/Ses01F_impro01.txt and "
        "sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    )
    traps: ClassVar[tuple[str, ...]] = (
        "who speaks is the letter before the final number; the letter after the session says who wore the markers, "
        "and is another person in half of the turns",
        "five dialogues have a name that ends in a or b; a pattern of digits only loses 149 turns of four emotions",
        "scripted dialogues repeat the same words in all sessions",
        "the corpus is licensed: its labels and times must not be passed on, so keep this manifest to yourself",
    )

    labels: Name = "all"

    def utterances(self, root: Path) -> tuple[Utterance, ...]:
        """All utterances; see `ser_toolkit.interfaces.Corpus`."""
        return self.read(root).utterances

    def read(self, root: Path) -> Reading:
        """The utterances, and notes; see `ser_toolkit.interfaces.ReportingCorpus`."""
        found = audio_files(root, corpus="IEMOCAP", layout=self.layout)
        sessions = _sessions(found.root)
        evaluations = [p for s in sessions for p in sorted((s / "dialog" / "EmoEvaluation").glob("*.txt"))]
        evaluations = [p for p in evaluations if not p.name.startswith(".")]
        if not evaluations:
            raise wrong_layout(found.root, "IEMOCAP", self.layout)
        files = {path.stem: path for path in reversed(found.files) if NAME.fullmatch(path.stem)}
        convention = CONVENTIONS[self.labels]
        rows, missing, strange, ties = [], [], [], 0
        for evaluation in evaluations:
            words = read_transcripts(evaluation.parents[1] / "transcriptions" / evaluation.name)
            for turn in read_evaluation(evaluation):
                match = NAME.fullmatch(turn.name)
                if match is None:
                    strange.append(turn.name)
                    continue
                label = _label(turn, convention)
                if label is None or (convention.improvised_only and match[3] != "impro"):
                    ties += convention.by_votes and bool(_votes(turn.votes, convention.labels))
                    continue
                if turn.name not in files:
                    missing.append(turn.name)
                    continue
                valence, arousal, dominance = turn.ratings
                rows.append(
                    Utterance(
                        file=files[turn.name],
                        key=key_of(files[turn.name], found.root),
                        emotion=label,
                        speaker=f"iemocap-{match[1]}{match[8]}",
                        gender="female" if match[8] == "F" else "male",
                        session=f"iemocap-{match[1]}",
                        language="en",
                        text_id=words.get(turn.name),
                        duration_s=turn.duration_s,
                        votes=_votes(turn.votes, convention.labels),
                        valence=valence,
                        arousal=arousal,
                        dominance=dominance,
                        corpus=self.name,
                    )
                )
        notes = list(found.notes)
        notes += [listed("turns have labels but no recording", missing)] if missing else []
        notes += [listed("turns have names that are not IEMOCAP's, and are left out", strange)] if strange else []
        notes += [f"{ties} turns are left out: their votes are tied"] if ties else []
        return Reading(utterances=tuple(rows), notes=tuple(notes))

    def published(self) -> Published | None:
        """Counts per session and label of this convention."""
        return published(self.labels)


def _sessions(root: Path) -> list[Path]:
    """Folders of sessions, in `root` or in a folder in it."""
    here = [p for p in sorted(root.glob("Session[1-5]")) if p.is_dir()]
    return here or [p for p in sorted(root.glob("*/Session[1-5]")) if p.is_dir()]


def _label(turn: Turn, convention: Convention) -> str | None:
    if not convention.by_votes:
        return convention.labels.get(turn.label)
    ranked = Counter(_votes(turn.votes, convention.labels)).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] - ranked[1][1] < 1e-6):
        return None
    return ranked[0][0]


def _votes(votes: Mapping[str, float], labels: Mapping[str, str]) -> dict[str, float]:
    """Votes for the labels of a convention."""
    counted: dict[str, float] = {}
    for label, n in votes.items():
        if label in labels:
            counted[labels[label]] = counted.get(labels[label], 0.0) + n
    return {label: round(counted[label], 6) for label in sorted(counted)}

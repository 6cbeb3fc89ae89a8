"""A corpus as it was read, beside the counts that were published."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.files import display_path
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError
from ser_toolkit.interfaces import Corpus, CountedCorpus, ReportingCorpus

__all__ = ["CorpusReport", "Difference", "SpeakerCount", "compare", "read_corpus", "report_corpus"]


@dataclass(frozen=True, kw_only=True)
class SpeakerCount:
    """What one speaker says.

    Parameters
    ----------
    speaker : str
        Name, unique across corpora.
    gender : str or None
        If known.
    labels : mapping of str to int
        Utterances per emotion.
    """

    speaker: str
    gender: str | None
    labels: Mapping[str, int]

    @property
    def utterances(self) -> int:
        """Utterances in all."""
        return sum(self.labels.values())


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One count that is not the published one.

    Parameters
    ----------
    what : str
        What is counted: ``"anger in session iemocap-1"``.
    published, found : int
        The two counts.
    """

    what: str
    published: int
    found: int

    def __str__(self) -> str:
        return f"{self.what}: published {self.published}, found {self.found} ({self.found - self.published:+d})"


@dataclass(frozen=True, kw_only=True)
class CorpusReport:
    """Counts of a corpus.

    Parameters
    ----------
    corpus, root : str
        Name of the reader, and the folder, fit to print.
    utterances : int
        In all.
    labels : mapping of str to int
        Utterances per emotion, sorted by emotion.
    speakers : tuple of SpeakerCount
        Sorted by name.
    group : str
        What `groups` are: ``"session"``, ``"split"`` or ``"language"``.
    groups : mapping of str to (mapping of str to int)
        Utterances per emotion within each group; empty without groups.
    published : Published or None
        What the reader says about its options.
    differences : tuple of Difference
        Every count that differs; empty if all agree, or if nothing is published.
    notes : tuple of str
        What was left out, and why.
    traps : tuple of str
        What is known to go wrong with this corpus.
    """

    corpus: str
    root: str
    utterances: int
    labels: Mapping[str, int]
    speakers: tuple[SpeakerCount, ...]
    group: str
    groups: Mapping[str, Mapping[str, int]]
    published: Published | None
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    traps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)


def read_corpus(corpus: Corpus, root: str | Path) -> Reading:
    """Read a corpus with any reader.

    Parameters
    ----------
    corpus : Corpus
        The reader, configured.
    root : str or Path
        The folder.

    Returns
    -------
    Reading
        Its utterances, and notes if the reader makes some.

    Raises
    ------
    ManifestError
        If the folder does not hold the corpus, or if nothing is left of it under these options.
    """
    folder = Path(root)
    if isinstance(corpus, ReportingCorpus):
        reading = corpus.read(folder)
    else:
        reading = Reading(utterances=tuple(corpus.utterances(folder)))
    if not reading.utterances:
        why = f" ({'; '.join(reading.notes)})" if reading.notes else ""
        raise ManifestError(f"{display_path(folder)}: {corpus!r} finds no utterance there{why}")
    return reading


def report_corpus(corpus: Corpus, root: str | Path, reading: Reading) -> CorpusReport:
    """Count what was read, and compare it with what was published.

    Parameters
    ----------
    corpus : Corpus
        The reader, configured.
    root : str or Path
        The folder, for the report.
    reading : Reading
        From `read_corpus`.

    Returns
    -------
    CorpusReport
        Counts and differences.
    """
    published = corpus.published() if isinstance(corpus, CountedCorpus) else None
    group = published.group if published else "session"
    utterances = reading.utterances
    return CorpusReport(
        corpus=corpus.name,
        root=display_path(root),
        utterances=len(utterances),
        labels=_labels(utterances),
        speakers=tuple(_speakers(utterances)),
        group=group,
        groups=_groups(utterances, group),
        published=published,
        differences=tuple(compare(utterances, published)) if published else (),
        notes=reading.notes,
        traps=tuple(getattr(corpus, "traps", ())),
    )


def compare(utterances: tuple[Utterance, ...], published: Published) -> Iterator[Difference]:
    """Every published count that these utterances do not have.

    Parameters
    ----------
    utterances : tuple of Utterance
        What was read.
    published : Published
        What should be there.

    Yields
    ------
    Difference
        In all, speakers, per emotion, then per emotion in each group.
    """
    totals = [("utterances", published.utterances, len(utterances))]
    totals.append(("speakers", published.speakers, len({u.speaker for u in utterances})))
    for what, wanted, there in totals:
        if wanted is not None and wanted != there:
            yield Difference(what=what, published=wanted, found=there)
    if published.labels:
        yield from _differences(published.labels, _labels(utterances), "")
    found_groups = _groups(utterances, published.group)
    if published.groups:
        known = {label for counts in published.groups.values() for label in counts}
        unknown = published.labels.keys() - known  # counted over the whole corpus only
        for name in sorted(published.groups.keys() | found_groups.keys()):
            where = f" in {published.group} {name}"
            found = {label: n for label, n in found_groups.get(name, {}).items() if label not in unknown}
            yield from _differences(published.groups.get(name, {}), found, where)


def _differences(published: Mapping[str, int], found: Mapping[str, int], where: str) -> Iterator[Difference]:
    for label in sorted(published.keys() | found.keys()):
        wanted, there = published.get(label, 0), found.get(label, 0)
        if wanted != there:
            yield Difference(what=f"{label}{where}", published=wanted, found=there)


def _labels(utterances: tuple[Utterance, ...]) -> dict[str, int]:
    return dict(sorted(Counter(u.emotion for u in utterances).items()))


def _groups(utterances: tuple[Utterance, ...], group: str) -> dict[str, dict[str, int]]:
    names = sorted({name for u in utterances if (name := getattr(u, group))})
    return {name: _labels(tuple(u for u in utterances if getattr(u, group) == name)) for name in names}


def _speakers(utterances: tuple[Utterance, ...]) -> Iterator[SpeakerCount]:
    counts: dict[str, Counter[str]] = {}
    genders: dict[str, str] = {}
    for u in utterances:
        speaker = u.speaker or "unknown"
        counts.setdefault(speaker, Counter())[u.emotion] += 1
        if u.gender:
            genders[speaker] = u.gender
    for speaker in sorted(counts):
        labels = dict(sorted(counts[speaker].items()))
        yield SpeakerCount(speaker=speaker, gender=genders.get(speaker), labels=labels)

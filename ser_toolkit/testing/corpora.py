"""Contract of corpus readers: what manifests and splits may rely on."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.errors import ManifestError
from ser_toolkit.interfaces import CountedCorpus, ReportingCorpus
from ser_toolkit.testing.checks import CheckResult, assert_passed, check, check_component, require

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.interfaces import Corpus

__all__ = ["assert_corpus", "check_corpus"]

Checked = Callable[[], str | None]


def check_corpus(corpus: Corpus, root: str | Path | None = None) -> list[CheckResult]:
    """Check that a corpus reader keeps its contract.

    Parameters
    ----------
    corpus : Corpus
        The reader, configured.
    root : str or Path, optional
        A folder with the corpus, or with a few files in its layout; without it only what needs no data is checked.

    Returns
    -------
    list of CheckResult
        Component: frozen dataclass, JSON round trip, picklable, hashable. Reader: a folder that is empty, holds
        something else, or is missing, gives a ManifestError that names it, and the layout if the class has one;
        `published` gives counts that add up. With `root`: utterances; the same ones in the same order each time; files
        absolute and there; keys below the folder; no recording twice; labels, speakers and genders; one gender per
        speaker; votes and times; what `read` and `utterances` give is the same.
    """
    checks = _Checks(corpus)
    results = [
        *check_component(corpus),
        check("hashable", lambda: require(hash(corpus) == hash(corpus), "its hash changes")),
    ]
    results += [check(name, function) for name, function in checks.without_data().items()]
    if root is None:
        return results
    results.append(read := check("utterances", lambda: checks.load(Path(root))))
    if read.passed:
        results += [check(name, function) for name, function in checks.with_data().items()]
    return results


def assert_corpus(corpus: Corpus, root: str | Path | None = None) -> None:
    """Raise an error that lists what `check_corpus` finds broken.

    Parameters
    ----------
    corpus : Corpus
        The reader, configured.
    root : str or Path, optional
        As for `check_corpus`.

    Raises
    ------
    AssertionError
        If a check fails.
    """
    assert_passed(corpus, check_corpus(corpus, root))


class _Checks:
    """The checks on one reader."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.layout: str = getattr(corpus, "layout", "")

    def without_data(self) -> dict[str, Checked]:
        found: dict[str, Checked] = {
            "refuses an empty folder": self.empty,
            "refuses another folder": self.another,
            "refuses a missing folder": self.missing,
        }
        return found | ({"published counts": self.published} if isinstance(self.corpus, CountedCorpus) else {})

    def with_data(self) -> dict[str, Checked]:
        found: dict[str, Checked] = {
            "deterministic": self.deterministic,
            "files": self.files,
            "keys": self.keys,
            "each recording once": self.once,
            "labels": self.labels,
            "speakers": self.speakers,
            "genders": self.genders,
            "votes and times": self.numbers,
        }
        return found | ({"read": self.read} if isinstance(self.corpus, ReportingCorpus) else {})

    def refuses(self, root: Path) -> None:
        try:
            n = len(list(self.corpus.utterances(root)))
        except ManifestError as error:
            require(root.name in str(error), f"the error does not name the folder: {error}")
            require(self.layout in str(error), f"the error does not name the layout {self.layout!r}: {error}")
            return
        raise AssertionError(f"no ManifestError, but {n} utterances: say what was expected there")

    def empty(self) -> None:
        with tempfile.TemporaryDirectory(prefix="empty-") as folder:
            self.refuses(Path(folder))

    def another(self) -> None:
        with tempfile.TemporaryDirectory(prefix="another-") as folder:
            Path(folder, "notes").mkdir()
            Path(folder, "notes", "shopping list !.wav").write_bytes(b"RIFF")
            self.refuses(Path(folder))

    def missing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.refuses(Path(folder, "not-there"))

    def published(self) -> str:
        counts = self.corpus.published() if isinstance(self.corpus, CountedCorpus) else None
        if counts is None:
            return "none"
        require(isinstance(counts, Published), f"published returned {type(counts).__name__}, no Published")
        total = sum(counts.labels.values())
        if counts.labels and counts.utterances is not None:
            require(total == counts.utterances, f"labels add up to {total}, not to {counts.utterances}")
        per_group = Counter(dict.fromkeys(counts.labels, 0))
        for group in counts.groups.values():
            per_group.update(group)
        for label, n in per_group.items():
            if label in counts.labels and n:
                require(n == counts.labels[label], f"{label} adds up to {n} over groups, not to {counts.labels[label]}")
        return f"{counts.utterances} utterances, {counts.source}"

    def load(self, root: Path) -> str:
        self.root = root
        self.utterances: list[Utterance] = list(self.corpus.utterances(root))
        require(self.utterances, "there are none")
        return f"{len(self.utterances)} of {len({u.speaker for u in self.utterances})} speakers"

    def deterministic(self) -> None:
        require(list(self.corpus.utterances(self.root)) == self.utterances, "reading again gave other utterances")

    def files(self) -> None:
        for u in self.utterances:
            require(Path(u.file).is_absolute(), f"{u.file} is not absolute")
            require(Path(u.file).is_file(), f"{u.file} is not there")

    def keys(self) -> None:
        for u in self.utterances:
            require("\\" not in u.key, f"{u.key!r} has a backslash: write '/'")
            same = (self.root / u.key).is_file() and (self.root / u.key).samefile(u.file)
            require(same, f"{u.key!r} below the folder is not {u.file}")

    def once(self) -> None:
        counts = Counter((u.file, u.start_s, u.end_s) for u in self.utterances)
        twice = [str(file) for (file, *_), n in counts.items() if n > 1]
        require(not twice, f"{len(twice)} recordings occur more than once, such as {twice[:1]}")

    def labels(self) -> str:
        for u in self.utterances:
            require(u.emotion and u.emotion == u.emotion.strip(), f"{u.key}: the label is {u.emotion!r}")
        return ", ".join(sorted({u.emotion for u in self.utterances}))

    def speakers(self) -> None:
        for u in self.utterances:
            require(u.speaker, f"{u.key} has no speaker")
            require("-" in str(u.speaker).strip("-"), f"{u.speaker!r} is not <corpus>-<speaker>: corpora would mix")

    def genders(self) -> None:
        found: dict[str | None, set[str | None]] = {}
        for u in self.utterances:
            require(u.gender != "", f"{u.key}: the gender is empty: give None")
            found.setdefault(u.speaker, set()).add(u.gender)
        for speaker, genders in found.items():
            require(len(genders) == 1, f"{speaker} has several genders: {', '.join(sorted(map(str, genders)))}")

    def numbers(self) -> None:
        for u in self.utterances:
            require(all(v >= 0 for v in u.votes.values()), f"{u.key}: negative votes: {dict(u.votes)}")
            start, end = u.start_s or 0.0, u.end_s
            require(start >= 0 and (end is None or end > start), f"{u.key}: {start} to {end} s has no length")

    def read(self) -> str:
        reading = self.corpus.read(self.root) if isinstance(self.corpus, ReportingCorpus) else None
        require(isinstance(reading, Reading), f"read returned {type(reading).__name__}, no Reading")
        same = reading is not None and list(reading.utterances) == self.utterances
        require(same, "read and utterances give different utterances")
        return f"{len(reading.notes) if reading else 0} notes"

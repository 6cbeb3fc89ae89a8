"""The contract of readers: a stranger's of fifteen lines keeps it, and each way to break it is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ser_toolkit.data.corpora import Published, Reading
from ser_toolkit.data.corpus_files import key_of, match_names
from ser_toolkit.data.corpus_report import read_corpus, report_corpus
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError
from ser_toolkit.interfaces import Corpus, CountedCorpus, ReportingCorpus
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.testing import assert_corpus, check_corpus


@dataclass(frozen=True, kw_only=True)
class Small:
    name: ClassVar[str] = "small"
    version: ClassVar[int] = 1

    def utterances(self, root: Path) -> Iterable[Utterance]:
        found = match_names(root, r"([a-z]+)_([a-z]+)", corpus="Small", layout="anna_anger.wav")
        for path, match in found.files:
            yield self.made(
                Utterance(file=path, key=key_of(path, found.root), emotion=match[2], speaker=f"small-{match[1]}")
            )

    def made(self, u: Utterance) -> Utterance:
        return u


@pytest.fixture
def root(lay, tmp_path):
    return lay(tmp_path / "small", "anna_anger.wav", "anna_fear.wav", "bert_anger.flac")


def broken(results):
    return {r.name: r.detail for r in results if not r.passed}


def test_a_small_reader_keeps_the_contract_and_gets_a_report(root):
    assert isinstance(Small(), Corpus)
    assert not isinstance(Small(), CountedCorpus)
    assert not isinstance(Small(), ReportingCorpus)
    assert_corpus(Small(), root)
    assert_corpus(Small())
    report = report_corpus(Small(), root, read_corpus(Small(), root))
    assert report.labels == {"anger": 2, "fear": 1}
    assert (report.published, report.differences, report.groups, report.traps) == (None, (), {}, ())
    assert [(s.speaker, s.gender, s.utterances) for s in report.speakers] == [
        ("small-anna", None, 2),
        ("small-bert", None, 1),
    ]


def with_change(change):
    return dataclass(frozen=True, kw_only=True)(type("Broken", (Small,), {"made": change, "__annotations__": {}}))()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("files", lambda self, u: dataclasses.replace(u, file=Path(u.key))),
        ("files", lambda self, u: dataclasses.replace(u, file=u.file.with_name("gone.wav"))),
        ("keys", lambda self, u: dataclasses.replace(u, key="x/" + u.key)),
        ("keys", lambda self, u: dataclasses.replace(u, key="x\\" + u.key)),
        ("each recording once", lambda self, u: dataclasses.replace(u, file=u.file.with_name("anna_fear.wav"))),
        ("labels", lambda self, u: dataclasses.replace(u, emotion=" ")),
        ("speakers", lambda self, u: dataclasses.replace(u, speaker=None)),
        ("speakers", lambda self, u: dataclasses.replace(u, speaker="anna")),
        ("genders", lambda self, u: dataclasses.replace(u, gender="")),
        ("genders", lambda self, u: dataclasses.replace(u, gender="female" if u.emotion == "fear" else "male")),
        ("votes and times", lambda self, u: dataclasses.replace(u, votes={"anger": -1.0})),
        ("votes and times", lambda self, u: dataclasses.replace(u, start_s=2.0, end_s=1.0)),
    ],
)
def test_what_utterances_break_is_found(root, name, change):
    assert name in broken(check_corpus(with_change(change), root))


def test_order_that_changes_is_found(root):
    class Reader(type(with_change(Small.made))):
        times = []

        def utterances(self, root):
            self.times.append(1)
            rows = list(Small().utterances(root))
            return rows if len(self.times) % 2 else rows[::-1]

    assert "deterministic" in broken(check_corpus(Reader(), root))


def test_folders_that_are_not_refused_are_found(root):
    class Reader(type(with_change(Small.made))):
        layout: ClassVar[str] = "anna_anger.wav"

        def utterances(self, root):
            if root.name.startswith("another"):
                raise ManifestError("no")
            if root.name.startswith("not-there"):
                raise ManifestError(f"{root.name}: nothing")
            return []

    found = broken(check_corpus(Reader(), root))
    assert "no ManifestError, but 0 utterances" in found["refuses an empty folder"]
    assert "does not name the folder" in found["refuses another folder"]
    assert "does not name the layout" in found["refuses a missing folder"]
    assert found["utterances"] == "there are none"


def test_counts_that_do_not_add_up_and_other_readings_are_found(root):
    class Reader(type(with_change(Small.made))):
        published_: ClassVar = None

        def published(self):
            return self.published_

        def read(self, root):
            return Reading(utterances=())

    assert "different utterances" in broken(check_corpus(Reader(), root))["read"]
    for counts, said in (
        ({"anger": 1}, "no Published"),
        (Published(source="x", utterances=3, labels={"anger": 1}), "labels add up to 1, not to 3"),
        (Published(source="x", labels={"anger": 1}, groups={"a": {"anger": 2}}), "anger adds up to 2 over groups"),
    ):
        Reader.published_ = counts
        assert said in broken(check_corpus(Reader()))["published counts"]
    with pytest.raises(ManifestError, match="finds no utterance there"):
        read_corpus(Reader(), root)
    with pytest.raises(AssertionError, match="breaks 3 of"):
        assert_corpus(Reader(), root)


def test_the_readers_that_come_along_are_found_by_name():
    found = default_registry().components("corpus")
    assert [c.name for c in found if c.cls.__module__.startswith("ser_toolkit_corpora")] == [
        *("audformat", "crema-d", "emodb", "emovo", "esd", "iemocap", "meld", "msp-podcast", "nemo"),
        *("ravdess", "savee", "tess"),
    ]
    made = default_registry().create("corpus", "iemocap", {"labels": "standard5531"})
    assert made.published().utterances == 5531
    for component in found:
        assert_corpus(component.cls())

"""IEMOCAP: a tree in the exact layout of the release, with every trap in it."""

from __future__ import annotations

import pytest

from ser_toolkit.data.corpus_report import read_corpus, report_corpus
from ser_toolkit.errors import ManifestError
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import Iemocap
from ser_toolkit_corpora.iemocap_files import NAME
from ser_toolkit_corpora.iemocap_labels import CONVENTIONS, published

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"

TURNS = {
    # what a woman says where a man wears the markers, and the other way round
    "Ses01F_impro01_F000": ("neu", ["C-E2:\tNeutral;", "C-E3:\tNeutral;", "C-E4:\tAnger; Frustration;\t(at the clerk"]),
    "Ses01F_impro01_M001": ("exc", ["C-E2:\tExcited;", "C-E3:\tHappiness;", "C-E4:\tExcited; ", "C-F1:\tSadness;"]),
    "Ses01F_script01_1_M002": ("ang", ["C-E1:\tAnger;", "C-M1:\tNeutral state;"]),
    "Ses03M_impro05a_F000": ("sad", ["C-E1:\tSadness;"]),
    "Ses03M_impro05b_M007": ("hap", ["C-E1:\tHappiness;", "C-E2:\tSurprise;"]),
    "Ses03M_impro08b_F011": ("fru", ["C-E1:\tFrustration;"]),
    "Ses05M_script01_1b_F003": ("xxx", ["C-E1:\tAnger;", "C-E2:\tNeutral;", "C-E3:\tOther;\t(disdain; shouting"]),
    "Ses05M_script01_1b_M004": ("xxx", ["C-E1:\tSadness;", "C-E2:\tSadness;", "C-E3:\tFear;"]),
}  # fmt: skip


def dialogue(name: str) -> str:
    return name.rpartition("_")[0]


@pytest.fixture
def tree(lay, tmp_path):
    root = tmp_path / "IEMOCAP_full_release"
    for name, (label, raters) in TURNS.items():
        session = root / f"Session{name[4]}"
        lay(session / "sentences" / "wav" / dialogue(name), f"{name}.wav", f"._{name}.wav")
        lay(session / "dialog" / "wav", f"{dialogue(name)}.wav")
        folder = session / "dialog" / "EmoEvaluation"
        for part in ("", "Categorical", "Attribute", "Self-evaluation"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "Categorical" / f"{dialogue(name)}_e2_cat.txt").write_text(f"{name} :Neutral state; ()\n")
        (folder / f"._{dialogue(name)}.txt").write_bytes(b"\x00\x05\x16\x07Mac OS X")
        with (folder / f"{dialogue(name)}.txt").open("ab") as file:
            if file.tell() == 0:
                file.write(HEADER.encode())
            attributes = "A-E3:\tval 3; act 2; dom  ;\t()\nA-E4:\tval 2; act 3; dom  2;\t()\n"  # a dominance is missing
            said = "".join(f"{line})\n" if "(" in line else f"{line}\t()\n" for line in raters)
            block = f"[6.2901 - 8.2357]\t{name}\t{label}\t[2.5000, 3.0000, 1.5000]\n{said}{attributes}\n"
            file.write(block.encode().replace(b"clerk", b"clerk\x92s caf\xe9"))  # not UTF-8
        transcripts = session / "dialog" / "transcriptions"
        transcripts.mkdir(exist_ok=True)
        with (transcripts / f"{dialogue(name)}.txt").open("a") as file:
            file.write(f"{name} [006.2901-008.2357]: Excuse me.\n{dialogue(name)}_FXX0 [001.0-002.0]: Hm.\n")
            file.write(f"{dialogue(name)}_MX1 [003.0-004.0]: Hm.\nM: Hm.\n")
    return root


def test_the_speaker_is_the_letter_before_the_number(tree):
    found = {u.file.stem: u for u in Iemocap().utterances(tree)}
    assert list(found) == sorted(TURNS)
    assert {name: u.speaker for name, u in found.items()} == {
        "Ses01F_impro01_F000": "iemocap-1F",
        "Ses01F_impro01_M001": "iemocap-1M",
        "Ses01F_script01_1_M002": "iemocap-1M",
        "Ses03M_impro05a_F000": "iemocap-3F",
        "Ses03M_impro05b_M007": "iemocap-3M",
        "Ses03M_impro08b_F011": "iemocap-3F",
        "Ses05M_script01_1b_F003": "iemocap-5F",
        "Ses05M_script01_1b_M004": "iemocap-5M",
    }
    for u in found.values():
        assert u.gender == {"F": "female", "M": "male"}[u.speaker[-1]]
        assert u.session == u.speaker[:-1]
    by_prefix = {name: name[5] for name in TURNS}
    assert sum(found[name].speaker[-1] != letter for name, letter in by_prefix.items()) == 5


def test_labels_times_ratings_and_words(tree):
    found = {u.file.stem: u for u in Iemocap().utterances(tree)}
    assert [u.emotion for u in found.values()] == [
        *("neutral", "excitement", "anger", "sadness", "happiness", "frustration", "no_agreement", "no_agreement")
    ]
    u = found["Ses01F_impro01_F000"]
    assert u.key == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    assert (u.duration_s, u.start_s, u.end_s) == (1.9456, None, None)  # the file is cut to the turn
    assert (u.valence, u.arousal, u.dominance) == (2.5, 3.0, 1.5)
    assert u.text_id.startswith("words-")
    assert len({u.text_id for u in found.values()}) == 1  # all say the same
    assert_corpus(Iemocap(), tree)


def test_votes_are_those_of_raters_one_each_and_never_of_the_actors(tree):
    found = {u.file.stem: dict(u.votes) for u in Iemocap().utterances(tree)}
    assert found["Ses01F_impro01_F000"] == {"anger": 0.5, "frustration": 0.5, "neutral": 2.0}
    assert found["Ses01F_impro01_M001"] == {"excitement": 2.0, "happiness": 1.0}
    assert found["Ses01F_script01_1_M002"] == {"anger": 1.0}
    assert found["Ses05M_script01_1b_F003"] == {"anger": 1.0, "neutral": 1.0, "other": 1.0}
    merged = {u.file.stem: dict(u.votes) for u in Iemocap(labels="standard5531").utterances(tree)}
    assert merged["Ses01F_impro01_M001"] == {"happiness": 3.0}
    assert merged["Ses01F_impro01_F000"] == {"anger": 0.5, "neutral": 2.0}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("paper", {"neutral": 1, "sadness": 1, "happiness": 1}),
        ("impro_merge", {"neutral": 1, "sadness": 1, "happiness": 2}),
        ("standard5531", {"neutral": 1, "sadness": 1, "happiness": 2, "anger": 1}),
        ("no_merge4490", {"neutral": 1, "sadness": 1, "happiness": 1, "anger": 1}),
        ("5class", {"neutral": 1, "sadness": 1, "happiness": 1, "anger": 1, "excitement": 1}),
        ("6class", {"neutral": 1, "sadness": 1, "happiness": 1, "anger": 1, "excitement": 1, "frustration": 1}),
        ("soft", {"neutral": 1, "sadness": 2, "happiness": 2, "anger": 1}),
    ],
)
def test_conventions(tree, labels, expected):
    corpus = Iemocap(labels=labels)
    reading = read_corpus(corpus, tree)
    assert report_corpus(corpus, tree, reading).labels == dict(sorted(expected.items()))
    ties = [note for note in reading.notes if "tied" in note]
    assert ties == (["1 turns are left out: their votes are tied"] if labels == "soft" else [])
    assert_corpus(corpus, tree)


def test_the_folder_above_will_do(tree):
    keys = [u.key for u in Iemocap().utterances(tree.parent)]
    assert keys[0] == "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"


def test_missing_recordings_and_strange_names_are_noted(tree):
    next(tree.rglob("sentences/wav/*/Ses01F_impro01_M001.wav")).unlink()
    with (tree / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt").open("a") as file:
        file.write("[1.0000 - 2.0000]\tSes01F_impro01_XX01\tneu\t[2.5, , 2.5]\n")
    notes = Iemocap().read(tree).notes
    assert "1 turns have labels but no recording: Ses01F_impro01_M001" in notes
    assert "1 turns have names that are not IEMOCAP's, and are left out: Ses01F_impro01_XX01" in notes


def test_another_format_and_no_transcripts(lay, tree):
    wav = next(tree.rglob("sentences/wav/*/Ses01F_impro01_F000.wav"))
    wav.rename(wav.with_suffix(".flac"))
    (tree / "Session1/dialog/transcriptions/Ses01F_impro01.txt").unlink()
    first = Iemocap().utterances(tree)[0]
    assert (first.file.suffix, first.text_id) == (".flac", None)


def test_audio_without_evaluations_is_refused(lay, tmp_path):
    root = lay(tmp_path, "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav")
    with pytest.raises(ManifestError, match="expected Session1 to Session5, each with dialog/EmoEvaluation"):
        Iemocap().read(root)


def test_names_of_the_suffixed_dialogues():
    for name in ("Ses03M_impro05a_F000", "Ses03M_impro08b_M011", "Ses05M_script01_1b_F003", "Ses02F_script03_2_M012"):
        assert NAME.fullmatch(name)
    for name in ("Ses01F_impro01_FXX0", "Ses01F_impro01_MX1", "Ses06F_impro01_F000"):
        assert not NAME.fullmatch(name)


def test_published_counts_per_session():
    totals = {"all": 10039, "paper": 2280, "impro_merge": 2943, "standard5531": 5531, "no_merge4490": 4490}
    totals |= {"5class": 5531, "6class": 7380}
    assert {name: published(name).utterances for name in CONVENTIONS if name != "soft"} == totals
    assert published("soft") is None
    sessions = {name: sum(counts.values()) for name, counts in published("standard5531").groups.items()}
    assert list(sessions.values()) == [1085, 1023, 1151, 1031, 1241]
    assert published("paper").groups["iemocap-2"] == {"anger": 22, "happiness": 54, "sadness": 100, "neutral": 217}
    assert published("6class").labels["frustration"] == 1849


def test_differences_are_named_per_session(tree):
    corpus = Iemocap(labels="paper")
    report = report_corpus(corpus, tree, read_corpus(corpus, tree))
    said = [str(d) for d in report.differences]
    assert said[0] == "utterances: published 2280, found 3 (-2277)"
    assert "speakers: published 10, found 3 (-7)" in said
    assert "neutral in session iemocap-1: published 223, found 1 (-222)" in said
    assert "anger in session iemocap-5: published 31, found 0 (-31)" in said
    # what is only counted over the whole corpus is not compared per session
    corpus = Iemocap()
    report = report_corpus(corpus, tree, read_corpus(corpus, tree))
    said = [d.what for d in report.differences]
    assert "frustration" in said
    assert not [what for what in said if what.startswith(("frustration in", "no_agreement in"))]

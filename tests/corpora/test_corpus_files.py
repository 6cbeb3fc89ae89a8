"""What readers share: finding files, decoding text, the vocabulary."""

from __future__ import annotations

import os

import pytest

from ser_toolkit.data.corpora import EMOTIONS, canonical, words_id
from ser_toolkit.data.corpus_files import audio_files, find_text, listed, match_names, read_text
from ser_toolkit.errors import ManifestError

ASKED = {"corpus": "Thing", "layout": "a_1.wav"}


def test_a_folder_that_cannot_be_the_corpus_is_refused_with_the_layout(lay, tmp_path):
    (tmp_path / "empty").mkdir()
    file = lay(tmp_path, "x.wav") / "x.wav"
    for root, said in (
        (tmp_path / "none", "none is not there: name the folder of Thing, a_1.wav"),
        (file, "x.wav is no folder: name the folder of Thing, a_1.wav"),
        (tmp_path / "empty", "empty does not look like Thing: expected a_1.wav"),
    ):
        with pytest.raises(ManifestError, match=said):
            audio_files(root, **ASKED)
    with pytest.raises(ManifestError, match=r"expected a_1\.wav \(the first of 1 audio files is 'x\.wav'\)"):
        match_names(tmp_path, r"a_\d", **ASKED)


def test_relative_roots_give_absolute_files(lay, tmp_path, monkeypatch):
    lay(tmp_path / "c", "a_1.wav")
    monkeypatch.chdir(tmp_path)
    found = audio_files("c", **ASKED)
    assert found.files == (tmp_path / "c" / "a_1.wav",)


def test_broken_links_are_left_out_with_a_note(lay, tmp_path):
    root = lay(tmp_path, "a_1.wav")
    (root / "a_2.wav").symlink_to(root / "gone.wav")
    found = match_names(root, r"a_(\d)", **ASKED)
    assert [path.name for path, _ in found.files] == ["a_1.wav"]
    assert found.notes == ("1 audio files are empty or broken links, and left out: a_2.wav",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_folders_that_cannot_be_read_are_noted(lay, tmp_path):
    root = lay(tmp_path, "a_1.wav", "locked/a_2.wav")
    (root / "locked").chmod(0)
    try:
        assert "1 folders cannot be read" in audio_files(root, **ASKED).notes[0]
    finally:
        (root / "locked").chmod(0o755)


def test_copies_by_what_a_name_means(lay, tmp_path):
    root = lay(tmp_path, "x/a_1.wav", "a_01.wav")
    found = match_names(root, r"a_(\d+)", **ASKED, identity=lambda match: str(int(match[1])))
    assert [path.name for path, _ in found.files] == ["a_01.wav"]
    assert found.notes == ("1 audio files are further copies of a recording, and left out: x/a_1.wav",)


def test_text_files_are_found_in_any_case_nearest_first(tmp_path):
    assert find_text(tmp_path, "labels.csv") is None
    for name in ("deep/er/labels.csv", "deep/LABELS.CSV", ".hidden/labels.csv", "other.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_text(tmp_path, "labels.csv", "other.csv") == tmp_path / "deep" / "LABELS.CSV"


def test_text_in_any_encoding(tmp_path):
    path = tmp_path / "t.txt"
    text = "0001\t愤怒\nline\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"):
        path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert read_text(path, encodings=("utf-8", "gb18030")) == text, encoding
    path.write_bytes(b"caf\xe9")
    assert read_text(path) == "caf\N{REPLACEMENT CHARACTER}"
    assert read_text(path, encodings=("utf-8", "latin-1")) == "café"
    with pytest.raises(ManifestError, match="t2.txt cannot be read"):
        read_text(tmp_path / "t2.txt")


def test_names_in_notes_are_fit_to_print():
    assert listed("files", ["a\nb", *"cdefg"]) == "6 files: a%0Ab, c, d, e, f, ..."


def test_vocabulary():
    said = ["Angry", "joy", "neutral state", "Pleasant_Surprise", "no agreement", "BOREDOM", "sehnsucht"]
    assert [canonical(word) for word in said] == [
        *("anger", "happiness", "neutral", "surprise", "no_agreement", "boredom", None)
    ]
    assert all(canonical(name) == name for name in EMOTIONS)


def test_the_same_words_have_the_same_id():
    assert words_id("Oh my God!") == words_id("oh,  MY god")
    assert words_id("Oh my God!") != words_id("Oh my dog!")
    assert words_id(" ... ") is None

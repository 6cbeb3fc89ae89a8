"""Written manifests read back equal."""

from __future__ import annotations

import csv
import dataclasses
import os

import pytest

from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.data.manifest_writer import manifest_text, write_manifest
from ser_toolkit.data.utterance import Utterance
from ser_toolkit.errors import ManifestError, OutputError


def utterance(root, key, **fields):
    return Utterance(file=root / key, key=key, **{"emotion": "anger", "speaker": "c-1", "corpus": root.name, **fields})


@pytest.fixture
def utterances(lay, tmp_path):
    root = lay(tmp_path / "corpus", "a.wav", "b/c d.flac", "e.wav")
    full = {
        "session": "c-s1", "split": "train", "gender": "female", "language": "de", "text_id": 'a, "01"',
        "duration_s": 1.2345678901234567, "arousal": 3.0, "valence": 1e-7, "dominance": 2.5,
        "votes": {"anger": 1 / 3, "no_agreement": 2.0},
    }  # fmt: skip
    return [
        utterance(root, "a.wav", **full),
        utterance(root, "b/c d.flac", emotion="no_agreement", speaker="c-2", votes={"fear": 1.0}),
        utterance(root, "e.wav", start_s=0.0, end_s=0.5),
        utterance(root, "e.wav", start_s=0.5, emotion="fear"),
    ]


def test_beside_the_recordings_everything_reads_back(utterances, tmp_path):
    path = tmp_path / "corpus" / "manifest.csv"
    write_manifest(path, utterances)
    assert list(read_manifest([path]).utterances) == utterances
    header = path.read_text().splitlines()[0]
    assert header.startswith("file,start,end,speaker,gender,emotion,corpus,session,split,language,text_id,duration_s")
    assert header.endswith("vote_anger,vote_fear,vote_no_agreement")


def test_elsewhere_the_paths_lead_back(utterances, tmp_path):
    path = tmp_path / "manifests" / "x.csv"
    path.parent.mkdir()
    write_manifest(path, utterances)
    found = read_manifest([path]).utterances
    assert [os.path.realpath(u.file) for u in found] == [os.path.realpath(u.file) for u in utterances]
    assert found[0].key == "../corpus/a.wav"
    same = [dataclasses.replace(u, file=v.file, key=v.key) for u, v in zip(found, utterances, strict=True)]
    assert same == utterances


def test_through_a_link_the_paths_lead_back_too(utterances, tmp_path):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "corpus" / "link").symlink_to(tmp_path / "far" / "deep")
    path = tmp_path / "corpus" / "link" / "m.csv"
    write_manifest(path, utterances)
    assert [u.file.resolve() for u in read_manifest([path]).utterances] == [u.file for u in utterances]


def test_columns_in_which_there_is_nothing_are_left_out(lay, tmp_path):
    root = lay(tmp_path, "a.wav")
    text = manifest_text([utterance(root, "a.wav", corpus="")], folder=root)
    assert text == "file,speaker,gender,emotion\na.wav,c-1,,anger\n"


@pytest.mark.parametrize(
    "name", [" a .wav ", "=1+1.wav", "-x.wav", "@x.wav", "a\nb.wav", "100%41.wav", "a,b;c.wav", "é\u2028.wav"]
)
def test_hostile_names_lead_back_to_their_files(lay, tmp_path, name):
    root = lay(tmp_path, name)
    write_manifest(tmp_path / "m.csv", [utterance(root, name)])
    (found,) = read_manifest([tmp_path / "m.csv"]).utterances
    assert os.path.samefile(found.file, root / name)
    assert (tmp_path / "m.csv").read_text().splitlines()[1][0] not in "=+-@"


@pytest.mark.parametrize("text", ["=1+1", "-2", "+x", "@sum", "'=1", "''-x", "'tis", "'", "a=1"])
def test_text_that_a_spreadsheet_would_run_is_guarded_and_reads_back(lay, tmp_path, text):
    root = lay(tmp_path, "a.wav")
    names = ("speaker", "emotion", "gender", "corpus", "session", "split", "language", "text_id")
    written = utterance(root, "a.wav", **dict.fromkeys(names, text), votes={text: 1.0}, arousal=-1.5)
    write_manifest(tmp_path / "m.csv", [written])
    assert list(read_manifest([tmp_path / "m.csv"]).utterances) == [written]
    with (tmp_path / "m.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert not [cell for cell in (*header, *row) if cell[:1] in "=+-@" and cell not in ("", "-1.5")]


def test_names_that_are_not_utf8(lay, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")
    root = lay(tmp_path, name)
    write_manifest(tmp_path / "m.csv", [utterance(root, name)])
    (found,) = read_manifest([tmp_path / "m.csv"]).utterances
    assert found.file == root / name


def test_what_a_manifest_cannot_hold_is_refused(lay, tmp_path):
    root = lay(tmp_path, "a.wav")
    for fields, said in (
        ({"speaker": None}, "a.wav has no speaker"),
        ({"emotion": " anger"}, "a.wav: emotion is ' anger', which a cell"),
        ({"text_id": "a\nb"}, "a.wav: text_id is"),
        ({"votes": {"a\nb": 1.0}}, "a label of votes"),
    ):
        with pytest.raises(ManifestError, match=said):
            manifest_text([utterance(root, "a.wav", **fields)], folder=root)
    with pytest.raises(ManifestError, match="there is no utterance"):
        manifest_text([], folder=root)
    with pytest.raises(OutputError, match=r"there is no folder .*nowhere: make it first"):
        write_manifest(root / "nowhere" / "m.csv", [utterance(root, "a.wav")])


def test_a_file_that_is_gone_is_written_all_the_same(tmp_path):
    text = manifest_text([utterance(tmp_path, "gone.wav")], folder=tmp_path)
    assert str(tmp_path / "gone.wav") in text

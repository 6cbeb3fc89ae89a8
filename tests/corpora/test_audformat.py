"""audformat databases, written by the audformat package."""

from __future__ import annotations

import shutil

import audformat
import pandas as pd
import pytest

from ser_toolkit.errors import ManifestError
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import Audformat

SPEAKERS = {"3": {"gender": "male", "age": 31}, "8": {"gender": "female", "age": 34}}
FILES = ["wav/a.wav", "wav/b.wav", "wav/c.wav", "wav/d.wav"]


def database(*, languages=("deu",)):
    db = audformat.Database("acted", languages=list(languages))
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "happy", "wonder"])
    db.schemes["speaker"] = audformat.Scheme(labels=SPEAKERS)
    db.schemes["transcription"] = audformat.Scheme(labels={"a01": "Der Lappen liegt.", "a02": "Heute."})
    db["files"] = audformat.Table(audformat.filewise_index(FILES))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(["3", "8", "8", None])
    db["files"]["transcription"] = audformat.Column(scheme_id="transcription")
    db["files"]["transcription"].set(["a01", "a01", "a02", "a02"])
    db["emotion"] = audformat.Table(audformat.filewise_index(FILES))
    db["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["emotion"]["emotion"].set(["anger", "happy", None, "wonder"])
    return db


def segmented(db):
    db.splits["dev"] = audformat.Split(type="dev")
    index = audformat.segmented_index(
        ["wav/a.wav", "wav/a.wav", "wav/b.wav"], ["0s", "0.5s", "0s"], ["0.5s", "1.25s", pd.NaT]
    )
    db["turns"] = audformat.Table(index, split_id="dev")
    db["turns"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["turns"]["emotion"].set(["wonder", "anger", "happy"])
    return db


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_filewise(lay, tmp_path, storage):
    root = lay(tmp_path, *FILES[:3], "wav/d.ogg")
    database().save(root, storage_format=storage)
    reading = Audformat().read(root)
    assert [(u.key, u.speaker, u.gender, u.emotion, u.text_id, u.language) for u in reading.utterances] == [
        ("wav/a.wav", "acted-3", "male", "anger", "a01", "de"),
        ("wav/b.wav", "acted-8", "female", "happiness", "a01", "de"),
    ]
    assert reading.notes == ("1 rows have no emotion, and are left out", "1 rows have no speaker, and are left out")
    assert_corpus(Audformat(), root)


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_missing_text_numbers_and_genders(lay, tmp_path, storage):
    db = audformat.Database("acted")
    for name, dtype in (("emotion", "str"), ("transcription", "str"), ("sex", "str")):
        db.schemes[name] = audformat.Scheme(dtype)
    db["people"] = audformat.MiscTable(pd.Index([3, 8], name="speaker", dtype="Int64"))
    db["people"]["sex"] = audformat.Column(scheme_id="sex")
    db["people"]["sex"].set([pd.NA, "female"])
    db.schemes["speaker"] = audformat.Scheme("int", labels="people")
    db["files"] = audformat.Table(audformat.filewise_index(FILES))
    for name, values in (
        ("emotion", ["anger", "happy", "anger", pd.NA]),
        ("speaker", [3, 8, pd.NA, 8]),
        ("transcription", ["ja", pd.NA, "so", "so"]),
    ):
        db["files"][name] = audformat.Column(scheme_id=name)
        db["files"][name].set(values)
    root = lay(tmp_path, *FILES)
    db.save(root, storage_format=storage)
    reading = Audformat(gender="sex").read(root)
    assert [(u.key, u.speaker, u.gender, u.text_id) for u in reading.utterances] == [
        ("wav/a.wav", "acted-3", None, "ja"),
        ("wav/b.wav", "acted-8", "female", None),
    ]
    assert reading.notes == ("1 rows have no emotion, and are left out", "1 rows have no speaker, and are left out")


def test_segments_with_speakers_of_another_table(lay, tmp_path):
    root = lay(tmp_path, *(name.replace(".wav", ".flac") for name in FILES))  # converted since
    segmented(database(languages=("deu", "eng"))).save(root)
    reading = Audformat(table="turns").read(root)
    assert [(u.key, u.start_s, u.end_s, u.speaker, u.gender, u.emotion, u.split) for u in reading.utterances] == [
        ("wav/a.flac", 0.0, 0.5, "acted-3", "male", "wonder", "dev"),
        ("wav/a.flac", 0.5, 1.25, "acted-3", "male", "anger", "dev"),
        ("wav/b.flac", None, None, "acted-8", "female", "happiness", "dev"),
    ]
    assert {u.language for u in reading.utterances} == {None}
    assert_corpus(Audformat(table="turns"), root)
    # two tables have the column: the one called like it
    assert len(Audformat().utterances(root)) == 2


def test_speakers_described_by_a_misc_table(lay, tmp_path):
    db = database()
    db["people"] = audformat.MiscTable(pd.Index(["3", "8"], name="speaker", dtype="string"))
    db.schemes["sex"] = audformat.Scheme("str")
    db["people"]["sex"] = audformat.Column(scheme_id="sex")
    db["people"]["sex"].set(["male", "female"])
    db.schemes["who"] = audformat.Scheme("str", labels="people")
    db["files"]["who"] = audformat.Column(scheme_id="who")
    db["files"]["who"].set(["3", "8", "8", "3"])
    root = lay(tmp_path, *FILES)
    db.save(root)
    found = Audformat(speaker="who", gender="sex").utterances(root)
    assert [(u.speaker, u.gender) for u in found] == [
        ("acted-3", "male"),
        ("acted-8", "female"),
        ("acted-3", "male"),
    ]


def test_a_table_of_the_same_segments_has_the_speakers(lay, tmp_path):
    db = segmented(database())
    db["who"] = audformat.Table(db["turns"].index)
    db["who"]["voice"] = audformat.Column()
    db["who"]["voice"].set(["x", "y", "x"])
    root = lay(tmp_path, *FILES)
    db.save(root)
    found = Audformat(table="turns", speaker="voice", gender="sex", text="words").utterances(root)
    assert [(u.speaker, u.gender, u.text_id) for u in found] == [
        ("acted-x", None, None),
        ("acted-y", None, None),
        ("acted-x", None, None),
    ]


def test_missing_recordings_are_noted(lay, tmp_path):
    root = lay(tmp_path, "wav/a.wav")
    database().save(root)
    assert "1 recordings of the table are not there: wav/b.wav" in Audformat().read(root).notes


def test_what_is_not_there_is_named(lay, tmp_path):
    root = lay(tmp_path, *FILES)
    with pytest.raises(ManifestError, match=r"expected db\.yaml, tables such as"):
        Audformat().read(root)
    db = segmented(database())
    db.save(root)
    with pytest.raises(ManifestError, match="has no table 'turn' with a column 'emotion'. Did you mean 'turns'"):
        Audformat(table="turn").read(root)
    with pytest.raises(ManifestError, match=r"no table of acted has a column 'emotoin'.*--set emotion=.*'emotion'"):
        Audformat(emotion="emotoin").read(root)
    with pytest.raises(ManifestError, match=r"has a column 'nobody'.*--set speaker=.*Columns: emotion, speaker"):
        Audformat(speaker="nobody").read(root)
    db.drop_tables("emotion")
    db["again"] = db["turns"].copy()
    shutil.rmtree(root)
    db.save(lay(root, *FILES))
    with pytest.raises(ManifestError, match=r"2 tables of acted have a column 'emotion': name one.*again, turns"):
        Audformat().read(root)


def test_nothing_in_a_database_is_run(lay, tmp_path):
    root = lay(tmp_path, *FILES)
    database().save(root)
    # beside a table, a pickle is not even looked at, though audformat would prefer it
    evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    (root / "db.emotion.pkl").write_bytes(evil)
    assert len(Audformat().utterances(root)) == 2
    # alone, it is refused
    (root / "db.emotion.csv").unlink(missing_ok=True)
    (root / "db.emotion.parquet").unlink(missing_ok=True)
    with pytest.raises(ManifestError, match=r"db\.emotion\.pkl is a pickle, which could run code"):
        Audformat().read(root)
    (root / "db.emotion.pkl").unlink()
    header = (root / "db.yaml").read_text()
    (root / "db.yaml").write_text(f"{header}evil: !!python/object/apply:os.system ['touch {tmp_path / 'ran'}']\n")
    with pytest.raises(ManifestError, match="no audformat database that can be read: ConstructorError"):
        Audformat().read(root)
    assert not (tmp_path / "ran").exists()
    (root / "db.yaml").write_text("just: text\n")
    with pytest.raises(ManifestError, match="no audformat database that can be read"):
        Audformat().read(root)

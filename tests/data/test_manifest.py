"""Manifests: what is read, what is merged, and what each mistake says."""

from __future__ import annotations

import os
import pickle
import re
import sys
from pathlib import Path

import pytest

from ser_toolkit.data.manifest import Manifest, Utterance, read_manifest
from ser_toolkit.errors import ConfigError, ManifestError

GOOD = "file,speaker,emotion\na.wav,s1,anger\nb.wav,s2,neutral\nsub/c.wav,s2,anger\n"


@pytest.fixture
def data(tmp_path):
    """A data set with four (empty) audio files; returns a function that writes its manifest."""
    folder = tmp_path / "corp"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "sub/c.wav", "d.wav"):
        (folder / name).touch()

    def write(text: str | bytes, name: str = "manifest.csv") -> Path:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return folder / name

    return write


def refusal(*paths, **options) -> str:
    with pytest.raises(ManifestError) as caught:
        read_manifest(paths, **options)
    return str(caught.value)


# ---- CSV


def test_required_columns(data):
    path = data(GOOD)
    manifest = read_manifest([path])
    assert [u.key for u in manifest.utterances] == ["a.wav", "b.wav", "sub/c.wav"]
    first = manifest.utterances[0]
    assert first == Utterance(
        file=path.resolve().parent / "a.wav", key="a.wav", speaker="s1", emotion="anger", corpus="corp"
    )
    assert first.file.is_absolute()
    assert (first.start_s, first.votes, first.split) == (None, {}, None)
    assert manifest.labels() == {"anger": 2, "neutral": 1}
    assert manifest.sources == (str(path),)
    assert manifest.ignored_columns == ()
    assert pickle.loads(pickle.dumps(manifest)) == manifest
    assert len({hash(u) for u in manifest.utterances}) == 3


def test_every_optional_column_and_an_unknown_one(data):
    path = data(
        "emotion,mood,file,speaker,start,end,session,split,gender,language,text_id,duration_s,"
        "vote_anger,vote_No Agreement,arousal,valence,dominance,vote_\n"
        " Anger ,x,a.wav, s1 ,0.5,2,Ses01,train,f,de,t1,2.5,3,,1.5,-2e-1,4,9\n"
    )
    manifest = read_manifest([path])
    assert manifest.ignored_columns == ("mood", "vote_")
    assert manifest.utterances == (
        Utterance(
            file=path.resolve().parent / "a.wav",
            key="a.wav",
            emotion="Anger",
            speaker="s1",
            start_s=0.5,
            end_s=2.0,
            session="Ses01",
            split="train",
            gender="f",
            language="de",
            text_id="t1",
            duration_s=2.5,
            votes={"anger": 3.0},
            arousal=1.5,
            valence=-0.2,
            dominance=4.0,
            corpus="corp",
        ),
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_spreadsheet_habits(data, separator, newline):
    """Byte-order mark, separators, line ends, quotes and blank rows make no difference, not even to the digest."""
    plain = read_manifest([data(GOOD)])
    lines = [line.split(",") for line in GOOD.splitlines()]
    lines[1:1] = [["", "", ""]]
    text = newline.join(separator.join(f'"{cell}"' if cell == "a.wav" else cell for cell in line) for line in lines)
    other = read_manifest([data("\ufeff" + text + newline * 3)])
    assert other.utterances == plain.utterances
    assert other.sha256 == plain.sha256


def test_a_folder_stands_for_its_manifest(data):
    path = data(GOOD)
    assert read_manifest([path.parent]) == read_manifest([path]).__class__(
        utterances=read_manifest([path]).utterances,
        sha256=read_manifest([path]).sha256,
        sources=(str(path.parent),),
    )


def test_relative_to_the_manifest_not_to_the_working_directory(data, monkeypatch):
    path = data(GOOD)
    monkeypatch.chdir(path.parent / "sub")
    assert read_manifest([Path("../manifest.csv")]).utterances == read_manifest([path]).utterances
    assert read_manifest([Path("..")]).utterances[0].corpus == "corp"


def test_parts_of_one_file_and_absolute_names(data):
    path = data("file,speaker,emotion,start,end\na.wav,s,x,0,1\na.wav,s,y,1,2\na.wav,s,y,2,\na.wav,s,y,,\n")
    assert [(u.start_s, u.end_s) for u in read_manifest([path]).utterances] == [(0, 1), (1, 2), (2, None), (None, None)]
    other = path.parent / "b.wav"
    assert read_manifest([data(f"file,speaker,emotion\n{other},s,x\n")]).utterances[0].file == other


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes exist on Linux only")
def test_names_that_are_not_utf8_are_written_with_percent_signs(data):
    path = data("file,speaker,emotion\ncaf%E9.wav,s,x\n50%25.wav,s,x\n50%.wav,s,x\n")
    odd = path.resolve().parent / os.fsdecode(b"caf\xe9.wav")
    for file in (odd, path.parent / "50%25.wav", path.parent / "50%.wav"):
        file.touch()
    utterances = read_manifest([path]).utterances
    assert utterances[0].file == odd
    assert utterances[0].key == "caf%E9.wav"
    assert [u.file.name for u in utterances[1:]] == ["50%25.wav", "50%.wav"]


def test_hostile_cells_stay_on_one_line(data):
    message = refusal(data('file,speaker,emotion\n"a\n\x1b[31m.wav",s,x\n'))
    assert "\n" not in message
    assert "\x1b" not in message


# ---- mistakes in a CSV


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,speakr,emotion\na.wav,s,x\n", ["line 1", "'speaker'", "'speakr'", "Found: file, speakr, emotion"]),
        ("path,who\na.wav,s\n", ["line 1", "'file'", "Found: path, who"]),
        ("file,speaker,emotion\n", ["no rows"]),
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("file,speaker,emotion,file\na.wav,s,x,b\n", ["line 1", "'file'", "more than once"]),
        ("file,speaker,emotion\na.wav,s,x\nb.wav, ,x\n", ["line 3", "'speaker'", "empty"]),
        ("file,speaker,emotion\na.wav,s,\n", ["line 2", "'emotion'", "empty"]),
        ("file,speaker,emotion\n,s,x\n", ["line 2", "'file'", "empty"]),
        ("file,speaker,emotion\na.wav,s,x,y\n", ["line 2", "4 cells", "3 columns"]),
        ("file,speaker,emotion\na.wav,s\n", ["line 2", "2 cells"]),
        ("file,speaker,emotion,start\na.wav,s,x,soon\n", ["line 2", "'start'", "'soon'", "not a number"]),
        ("file,speaker,emotion,end\na.wav,s,x,nan\n", ["line 2", "'end'", "not a number"]),
        ("file;speaker;emotion;end\na.wav;s;x;1,5\n", ["line 2", "'end'", "'1,5'", "1.25"]),
        ("file,speaker,emotion,start,end\na.wav,s,x,2,2\n", ["line 2", "'start'", "'end'", "2 to 2 s"]),
        ("file,speaker,emotion,end\na.wav,s,x,0\n", ["line 2", "0 to 0 s"]),
        ("file,speaker,emotion,start\na.wav,s,x,-1\n", ["line 2", "'start'", "negative"]),
        ("file,speaker,emotion,duration_s\na.wav,s,x,-1\n", ["line 2", "'duration_s'", "negative"]),
        ("file,speaker,emotion,vote_x\na.wav,s,x,-1\n", ["line 2", "'vote_x'", "negative"]),
        ("file,speaker,emotion,valence\na.wav,s,x,high\n", ["line 2", "'valence'", "'high'"]),
        ('file,speaker,emotion\na.wav,s,x\n"b.wav,s,x\n', ["line 3", "unexpected end"]),
        ("file,speaker,emotion\na.wav,s,x\na.wav,s,x\n", ["line 2", "line 3", "'a.wav'", "remove one"]),
        ("file,speaker,emotion\na.wav,s,x\nsub/../a.wav,s,y\n", ["line 2", "line 3", "two labels, 'x' and 'y'"]),
        ("file,speaker,emotion\nsub,s,x\n", ["'file'", "1 of 1 files", "line 2 'sub'"]),
    ],
)
def test_each_mistake_names_file_line_and_column(data, text, said):
    message = refusal(data(text))
    for part in ("corp/manifest.csv", *said):
        assert part in message, message


def test_line_numbers_count_lines_of_quoted_cells(data):
    assert "line 5" in refusal(data('file,speaker,emotion,note\na.wav,s,x,"two\nlines"\n\nb.wav,s,,z\n'))


def test_missing_files_are_counted_and_five_are_named(data):
    rows = "".join(f"no{i}.wav,s,x\n" for i in range(8))
    message = refusal(data("file,speaker,emotion\na.wav,s,x\n" + rows))
    assert "8 of 9 files are not there" in message
    assert "line 3 'no0.wav'" in message
    assert "line 7 'no4.wav'" in message
    assert "no5" not in message
    assert str(data(GOOD).resolve().parent) in message


def test_not_utf8(data):
    assert "line 2: byte 0xe4 is not UTF-8" in refusal(
        data("file,speaker,emotion\na.wav,s,tr\xe4ge\n".encode("latin-1"))
    )
    assert "not UTF-8" in refusal(data(GOOD.encode("utf-16")))


def test_missing_manifests(data, tmp_path):
    assert "is not there" in refusal(tmp_path / "gone.csv")
    assert "gone" in refusal(data(GOOD), tmp_path / "gone")
    assert "cannot be read" in refusal("x" * 300)
    assert "no manifest is given" in refusal()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.csv")
        assert "pipe.csv" in refusal(tmp_path / "pipe.csv")


def test_a_sound_file_is_no_manifest(data):
    sound = data(b"RIFF\xff\xff\0\0WAVE", "a.wav")
    assert "not UTF-8" in refusal(sound)


# ---- audio folder


def test_audiofolder(data):
    path = data("file_name,label,speaker_id,extra\na.wav,anger,7,1\nsub/c.wav,neutral,8,2\n", "metadata.csv")
    manifest = read_manifest([path.parent])
    assert [(u.key, u.emotion, u.speaker) for u in manifest.utterances] == [
        ("a.wav", "anger", "7"),
        ("sub/c.wav", "neutral", "8"),
    ]
    assert manifest.ignored_columns == ("extra",)


def test_audiofolder_without_speakers(data):
    path = data("file_name,emotion,label\na.wav,anger,0\nsub/c.wav,neutral,1\n", "metadata.csv")
    manifest = read_manifest([path])
    assert [u.speaker for u in manifest.utterances] == [None, None]
    assert manifest.ignored_columns == ("label",)
    assert [u.speaker for u in read_manifest([path], speaker_pattern=r"(\w)\.wav").utterances] == ["a", "c"]
    assert "'emotion'" in refusal(data("file_name,labels\na.wav,x\n", "metadata.csv"))
    assert "'file_name'" in refusal(data("file_name,label\n,x\n", "metadata.csv"))


# ---- folder per class


@pytest.fixture
def classes(tmp_path):
    root = tmp_path / "classes"
    for name in ("anger/anna_1.wav", "anger/deep/bob_1.FLAC", "neutral/anna_2.wav", "neutral/notes.txt", "docs/x.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_folder_per_class(classes):
    manifest = read_manifest([classes])
    assert [(u.key, u.emotion, u.speaker, u.corpus) for u in manifest.utterances] == [
        ("anger/anna_1.wav", "anger", None, "classes"),
        ("anger/deep/bob_1.FLAC", "anger", None, "classes"),
        ("neutral/anna_2.wav", "neutral", None, "classes"),
    ]
    assert all(u.file.is_file() and u.file.is_absolute() for u in manifest.utterances)


def test_speaker_pattern(classes):
    manifest = read_manifest([classes], speaker_pattern=r"/(\w+)_\d")
    assert [u.speaker for u in manifest.utterances] == ["anna", "bob", "anna"]
    assert "bob_1.FLAC" in refusal(classes, speaker_pattern="(anna)")
    assert "finds no speaker" in refusal(classes, speaker_pattern="x?()")
    for bad in ("(", "anna", "(a)(b)"):
        with pytest.raises(ConfigError, match=re.escape(bad)):
            read_manifest([classes], speaker_pattern=bad)


def test_folders_without_usable_audio(tmp_path, classes):
    (tmp_path / "void").mkdir()
    assert "holds neither manifest.csv nor metadata.csv nor audio" in refusal(tmp_path / "void")
    (classes / "loose.wav").touch()
    assert "loose.wav" in refusal(classes)
    (classes / "loose.wav").unlink()
    (classes / " ").mkdir()
    (classes / " " / "x.wav").touch()
    assert "blank" in refusal(classes)


def test_a_folder_of_data_sets_is_no_folder_per_class(data):
    path = data(GOOD)
    message = refusal(path.parent.parent)
    assert "holds manifests" in message
    assert str(path) in message


def test_a_broken_link_in_a_class_folder(classes):
    (classes / "anger" / "gone.wav").symlink_to(classes / "nowhere.wav")
    assert "gone.wav" in refusal(classes)


# ---- several at once


def corpus(folder: Path, speakers: str, name: str = "manifest.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = name.partition(".")[0]
    rows = []
    for i, speaker in enumerate(speakers):
        (folder / f"{stem}{i}.wav").touch()
        rows.append(f"{stem}{i}.wav,{speaker},x")
    (folder / name).write_text("\n".join(["file,speaker,emotion", *rows]) + "\n")
    return folder / name


def speakers(*paths) -> list[str | None]:
    return [u.speaker for u in read_manifest(paths).utterances]


def test_speakers_that_clash_get_the_name_of_their_corpus(tmp_path):
    one, two = corpus(tmp_path / "one", "12"), corpus(tmp_path / "two", "23")
    assert speakers(one, two) == ["1", "one/2", "two/2", "3"]
    assert [u.corpus for u in read_manifest([one, two]).utterances] == ["one", "one", "two", "two"]


def test_manifests_in_one_folder_share_their_speakers(tmp_path):
    train, test = corpus(tmp_path / "one", "12", "train.csv"), corpus(tmp_path / "one", "12", "test.csv")
    other = corpus(tmp_path / "two", "1")
    assert speakers(train, test) == ["1", "2", "1", "2"]
    assert speakers(train, test, other) == ["one/1", "2", "one/1", "2", "two/1"]


def test_folders_of_one_name_are_numbered(tmp_path):
    one, two = corpus(tmp_path / "x" / "c", "1"), corpus(tmp_path / "y" / "c", "1")
    assert speakers(one, two) == ["c/1", "c-2/1"]
    assert [u.corpus for u in read_manifest([one, two]).utterances] == ["c", "c-2"]
    third = corpus(tmp_path / "c-2", "1")
    assert speakers(one, two, third) == ["c/1", "c-2/1", "c-2-2/1"]


def units(*paths) -> tuple[list[str], list[str | None], int]:
    """Corpora, speakers, and different keys of an evaluation."""
    found = read_manifest(paths).utterances
    keys = {(u.corpus, u.key, u.start_s, u.end_s) for u in found}
    return [u.corpus for u in found], [u.speaker for u in found], len(keys)


def stated(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["file,speaker,emotion,corpus", *rows]) + "\n")
    for row in rows:
        (path.parent / row.partition(",")[0]).touch()
    return path


def test_manifests_in_one_folder_that_say_their_corpus_are_two(tmp_path):
    one, two = stated(tmp_path / "aa.csv", "a.wav,1,x,aa"), stated(tmp_path / "bb.csv", "b.wav,1,x,bb", "c.wav,2,x,")
    assert units(one, two) == (["aa", "bb", tmp_path.name], ["aa/1", "bb/1", "2"], 3)
    assert read_manifest([one]).ignored_columns == ()
    assert units(two)[1] == ["1", "2"]


def test_one_corpus_in_two_folders_shares_its_speakers_and_tells_its_files_apart(tmp_path):
    one, two = stated(tmp_path / "p" / "m.csv", "a.wav,1,x,c"), stated(tmp_path / "q" / "m.csv", "b.wav,1,x,c")
    assert units(one, two) == (["c", "c"], ["1", "1"], 2)
    same = stated(tmp_path / "r" / "m.csv", "a.wav,1,x,c")
    assert units(one, two, same) == (["c", "c", "c-2"], ["1"] * 3, 3)
    named = stated(tmp_path / "s" / "m.csv", "a.wav,1,x,c-2")
    assert units(one, same, named) == (["c", "c-3", "c-2"], ["c/1", "c/1", "c-2/1"], 3)


def test_a_folder_is_numbered_if_another_manifest_says_its_name(tmp_path):
    plain, said = corpus(tmp_path / "c", "1"), stated(tmp_path / "d" / "m.csv", "manifest0.wav,1,x,c")
    assert units(plain, said) == (["c-2", "c"], ["c-2/1", "c/1"], 2)
    beside = stated(tmp_path / "c" / "m.csv", "b.wav,1,x,c")  # in the folder itself: the same corpus
    assert units(plain, beside) == (["c", "c"], ["1", "1"], 2)


def test_the_corpus_does_not_change_the_digest(tmp_path):
    one, two = stated(tmp_path / "aa.csv", "a.wav,1,x,aa"), stated(tmp_path / "bb.csv", "a.wav,1,x,bb")
    assert read_manifest([one]).sha256 == read_manifest([two]).sha256


def test_a_folder_whose_name_cannot_be_printed(tmp_path):
    path = corpus(tmp_path / "a\nb", "1")
    assert units(path) == (["a%0Ab"], ["1"], 1)


def test_unknown_speakers_never_clash(classes, tmp_path):
    other = tmp_path / "others"
    (other / "anger").mkdir(parents=True)
    (other / "anger" / "x.wav").touch()
    assert speakers(classes, other) == [None] * 4


def test_a_file_in_two_manifests_is_refused(data):
    first = data(GOOD)
    second = data("file,speaker,emotion\nd.wav,s,x\nb.wav,s2,anger\n", "more.csv")
    message = refusal(first, second)
    assert "manifest.csv, line 3" in message
    assert "more.csv, line 3" in message
    assert "two labels, 'neutral' and 'anger'" in message
    assert "remove one" in refusal(first, first)


def test_ignored_columns_are_listed_once(data):
    first = data("file,speaker,emotion,age,mood\na.wav,s,x,1,2\n")
    second = data("file,speaker,emotion,mood,city\nb.wav,s,x,1,2\n", "more.csv")
    assert read_manifest([first, second]).ignored_columns == ("age", "mood", "city")


# ---- selection and digest


def test_select(data):
    manifest = read_manifest([data(GOOD)])
    anger = manifest.select(["anger"])
    assert isinstance(anger, Manifest)
    assert [u.key for u in anger.utterances] == ["a.wav", "sub/c.wav"]
    assert anger.sources == manifest.sources
    assert anger.sha256 != manifest.sha256
    assert manifest.select(["neutral", "anger"]).sha256 == manifest.sha256
    with pytest.raises(ManifestError, match=r"'angry'.*Did you mean 'anger'"):
        manifest.select(["angry"])
    with pytest.raises(ManifestError, match="no emotion"):
        manifest.select([])


def test_digest_is_of_the_content(data, tmp_path):
    digest = read_manifest([data(GOOD)]).sha256
    assert re.fullmatch("[0-9a-f]{64}", digest)
    header, *rows = GOOD.splitlines()
    assert read_manifest([data("\n".join([header, *reversed(rows)]))]).sha256 == digest
    moved = (tmp_path / "corp").rename(tmp_path / "elsewhere")
    assert read_manifest([moved]).sha256 == digest
    (moved / "manifest.csv").write_text(GOOD.replace("s1", "s3"))
    assert read_manifest([moved]).sha256 != digest


# ---- the real thing


@pytest.mark.corpora
def test_corpora(corpora):
    manifest = read_manifest([corpora / "emodb" / "manifest.csv"])
    assert manifest.labels() == {
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happiness": 71,
        "neutral": 79,
        "sadness": 62,
    }
    assert len({u.speaker for u in manifest.utterances}) == 10
    everything = read_manifest([corpora / name for name in ("emodb", "ravdess", "nemo")])
    assert len(everything.utterances) == 535 + 1440 + 1542
    assert len({u.speaker for u in everything.utterances}) == 10 + 24 + 9
    assert {u.corpus for u in everything.utterances} == {"emodb", "ravdess", "nemo"}
    assert everything.ignored_columns == ()
    with pytest.raises(ManifestError, match="holds manifests"):
        read_manifest([corpora])

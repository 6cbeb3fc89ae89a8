"""Corpora whose file names say everything: EmoDB, RAVDESS, CREMA-D, TESS, SAVEE, EMOVO, nEMO."""

from __future__ import annotations

import pytest

from ser_toolkit.errors import ManifestError
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import CremaD, EmoDb, Emovo, Nemo, Ravdess, Savee, Tess


def rows(reading):
    return [(u.key, u.speaker, u.gender, u.emotion, u.text_id) for u in reading.utterances]


def test_emodb(lay, tmp_path):
    names = ["03a01Wa", "08b10Lb", "09a04Ea", "10a05Ac", "11a07Fd", "12b01Ta", "16b09Na"]
    root = lay(tmp_path / "emodb", *(f"wav_corpus/{n}.wav" for n in names), "readme/._03a01Wa.wav", "wav_corpus/x.wav")
    reading = EmoDb().read(root)
    assert rows(reading) == [
        ("wav_corpus/03a01Wa.wav", "emodb-03", "male", "anger", "a01"),
        ("wav_corpus/08b10Lb.wav", "emodb-08", "female", "boredom", "b10"),
        ("wav_corpus/09a04Ea.wav", "emodb-09", "female", "disgust", "a04"),
        ("wav_corpus/10a05Ac.wav", "emodb-10", "male", "fear", "a05"),
        ("wav_corpus/11a07Fd.wav", "emodb-11", "male", "happiness", "a07"),
        ("wav_corpus/12b01Ta.wav", "emodb-12", "male", "sadness", "b01"),
        ("wav_corpus/16b09Na.wav", "emodb-16", "female", "neutral", "b09"),
    ]
    assert reading.notes == ("1 audio files have other names, and are left out: wav_corpus/x.wav",)
    assert {u.language for u in reading.utterances} == {"de"}
    assert_corpus(EmoDb(), root)


def test_any_audio_format_is_read_and_copies_count_once(lay, tmp_path):
    root = lay(tmp_path / "emodb", "wav/03a01Wa.FLAC", "wav/03a01Fa.MP3", "backup/old/03a01Wa.wav", "wav/03a01Fa.ogg")
    (root / "wav" / "03a02Na.wav").write_bytes(b"")
    reading = EmoDb().read(root)
    assert [u.key for u in reading.utterances] == ["wav/03a01Fa.MP3", "wav/03a01Wa.FLAC"]
    assert reading.notes == (
        "1 audio files are empty or broken links, and left out: wav/03a02Na.wav",
        "2 audio files are further copies of a recording, and left out: wav/03a01Fa.ogg, backup/old/03a01Wa.wav",
    )
    assert_corpus(EmoDb(), root)


def test_ravdess(lay, tmp_path):
    speech, song = "03-01-06-02-02-01-12", "03-02-04-01-01-02-11"
    root = lay(
        tmp_path / "ravdess",
        f"audio_speech_actors_01-24/Actor_12/{speech}.wav",
        f"Actor_12/{speech}.wav",  # some copies hold everything twice
        f"Actor_11/{song}.wav",
        "Actor_12/01-01-06-02-02-01-12.mp4",
        "Actor_12/02-01-06-02-02-01-12.mp4",
    )
    reading = Ravdess().read(root)
    assert rows(reading) == [(f"Actor_12/{speech}.wav", "ravdess-12", "female", "fear", "statement02")]
    assert len(reading.notes) == 4
    assert "1 files are left out: their channel is song" in " ".join(reading.notes)
    both = Ravdess(channel="both").utterances(root)
    assert [(u.speaker, u.gender, u.emotion) for u in both] == [
        ("ravdess-11", "male", "sadness"),
        ("ravdess-12", "female", "fear"),
    ]
    assert [u.file.name for u in Ravdess(modality="video").utterances(root)] == ["01-01-06-02-02-01-12.mp4"]
    with pytest.raises(ManifestError, match="nothing of channel 'song' and modality 'video'"):
        Ravdess(channel="song", modality="video").read(root)
    for channel, n, speakers in (("speech", 1440, 24), ("song", 1012, 23), ("both", 2452, 24)):
        published = Ravdess(channel=channel).published()
        assert (published.utterances, published.speakers) == (n, speakers)
        assert_corpus(Ravdess(channel=channel), root)


def test_crema_d(lay, tmp_path):
    bad = ["1076_MTI_SAD_XX", "1076_MTI_NEU_XX", "1064_TIE_SAD_XX", "1064_IEO_DIS_MD"]
    good = ["1001_DFA_ANG_XX", "1002_IEO_HAP_HI", "1040_ITH_SAD_X"]
    root = lay(tmp_path / "crema", *(f"AudioWAV/{n}.wav" for n in bad + good))
    reading = CremaD().read(root)
    assert rows(reading) == [
        ("AudioWAV/1001_DFA_ANG_XX.wav", "crema-d-1001", "male", "anger", "DFA"),
        ("AudioWAV/1002_IEO_HAP_HI.wav", "crema-d-1002", "female", "happiness", "IEO"),
        ("AudioWAV/1040_ITH_SAD_X.wav", "crema-d-1040", "male", "sadness", "ITH"),
    ]
    assert "4 clips are known to be broken" in reading.notes[0]
    assert len(CremaD(bad_clips="keep").utterances(root)) == 7
    assert CremaD().published().utterances == 7438
    assert CremaD(bad_clips="keep").published().utterances == 7442
    # the table of the release has the last word
    (root / "VideoDemographics.csv").write_text("ActorID,Age,Sex,Race\n1001,51,Female,Caucasian\n")
    assert [u.gender for u in CremaD().utterances(root)] == ["female", "female", "male"]
    assert_corpus(CremaD(), root)


def test_the_built_in_list_of_crema_d_has_43_women():
    from ser_toolkit_corpora.crema_d import FEMALE

    assert len(FEMALE) == 43
    assert min(FEMALE) >= 1001
    assert max(FEMALE) <= 1091


def test_tess(lay, tmp_path):
    root = lay(
        tmp_path / "tess",
        "OAF_Fear/OAF_back_fear.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "OAF_Pleasant_surprise/OAF_back_ps.wav",
        "YAF_pleasant_surprised/YAF_back_ps.wav",
        "YAF_sad/YAF_Back_sad.wav",
        "YAF_happy/OAF_home_angry.wav",
        "inner/OAF_Fear/oaf_back_fear.wav",
    )
    reading = Tess().read(root)
    assert rows(reading) == [
        ("OAF_Fear/OAF_back_fear.wav", "tess-OAF", "female", "fear", "back"),
        ("OAF_Pleasant_surprise/OAF_back_ps.wav", "tess-OAF", "female", "surprise", "back"),
        ("OAF_neutral/OA_bite_neutral.wav", "tess-OAF", "female", "neutral", "bite"),
        ("YAF_happy/OAF_home_angry.wav", "tess-YAF", "female", "happiness", "home"),
        ("YAF_pleasant_surprised/YAF_back_ps.wav", "tess-YAF", "female", "surprise", "back"),
        ("YAF_sad/YAF_Back_sad.wav", "tess-YAF", "female", "sadness", "back"),
    ]
    copies, misnamed = reading.notes
    assert copies.startswith("1 audio files are further copies")
    assert misnamed.startswith("2 files are misnamed, and taken as their folder says: OAF_neutral/OA_bite_neutral.wav")
    flat = lay(tmp_path / "flat", "OAF_back_angry.wav", "YAF_back_disgust.wav")
    assert [(u.speaker, u.emotion) for u in Tess().utterances(flat)] == [("tess-OAF", "anger"), ("tess-YAF", "disgust")]
    assert_corpus(Tess(), root)


@pytest.mark.parametrize("form", ["AudioData/{}/{}.wav", "{}_{}.wav", "{}/{}.flac"])
def test_savee(lay, tmp_path, form):
    sentences = ["a01", "d02", "f03", "h04", "n30", "sa15", "su07"]
    root = lay(tmp_path / "savee", *(form.format(s, n) for s in ("DC", "KL") for n in sentences), "Info.wav")
    reading = Savee().read(root)
    emotions = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    assert [(u.speaker, u.emotion, u.text_id) for u in reading.utterances] == [
        (f"savee-{s}", e, n) for s in ("DC", "KL") for e, n in zip(emotions, sentences, strict=True)
    ]
    assert {u.gender for u in reading.utterances} == {"male"}
    assert reading.notes == ("1 audio files have other names, and are left out: Info.wav",)
    assert_corpus(Savee(), root)


def test_savee_from_one_speakers_folder_and_with_copies(lay, tmp_path):
    root = lay(tmp_path / "JK", "a01.wav", "JK/a01.wav")
    reading = Savee().read(root)
    assert rows(reading) == [("a01.wav", "savee-JK", "male", "anger", "a01")]
    assert reading.notes == ("1 audio files are further copies of a recording, and left out: JK/a01.wav",)
    with pytest.raises(ManifestError, match="does not look like SAVEE: expected AudioData/DC/a01.wav"):
        Savee().read(lay(tmp_path / "other", "music.wav"))


def test_emovo(lay, tmp_path):
    root = lay(tmp_path / "emovo", "f1/dis-f1-b1.wav", "f1/gio-f1-l4.wav", "m3/rab-m3-n5.wav", "m3/SOR-M3-D2.WAV")
    assert rows(Emovo().read(root)) == [
        ("f1/dis-f1-b1.wav", "emovo-f1", "female", "disgust", "b1"),
        ("f1/gio-f1-l4.wav", "emovo-f1", "female", "happiness", "l4"),
        ("m3/SOR-M3-D2.WAV", "emovo-m3", "male", "surprise", "d2"),
        ("m3/rab-m3-n5.wav", "emovo-m3", "male", "anger", "n5"),
    ]
    assert_corpus(Emovo(), root)


def test_nemo_with_and_without_its_table(lay, tmp_path):
    root = lay(tmp_path / "nemo", "samples/EB0_anger_10.wav", "samples/KS0_surprised_9.wav")
    expected = [
        ("samples/EB0_anger_10.wav", "nemo-EB0", "female", "anger", "s10"),
        ("samples/KS0_surprised_9.wav", "nemo-KS0", "male", "surprise", "s09"),
    ]
    assert rows(Nemo().read(root)) == expected
    (root / "data.tsv").write_text(
        "file_id\temotion\traw_text\tspeaker_id\tgender\tage\n"
        "EB0_anger_10.wav\tanger\tKto?\tEB0\tfemale\t27\n"
        "KS0_surprised_9.wav\tsurprised\tNie.\tKS0\tmale\t30\n"
        "WR0_fear_1.wav\tfear\tTak.\tWR0\tmale\t22\n"
    )
    reading = Nemo().read(root)
    assert rows(reading) == expected
    assert reading.notes == ("1 recordings of data.tsv are not there: WR0_fear_1",)
    assert_corpus(Nemo(), root)


@pytest.mark.parametrize(
    ("reader", "n", "speakers"), [(EmoDb(), 535, 10), (Tess(), 2800, 2), (Savee(), 480, 4), (Emovo(), 588, 6)]
)
def test_published_totals(reader, n, speakers):
    assert (reader.published().utterances, reader.published().speakers) == (n, speakers)

"""MELD: clips of films in three folders, and tables."""

from __future__ import annotations

import pytest

from ser_toolkit.data.corpus_report import report_corpus
from ser_toolkit.errors import ManifestError
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import Meld

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
TRAIN = (
    "1,\"Also I was the point person, right?\",Chandler,neutral,neutral,0,0,8,21,\"00:16:16,059\",\"00:16:21,731\"\n"
    "2,It\x92s a lot.,The Interviewer,surprise,positive,0,1,8,21,\"00:16:21,940\",\"00:16:20,000\"\n"
    "3,That I did.,Rachel,joy,positive,125,3,8,21,\"00:16:23,442\",\"00:16:26,389\"\n"
    "4,Gone.,Ross,anger,negative,7,0,8,21,\"00:00:01,000\",\"00:00:02,000\"\n"
)  # fmt: skip


@pytest.fixture
def tree(lay, tmp_path):
    root = lay(
        tmp_path / "MELD.Raw",
        "train/train_splits/dia0_utt0.mp4",
        "train/train_splits/dia0_utt1.mp4",
        "train/train_splits/dia125_utt3.mp4",
        "train/train_splits/._dia0_utt0.mp4",
        "dev_splits_complete/dia0_utt0.mp4",
        "output_repeated_splits_test/dia0_utt0.mp4",
        "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
        "output_repeated_splits_test/._dia0_utt0.mp4",
    )
    (root / "train" / "train_sent_emo.csv").write_bytes((HEADER + TRAIN).encode("cp1252", "replace"))
    (root / "dev_sent_emo.csv").write_text(HEADER + "1,Oh my God,Phoebe,sadness,negative,0,0,4,7,,\n")
    (root / "test_sent_emo.csv").write_text(HEADER + "1,oh my God!,Joey,disgust,negative,0,0,4,7,,\n")
    return root


def test_clips_of_three_splits(tree):
    reading = Meld().read(tree)
    assert [(u.key, u.split, u.speaker, u.gender, u.emotion, u.session, u.duration_s) for u in reading.utterances] == [
        ("train/train_splits/dia0_utt0.mp4", "train", "meld-Chandler", "male", "neutral", "meld-s08e21", 5.672),
        ("train/train_splits/dia0_utt1.mp4", "train", "meld-The Interviewer", None, "surprise", "meld-s08e21", None),
        ("dev_splits_complete/dia0_utt0.mp4", "dev", "meld-Phoebe", "female", "sadness", "meld-s04e07", None),
        ("output_repeated_splits_test/dia0_utt0.mp4", "test", "meld-Joey", "male", "disgust", "meld-s04e07", None),
    ]
    assert reading.notes == (
        "dia125_utt3 of train is known to be broken, and left out",
        "1 clips of train are not there: dia7_utt0",
    )
    dev, test = reading.utterances[2:]
    assert dev.text_id == test.text_id  # the same words
    assert_corpus(Meld(), tree)


def test_extracted_audio_in_folders_called_like_the_splits(lay, tmp_path, tree):
    root = lay(tmp_path / "sound", "train/dia0_utt0.wav", "dev/dia0_utt0.wav", "test/dia0_utt0.flac")
    for split in ("dev", "test"):
        (root / f"{split}_sent_emo.csv").write_text((tree / f"{split}_sent_emo.csv").read_text())
    reading = Meld().read(root)
    assert [u.key for u in reading.utterances] == ["dev/dia0_utt0.wav", "test/dia0_utt0.flac"]
    assert reading.notes == ("there is no train_sent_emo.csv: its utterances are not labelled, and left out",)


def test_clips_without_tables_are_refused(lay, tmp_path):
    with pytest.raises(ManifestError, match="does not look like MELD: expected train_sent_emo.csv"):
        Meld().read(lay(tmp_path, "train_splits/dia0_utt0.mp4"))


def test_published_counts_and_differences_per_split(tree):
    published = Meld().published()
    assert {split: sum(counts.values()) for split, counts in published.groups.items()} == {
        "train": 9989,
        "dev": 1109,
        "test": 2610,
    }
    report = report_corpus(Meld(), tree, Meld().read(tree))
    assert "sadness in split dev: published 111, found 1 (-110)" in map(str, report.differences)

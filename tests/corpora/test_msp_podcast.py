"""MSP-Podcast: both spellings, three formats of votes, hidden labels, unknown speakers."""

from __future__ import annotations

import json

import pytest

from ser_toolkit.errors import ManifestError
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import MspPodcast

ROWS = """FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,4.2,3.8,4.0,127,Male,Test1
MSP-PODCAST_0001_0019.wav,C,2.8,3.0,,127,Male,Development
MSP-PODCAST_0002_0033.wav,A,6.1,2.0,5.5,Unknown,Female,Train
MSP-PODCAST_0002_0039.wav,X,4.0,4.0,4.0,8,Female,Train
MSP-PODCAST_0003_0001.wav,H,5.0,6.0,4.5,9,Female,Test2
MSP-PODCAST_0004_0001.wav,,,,,,,Test3
MSP-PODCAST_0005_0001.wav,S,3.0,2.0,3.0,11,Male,Validation
"""
AUDIO = ["0001_0008", "0001_0019", "0002_0033", "0002_0039", "0003_0001", "0004_0001", "test3_0007"]


@pytest.fixture(params=["Labels/labels_consensus.csv", "Labels/labels_concensus.csv", "labels_consensus.csv"])
def tree(request, lay, tmp_path):
    root = lay(tmp_path / "MSP", *(f"Audios/MSP-PODCAST_{n}.wav" for n in AUDIO))
    table = root / request.param
    table.parent.mkdir(exist_ok=True)
    table.write_text(ROWS)
    return root


def test_labels_splits_and_ratings(tree):
    reading = MspPodcast().read(tree)
    rows = [(u.file.stem[12:], u.speaker, u.gender, u.emotion, u.split) for u in reading.utterances]
    assert rows == [
        ("0001_0008", "msp-podcast-127", "male", "neutral", "test"),
        ("0001_0019", "msp-podcast-127", "male", "contempt", "dev"),
        ("0002_0033", "msp-podcast-unknown-0002", "female", "anger", "train"),
        ("0002_0039", "msp-podcast-8", "female", "no_agreement", "train"),
    ]
    first, second = reading.utterances[:2]
    assert (first.arousal, first.valence, first.dominance) == (4.2, 3.8, 4.0)
    assert (second.dominance, dict(second.votes)) == (None, {})
    assert reading.notes == (
        "1 turns of test2 are left out: test is 'test1'",
        "1 turns of test3 have no label, and are left out",
        "1 turns have labels but no audio: MSP-PODCAST_0005_0001",
        "1 turns have audio but no label (Test3's are secret): MSP-PODCAST_test3_0007",
    )
    assert_corpus(MspPodcast(), tree)


def test_options(tree):
    both = MspPodcast(test="both", labels="8class", unknown_speakers="drop").read(tree)
    assert [(u.file.stem[12:], u.split) for u in both.utterances] == [
        ("0001_0008", "test"),
        ("0001_0019", "dev"),
        ("0003_0001", "test"),
    ]
    assert "1 turns labelled no_agreement are left out: labels are '8class'" in both.notes
    assert "1 turns of unknown speakers are left out" in both.notes
    assert MspPodcast().published() is None


@pytest.mark.parametrize("form", ["csv", "detail", "json"])
def test_votes_in_the_formats_of_the_releases(tree, form):
    said = [("0001_0008", "Neutral"), ("0001_0008", "Happy"), ("0001_0008", "Neutral"), ("0001_0019", "Other-smug")]
    labels = tree / "Labels"
    labels.mkdir(exist_ok=True)
    if form == "json":
        workers = {}
        for i, (name, label) in enumerate(said):
            workers.setdefault(f"MSP-PODCAST_{name}.wav", {})[f"WORKER{i}"] = {"EmoClass_Major": label}
        (labels / "labels_detailed.json").write_text(json.dumps(workers))
    elif form == "csv":
        lines = [f"MSP-PODCAST_{name}.wav,WORKER{i},{label}" for i, (name, label) in enumerate(said)]
        (labels / "labels_detailed.csv").write_text("\n".join(["FileName,Worker,EmoClass_Major", *lines, ""]))
    else:
        lines = [f"MSP-PODCAST_{n}.wav,WORKER{i}; {x}; {x}; A:5.0; V:6.0; D:4.0;" for i, (n, x) in enumerate(said)]
        (labels / "labels_detailed.csv").write_text("\n".join(["FileName,EmoDetail", *lines, ""]))
    votes = [dict(u.votes) for u in MspPodcast().utterances(tree)]
    assert votes[:3] == [{"happiness": 1.0, "neutral": 2.0}, {"other": 1.0}, {}]


def test_votes_that_are_no_table_are_refused(tree):
    (tree / "labels_detailed.json").write_text('{"MSP-PODCAST_0001_0008.wav": 3}')
    with pytest.raises(ManifestError, match=r"labels_detailed\.json is not the table of raters that it should be"):
        MspPodcast().read(tree)


def test_older_releases_name_speakers_and_partitions_apart(lay, tmp_path):
    root = lay(tmp_path, *(f"Audio/MSP-PODCAST_{n}.wav" for n in ("0001_0008", "0002_0033", "0003_0001")))
    table = "FileName,EmoClass,EmoAct,EmoVal,EmoDom\n" + "".join(
        f"MSP-PODCAST_{n}.wav,{c},4,4,n/a\n" for n, c in (("0001_0008", "U"), ("0002_0033", "F"), ("0003_0001", "D"))
    )
    (root / "labels_concensus.csv").write_text(table)
    (root / "Speaker_ids.txt").write_text("MSP-PODCAST_0001_0008.wav; 127\nMSP-PODCAST_0002_0033.wav; 3\n")
    (root / "Partition.txt").write_text("Train; MSP-PODCAST_0001_0008.wav\nTest1; MSP-PODCAST_0002_0033.wav\n\n")
    found = MspPodcast().utterances(root)
    assert [(u.speaker, u.emotion, u.split, u.dominance) for u in found] == [
        ("msp-podcast-127", "surprise", "train", None),
        ("msp-podcast-3", "fear", "test", None),
        ("msp-podcast-unknown-0003", "disgust", None, None),
    ]


def test_audio_without_labels_is_refused(lay, tmp_path):
    with pytest.raises(
        ManifestError, match="expected Audios/MSP-PODCAST_0001_0008.wav and Labels/labels_consensus.csv"
    ):
        MspPodcast().read(lay(tmp_path, "Audios/MSP-PODCAST_0001_0008.wav"))

"""ESD: two layouts, four encodings, Chinese names of emotions."""

from __future__ import annotations

import pytest

from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import Esd


def test_both_layouts(lay, tmp_path):
    new = ["0001/Angry/0001_000351.wav", "0011/Neutral/0011_000001.wav", "0020/Surprise/0020_001750.wav"]
    old = ["0001/Angry/train/0001_000351.wav", "0011/Neutral/evaluation/0011_000001.wav"]
    old += ["0020/Surprise/test/0020_001750.wav"]
    rows = [
        ("esd-0001", "female", "anger", "zh", "zh-001"),
        ("esd-0011", "male", "neutral", "en", "en-001"),
        ("esd-0020", "male", "surprise", "en", "en-350"),
    ]
    for names, splits in ((new, [None, None, None]), (old, ["train", "dev", "test"])):
        root = lay(tmp_path / str(splits[0]), *names)
        found = Esd().utterances(root)
        assert [(u.speaker, u.gender, u.emotion, u.language, u.text_id) for u in found] == rows
        assert [u.split for u in found] == splits
        assert [u.key for u in found] == names
        assert_corpus(Esd(), root)
    assert [u.speaker for u in Esd(language="zh").utterances(root)] == ["esd-0001"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb2312", "utf-16", "utf-16-le"])
def test_the_text_file_labels_what_folders_do_not(lay, tmp_path, encoding):
    root = lay(tmp_path, *(f"0001/0001_{n:06d}.wav" for n in (1, 351, 701, 1051, 1401)), "0001/0001_000002.wav")
    names = ["中立", "生气", "快乐", "伤心", "惊喜"]
    lines = [
        f"0001_{n:06d}\t打远一看,它们的确很是美丽,\t{e}" for n, e in zip((1, 351, 701, 1051, 1401), names, strict=True)
    ]
    (root / "0001" / "0001.txt").write_bytes("\r\n".join(lines).encode(encoding))
    reading = Esd().read(root)
    found = [u.emotion for u in reading.utterances]
    assert found == ["neutral", "anger", "happiness", "sadness", "surprise"]
    assert reading.notes == (
        "1 recordings have no emotion in folder or text file, and are left out: 0001/0001_000002.wav",
    )


def test_english_text_in_latin_1_and_a_disagreement(lay, tmp_path):
    root = lay(tmp_path, "0015/Happy/0015_000701.wav", "0015/0015_001051.wav")
    (root / "0015" / "0015.txt").write_bytes("0015_000701\tA caf\xe9.\tSad\n0015_001051\tNo.\tSad\n".encode("latin-1"))
    reading = Esd().read(root)
    assert [(u.file.stem, u.emotion, u.gender) for u in reading.utterances] == [
        ("0015_001051", "sadness", "female"),
        ("0015_000701", "happiness", "female"),
    ]
    assert "another emotion in the text file; the folder is taken: 0015/Happy/0015_000701.wav" in reading.notes[0]


def test_published():
    assert Esd().published().utterances == 35_000
    assert Esd(language="en").published().speakers == 10

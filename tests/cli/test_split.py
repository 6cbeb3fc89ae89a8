"""``ser-toolkit split``: prints folds and hash, writes the file, finds duplicates when asked to listen."""

from __future__ import annotations

import csv
import shutil

import pytest


def test_prints_folds_and_hash_and_writes_the_file(cli, tiny_corpus, tmp_path):
    out = tmp_path / "split.csv"
    done = cli("split", tiny_corpus, "--protocol", "leave-one-pair-out", "-o", out)
    assert done.code == 0, done.err
    assert "speaker0 + speaker1" in done.out
    assert "leave-one-pair-out, 3 folds" in done.out
    rows = list(csv.DictReader(out.open(newline="")))
    assert len(rows) == 24
    assert rows[0]["fold 1: speaker0 + speaker1"] == "test"
    again = cli("split", tiny_corpus, "--protocol", "leave-one-pair-out")
    assert again.out == done.out


def test_a_dash_is_standard_output(cli, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = cli("split", tiny_corpus, "--protocol", "leave-one-pair-out", "-o", "split.csv")
    done = cli("split", tiny_corpus, "--protocol", "leave-one-pair-out", "-o", "-")
    assert done.code == 0, done.err
    assert done.out == (tmp_path / "split.csv").read_text()
    assert done.err == named.out
    assert [p.name for p in tmp_path.iterdir()] == ["split.csv"]


def test_a_label_and_a_seed_may_be_chosen(cli, tiny_corpus):
    one = cli("split", tiny_corpus, "--protocol", "grouped-k-fold", "--folds", 3, "--seed", 1, "--emotions", "anger")
    assert one.code == 0, one.err
    assert "seed 1" in one.out
    assert "sadness" not in one.out


def test_listening_finds_a_copy_under_another_speaker(cli, tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus.parent, tmp_path / "data")
    audio = tmp_path / "data" / "audio"
    shutil.copy(audio / "s0-anger-0.wav", audio / "s5-anger-0.wav")
    manifest = tmp_path / "data" / "manifest.csv"
    args = ("split", manifest, "--protocol", "leave-one-speaker-out", "--check-audio")
    done = cli(*args)
    assert done.code == 1
    assert "s0-anger-0.wav" in done.err
    allowed = cli(*args, "--allow-duplicates")
    assert allowed.code == 0, allowed.err
    assert "DUPLICATE AUDIO across parts" in allowed.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--protocol", "loso"), "no protocol is called 'loso'"),
        (("--emotions", "joy"), "no utterance is labelled 'joy'"),
    ],
)
def test_mistakes(cli, tiny_corpus, args, said):
    done = cli("split", tiny_corpus, *args)
    assert done.code == 1
    assert said in done.err


def test_unusable_recordings_are_named(cli, tiny_corpus, tmp_path):
    shutil.copytree(tiny_corpus.parent, tmp_path / "data")
    (tmp_path / "data" / "audio" / "s1-anger-0.wav").write_bytes(b"no audio")
    done = cli("split", tmp_path / "data" / "manifest.csv", "--protocol", "leave-one-speaker-out", "--check-audio")
    assert done.code == 0, done.err
    assert "s1-anger-0.wav cannot be used" in done.out

"""EmoDB, RAVDESS and nEMO on real recordings, beside the manifests that lie with them."""

from __future__ import annotations

import csv

import pytest

from ser_toolkit.data.corpus_report import read_corpus, report_corpus
from ser_toolkit.testing import assert_corpus
from ser_toolkit_corpora import EmoDb, Nemo, Ravdess

READERS = {"emodb": EmoDb(), "ravdess": Ravdess(), "nemo": Nemo()}


@pytest.mark.corpora
@pytest.mark.parametrize("name", READERS)
def test_reader_and_manifest_agree(corpora, name):
    with (corpora / name / "manifest.csv").open() as file:
        expected = {
            r["file"]: (r["speaker"], r["gender"], r["emotion"], r["language"], r["text_id"])
            for r in csv.DictReader(file)
        }
    reading = read_corpus(READERS[name], corpora / name)
    found = {u.key: (u.speaker, u.gender, u.emotion, u.language, u.text_id) for u in reading.utterances}
    assert found == expected
    assert reading.notes == ()
    assert_corpus(READERS[name], corpora / name)


@pytest.mark.corpora
def test_whole_corpora_agree_with_the_publications_and_a_part_does_not(corpora):
    reports = {n: report_corpus(r, corpora / n, read_corpus(r, corpora / n)) for n, r in READERS.items()}
    assert reports["emodb"].differences == reports["ravdess"].differences == ()
    said = [str(d) for d in reports["nemo"].differences]
    assert "utterances: published 4481, found 1542 (-2939)" in said
    assert "surprise: published 669, found 0 (-669)" in said
    assert [s.utterances for s in reports["ravdess"].speakers] == [60] * 24

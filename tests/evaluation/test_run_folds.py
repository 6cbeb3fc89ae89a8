"""Folds of which nothing can be tested, or fitted: the job goes on, or ends before its first fit."""

from __future__ import annotations

import csv
import math
import shutil
from pathlib import Path

import pytest
from tiny import TINY

from ser_toolkit.errors import SplitError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.job_progress import FoldDone, SilentJob

LOGREG = {
    "features": {"melfun": {"name": "mel-functionals", "n_mels": 16}},
    "model": {"name": "logistic-regression"},
    "segments": {"preset": "utterance"},
    "split": {"protocol": "leave-one-speaker-out"},
    "training": {"workers": 1},
}
NETWORK = {
    "features": {"mel": TINY["features"]["mel"]},
    "model": {key: TINY["model"][key] for key in ("name", "filters", "mfep_dense", "erp")},
    "segments": TINY["segments"],
    "training": {**TINY["training"], "epochs": 1},
}


class Watch(SilentJob):
    def __init__(self) -> None:
        self.folds: list[FoldDone] = []

    def fold_done(self, done: FoldDone) -> None:
        self.folds.append(done)


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """A copy in which all recordings of some speakers cannot be decoded."""

    def make(*speakers: int) -> Path:
        folder = tmp_path / "corpus"
        shutil.copytree(tiny_corpus.parent, folder)
        for s in speakers:
            for path in folder.glob(f"audio/s{s}-*.wav"):
                path.write_bytes(b"no sound")
        return folder / "manifest.csv"

    return make


def divided(manifest: Path, *folds: dict[int, str]) -> Path:
    """A split file made by hand: the parts of speakers in each fold, train if not named."""
    path = manifest.with_name("split.csv")
    with manifest.open(newline="") as file:
        names = [(row["file"], int(row["speaker"][-1])) for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", *(f"fold {i + 1}" for i in range(len(folds)))])
        rows.writerows([name, *(fold.get(speaker, "train") for fold in folds)] for name, speaker in names)
    return path


def test_a_fold_that_has_nothing_to_test_has_no_scores_and_the_job_goes_on(corpus, tmp_path):
    watch = Watch()
    manifest = corpus(0)
    done = cross_validate(manifest, config=LOGREG, out=tmp_path / "cv", progress=watch)
    assert [math.isnan(fold.ua) and math.isnan(fold.wa) for fold in watch.folds] == [True] + [False] * 5
    notes = done.evaluation.cautions
    named = ", ".join(f"audio/s0-{emotion}-{i}.wav" for emotion in ("anger", "sadness") for i in range(2))
    assert f"4 test recordings could not be used: 4 undecodable ({named})" in notes
    assert (
        "speaker0: no test recording could be used: the fold has no scores, pooled ones come from the others" in notes
    )
    assert done.evaluation.n == 20
    assert done.evaluation.folds == tuple(f"speaker{s}" for s in range(1, 6))
    again = cross_validate(manifest, config=LOGREG, out=tmp_path / "cv", resume=True)
    assert again.evaluation == done.evaluation


def test_so_does_that_of_a_network(corpus, tmp_path):
    manifest = corpus(0)
    split = divided(manifest, {0: "test", 1: "dev", 2: "dev"}, {3: "test", 1: "dev", 2: "dev"})
    watch = Watch()
    config = {**NETWORK, "split": {"file": str(split)}}
    done = cross_validate(manifest, config=config, out=tmp_path / "cv", device="cpu", progress=watch)
    assert [math.isnan(fold.ua) for fold in watch.folds] == [True, False]
    assert {item.speaker for item in done.predictions.items} == {"speaker3"}


@pytest.mark.parametrize(
    ("fold", "said"),
    [
        ({1: "test", 0: "dev"}, "fold 2: no development window is left.*; take those recordings out of the manifest"),
        ({1: "test", 2: "dev", 3: "dev", 4: "dev", 5: "dev"}, "fold 2: no training window is left of anger, sadness"),
    ],
)
def test_a_fold_that_cannot_be_fitted_ends_the_job_before_the_others_are(fold, said, corpus, tmp_path):
    manifest = corpus(0)
    split = divided(manifest, {5: "test", 4: "dev"}, fold)
    watch = Watch()
    with pytest.raises(SplitError, match=said):
        cross_validate(manifest, config={**LOGREG, "split": {"file": str(split)}}, out=tmp_path / "cv", progress=watch)
    assert watch.folds == []


def test_nothing_to_test_at_all_is_said_before_anything_is_fitted(corpus, tmp_path):
    manifest = corpus(0)
    split = divided(manifest, {0: "test", 1: "dev"})
    with pytest.raises(SplitError, match="no test recording can be used: 4 test recordings.*4 undecodable"):
        cross_validate(manifest, config={**LOGREG, "split": {"file": str(split)}}, out=tmp_path / "cv")
    assert not (tmp_path / "cv" / "folds").exists()

"""The bench on real code and small sound: fold models are asked again, and what is done is kept."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ser_toolkit.data import audio
from ser_toolkit.errors import AudioError, ConfigError, ModelError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.run_folds import model_folder
from ser_toolkit.inference.collate import collate
from ser_toolkit.noise.bench import SilentBench, run_bench
from ser_toolkit.noise.conditions import parse_conditions
from ser_toolkit.noise.extraction import NoisyExtraction, NoisyJob, noisy_features
from ser_toolkit.noise.fitted import fold_model
from ser_toolkit.noise.folds import bench_folds
from ser_toolkit.noise.groups import FittedModel, Subject
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.checkpoint import read_recipe
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.seen import Seen
from ser_toolkit.training.splits import PARTS

LOGREG = {
    "features": {"melfun": {"name": "mel-functionals", "n_mels": 16}},
    "model": {"name": "logistic-regression"},
    "segments": {"preset": "utterance"},
    "split": {"protocol": "leave-one-pair-out"},
    "training": {"workers": 1},
}
NETWORK = {
    "features": {"mel": {"name": "melspec", "n_mels": 32, "hop_length": 512}},
    "model": {"name": "cnn-dnn", "filters": [4, 4, 8, 8, 16], "mfep_dense": [16, 16], "erp": [16]},
    "segments": {"window_s": 1.5, "hop_s": 0.75},
    "split": {"protocol": "leave-one-pair-out"},
    "training": {"epochs": 1, "batch_size": 8, "workers": 1},
}
SOME = parse_conditions("white:60,white:-5,babble:10,telephone")


class Watcher(SilentBench):
    def __init__(self):
        self.degraded, self.done = Counter(), []

    def degrading(self, condition, done, total):
        self.degraded[condition.name] += 1
        self.total = total

    def condition_done(self, condition, ua, clean):
        self.done.append((condition.name, ua, clean))


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory):
    """A cross-validation with two seeds, and its bench."""
    out = tmp_path_factory.mktemp("bench") / "cv"
    done = cross_validate(tiny_corpus, config=LOGREG, out=out, seeds=[0, 7])
    watcher = Watcher()
    return done, bench_folds(done, SOME, progress=watcher), watcher


def test_every_model_is_asked_about_the_recordings_of_its_own_test_part(finished):
    done, scores, watcher = finished
    assert watcher.degraded == {c.name: 24 for c in SOME}  # once for both seeds
    assert watcher.total == 24 * len(SOME)
    assert [name for name, *_ in watcher.done] == [c.name for c in SOME] == [c.name for c in scores.conditions]
    assert scores.clean.ua == done.evaluation.utterance.ua.estimate
    assert (scores.n, scores.n_speakers, scores.seeds) == (24, 6, (0, 7))
    assert scores.protocol == done.evaluation.protocol
    kept = sorted(p.relative_to(done.out).as_posix() for p in (done.out / "noise").rglob("*.parquet"))
    assert len(kept) == len(SOME) * 3 * 2
    assert "noise/white_-5/seed-7-fold-3.parquet" in kept


def test_noise_that_is_hardly_there_changes_hardly_anything(finished):
    _, scores, _ = finished
    by_name = {c.name: c for c in scores.conditions}
    assert by_name["white:60"].ua.value == pytest.approx(scores.clean.ua.value, abs=0.05)
    assert by_name["white:-5"].ua.value < 0.75 < scores.clean.ua.value


def test_a_second_run_reads_what_the_first_has_kept(finished):
    done, scores, _ = finished
    watcher = Watcher()
    assert bench_folds(done, SOME, progress=watcher) == scores
    assert not watcher.degraded
    assert len(watcher.done) == len(SOME)


def test_new_conditions_and_damaged_files_are_the_only_ones_that_are_done(finished, tmp_path):
    done, scores, _ = finished
    copy = replace(done, out=tmp_path / "copy")
    shutil.copytree(done.out, copy.out)
    (copy.out / "noise" / "telephone" / "seed-0-fold-2.parquet").write_bytes(b"PAR1 damaged")
    (copy.out / "noise" / "white_-5" / "seed-0-fold-1.parquet").unlink()
    watcher = Watcher()
    again = bench_folds(copy, [*SOME, *parse_conditions("clip:20")], progress=watcher)
    assert watcher.degraded == {"telephone": 8, "white:-5": 8, "clip:20": 24}
    assert again.conditions[: len(SOME)] == scores.conditions


def test_another_seed_of_the_noise_and_another_model_are_asked_anew(finished, tmp_path):
    done, scores, _ = finished
    copy = replace(done, out=tmp_path / "copy")
    shutil.copytree(done.out, copy.out)
    watcher = Watcher()
    other = bench_folds(copy, SOME[1:2], seed=5, progress=watcher)
    assert watcher.degraded == {"white:-5": 24}
    assert other.noise_seed == 5
    logits = done.predictions.logits.copy()
    logits[0] += 1e-9
    watcher = Watcher()
    bench_folds(replace(copy, predictions=replace(done.predictions, logits=logits)), SOME[3:], progress=watcher)
    assert watcher.degraded == {"telephone": 8}


def test_models_that_were_not_kept_are_fitted_again_and_say_so(tiny_corpus, tmp_path):
    from ser_toolkit.evaluation.job_progress import SilentJob

    class Cautions(SilentJob):
        said: list[str] = []

        def caution(self, text):
            self.said.append(text)

    out = tmp_path / "cv"
    first = cross_validate(tiny_corpus, config=LOGREG, out=out, models="drop")
    assert sorted(p.name for p in (out / "folds").glob("*.*")) == [f"seed-0-fold-{i}.parquet" for i in (1, 2, 3)]
    with pytest.raises(ModelError, match=r"seed-0-fold-1 is no folder"):
        bench_folds(first, SOME[:1])
    again = cross_validate(tiny_corpus, config=LOGREG, out=out, models="need", resume=True, progress=Cautions())
    assert [text for text in Cautions.said if "its model was not kept" in text] == [
        f"{fold.name}, seed 0: its model was not kept, and is fitted again" for fold in first.folds.folds
    ]
    np.testing.assert_array_equal(again.predictions.logits, first.predictions.logits)
    stamp = (out / "folds" / "seed-0-fold-1" / "recipe.json").stat().st_mtime_ns
    cross_validate(tiny_corpus, config=LOGREG, out=out, models="need", resume=True)
    assert (out / "folds" / "seed-0-fold-1" / "recipe.json").stat().st_mtime_ns == stamp
    assert len(bench_folds(again, SOME[:1]).conditions) == 1


@pytest.mark.parametrize("config", [LOGREG, NETWORK], ids=["estimator", "network"])
def test_a_kept_model_says_what_the_fold_said(config, tiny_corpus, tmp_path):
    done = cross_validate(tiny_corpus, config=config, out=tmp_path / "cv", device="cpu")
    features = Plan.make(done.config, done.data.labels, default_registry()).features
    ask = fold_model(tmp_path / "cv" / "folds" / "seed-0-fold-1", device="cpu", registry=default_registry())
    fold = done.folds.folds[0]
    rows = {key: [] for key in features.extractors}
    for i in fold.split.indices("test"):
        y = audio.decode(done.data.utterances[i].file, sr=features.sr).y
        for block in features.blocks(y):
            for key, values in block.features.items():
                rows[key] += values
    own = done.predictions.select(np.array([item.fold == fold.name for item in done.predictions.items]))
    np.testing.assert_allclose(ask(collate(rows, features.specs())), own.logits, atol=1e-5)


def test_a_kept_model_says_whom_it_has_heard(finished):
    done, *_ = finished
    for i, fold in enumerate(done.folds.folds):
        recipe = read_recipe(model_folder(done.out / "folds", 0, i))
        assert recipe.training is not None
        seen = Seen.of(recipe.training)
        for part in PARTS:
            known = [seen.has_speaker(done.data.utterances[j]) for j in fold.split.indices(part)]
            assert known and set(known) == {part != "test"}


def test_processes_give_the_same_features_in_the_same_order(finished):
    done, *_ = finished
    features = Plan.make(done.config, done.data.labels, default_registry()).features
    voices = done.data.utterances[:8]
    jobs = [NoisyJob(utterance=u, condition=c, voices=voices) for c in SOME[1:] for u in done.data.utterances[8:14]]
    extraction = NoisyExtraction(features=features, seed=3)
    here, there = (list(noisy_features(iter(jobs), extraction, n_jobs=len(jobs), workers=n)) for n in (1, 2))
    assert len(here) == len(there) == len(jobs)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_array_equal(a["melfun"], b["melfun"])


def test_a_recording_that_has_gone_ends_the_bench_by_name(finished):
    done, *_ = finished
    features = Plan.make(done.config, done.data.labels, default_registry()).features
    gone = replace(done.data.utterances[0], file=Path("nowhere.wav"), key="audio/nowhere.wav")
    job = NoisyJob(utterance=gone, condition=SOME[0])
    for workers in (1, 2):
        with pytest.raises(AudioError, match="missing: audio/nowhere.wav"):
            list(noisy_features([job], NoisyExtraction(features=features), n_jobs=1, workers=workers))


def test_babble_is_left_out_where_nobody_else_speaks(finished, tmp_path):
    done, *_ = finished
    features = Plan.make(done.config, done.data.labels, default_registry()).features
    alone = np.array([item.speaker == "speaker0" and item.seed == 0 for item in done.predictions.items])
    clean = replace(done.predictions.select(alone), notes=())
    by_key = {u.key: u for u in done.data.utterances}
    folder = done.out / "folds" / "seed-0-fold-1"
    subject = Subject(
        utterances=tuple(by_key[item.file] for item in clean.items),
        models=(
            FittedModel(
                name="model",
                clean=clean,
                load=lambda: fold_model(folder, device="cpu", registry=default_registry()),
            ),
        ),
    )
    benched = run_bench([subject], parse_conditions("babble:10,clip:5"), features, folder=tmp_path)
    assert [c.name for c in benched.noisy] == ["clip:5"]
    assert benched.notes == (
        "babble is made of other people's recordings, and 4 utterances have no other speaker beside them: "
        "babble was left out",
    )
    with pytest.raises(ConfigError, match="name other noise conditions"):
        run_bench([subject], parse_conditions("babble:10"), features, folder=tmp_path)


def test_babble_of_a_fold_is_of_speakers_that_it_does_not_train_on(finished):
    done, *_ = finished
    from ser_toolkit.noise.folds import _subjects
    from ser_toolkit.noise.voices import voices_for

    subjects = _subjects(done, device="cpu", registry=default_registry())
    for fold, subject in zip(done.folds.folds, subjects, strict=True):
        trained = {done.data.utterances[i].speaker for i in fold.split.indices("train")}
        for u in subject.utterances:
            heard = {voice.speaker for voice in voices_for(u, subject.utterances, subject.voices)}
            assert heard
            assert not heard & (trained | {u.speaker})

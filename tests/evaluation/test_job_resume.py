"""Going on with a cross-validation: what is kept, what is not done again, what is said once."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny import TINY

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.job import Job, read_dataset
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.audio_state import AUDIO
from ser_toolkit.training.config import check_config
from ser_toolkit.training.plan import Plan

LOGREG = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "logistic-regression"},
    "segments": {"preset": "utterance"},
    "split": {"protocol": "leave-one-pair-out", "allow_duplicates": True},
    "training": {"workers": 1},
}


class Watch:
    def __init__(self) -> None:
        self.extracted_now, self.folds, self.warnings = 0, [], []

    def __getattr__(self, name):
        return lambda *args, **kwargs: None

    def starting(self, *, warnings, **_):
        self.warnings = list(warnings)

    def extracting(self, done, total):
        self.extracted_now = done

    def fold_done(self, done):
        self.folds.append(done)


@pytest.fixture
def lossy(tiny_corpus, tmp_path):
    """Two recordings that cannot be used, of two test parts, and one that is heard under two speakers."""
    folder = tmp_path / "corpus"
    shutil.copytree(tiny_corpus.parent, folder)
    shutil.copy(folder / "audio" / "s0-anger-0.wav", folder / "audio" / "s3-anger-0.wav")
    for name in ("s1-anger-0", "s4-sadness-1"):
        (folder / "audio" / f"{name}.wav").write_bytes(b"no sound")
    return folder / "manifest.csv"


def test_a_finished_job_says_the_same_again_without_listening(lossy, tmp_path):
    out = tmp_path / "cv"
    first = cross_validate(lossy, config=LOGREG, out=out)
    assert [n for n in first.predictions.notes if "could not be used" in n] == [
        "2 test recordings could not be used: 2 undecodable (audio/s1-anger-0.wav, audio/s4-sadness-1.wav)"
    ]
    assert "DUPLICATE" in first.evaluation.protocol
    watch = Watch()
    again = cross_validate(lossy, config=LOGREG, out=out, resume=True, progress=watch)
    assert watch.extracted_now == 0
    assert [done.seconds for done in watch.folds] == [0.0] * 3
    assert again.predictions.notes == first.predictions.notes
    assert again.predictions.items == first.predictions.items
    np.testing.assert_array_equal(again.predictions.logits, first.predictions.logits)
    assert again.evaluation.protocol == first.evaluation.protocol
    assert again.digest == first.digest
    assert not (out / "work").exists() and not (out / "run.lock").exists()
    # without that file the audio is listened to again
    (out / AUDIO).unlink()
    watch = Watch()
    assert cross_validate(lossy, config=LOGREG, out=out, resume=True, progress=watch).predictions.notes
    assert watch.extracted_now == 24


def test_a_seed_is_not_added_with_other_audio(lossy, tmp_path):
    cross_validate(lossy, config=LOGREG, out=tmp_path / "cv", seeds=[0])
    shutil.copy(lossy.parent / "audio" / "s2-anger-0.wav", lossy.parent / "audio" / "s1-anger-0.wav")
    with pytest.raises(ConfigError, match="audio of 1 recordings changed.*s1-anger-0"):
        cross_validate(lossy, config=LOGREG, out=tmp_path / "cv", seeds=[0, 1], resume=True)


def test_settings_may_be_added_and_none_changed(tiny_corpus, tmp_path):
    config = check_config(LOGREG)
    data = read_dataset(tiny_corpus, config, speaker_pattern=None)
    job = Job.make(config, data, out=tmp_path / "job", device="cpu", network=False)

    def recipe(**model):
        changed = config.model_copy(update={"model": {"name": "logistic-regression", **model}})
        return Plan.make(changed, data.labels, default_registry()).check(job.counts())

    with job.begun({"one": recipe()}, resume=False):
        pass
    with (
        job.begun({"one": recipe(), "two": recipe(C=0.5)}, resume=True),
        pytest.raises(ConfigError, match="works in this folder"),
        job.begun({"one": recipe()}, resume=True),
    ):
        pass
    with job.begun({"one": recipe()}, resume=True):
        pass
    with (
        pytest.raises(ConfigError, match=r"components and libraries\.two"),
        job.begun({"two": recipe(C=0.25)}, resume=True),
    ):
        pass
    other = config.training.model_copy(update={"workers": 2, "seeds": [3, 4]})
    changed = replace(job, config=config.model_copy(update={"training": other}))
    with changed.begun({"one": recipe()}, resume=True):
        pass


def test_settings_of_networks_and_several_processes(tiny_corpus, tmp_path, monkeypatch):
    watch = Watch()
    config = {**LOGREG, "training": {"workers": 1, "soft_labels": True}, "augment": {"vector_noise": 0.5}}
    cross_validate(tiny_corpus, config=config, out=tmp_path / "cv", progress=watch)
    assert (
        "training.soft_labels, augment.vector_noise: do not apply to logistic-regression, for networks only"
        in watch.warnings
    )
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="fitted by one process"):
        cross_validate(tiny_corpus, config=LOGREG, out=tmp_path / "two")


def test_the_log_of_every_fold_is_kept(tiny_corpus, tmp_path):
    pytest.importorskip("tensorboard")
    config = {
        **TINY,
        "split": {"protocol": "leave-one-pair-out"},
        "training": {**TINY["training"], "epochs": 1, "tracker": "tensorboard"},
    }
    cross_validate(tiny_corpus, config=config, out=tmp_path / "cv", device="cpu")
    logs = tmp_path / "cv" / "folds" / "tensorboard"
    assert {p.name for p in logs.iterdir()} == {f"seed-0-fold-{i}" for i in (1, 2, 3)}
    assert all(list(p.rglob("events.out.tfevents.*")) for p in logs.iterdir())
    kept = {p.name for p in (tmp_path / "cv" / "folds").iterdir()}
    folds = {f"seed-0-fold-{i}{suffix}" for i in (1, 2, 3) for suffix in ("", ".parquet")}
    assert kept == {"tensorboard", "dev"} | folds
    models = {p.name for p in (tmp_path / "cv" / "folds" / "seed-0-fold-1").iterdir()}
    assert models == {"recipe.json", "weights.safetensors"}

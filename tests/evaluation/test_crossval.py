"""Cross-validation on real code and small sound: every utterance once, resume after a kill, nothing leaks."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import TINY

from ser_toolkit.errors import ConfigError, SplitError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.job import Job, read_dataset
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.config import check_config
from ser_toolkit.training.fitting import make_accelerator
from ser_toolkit.training.fold import fit_fold
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.progress import Silent

PAIRS = {**TINY, "split": {"protocol": "leave-one-pair-out"}}
LOGREG = {
    "features": {"gemaps": {"name": "egemaps"}},
    "model": {"name": "logistic-regression"},
    "segments": {"preset": "utterance"},
    "split": {"protocol": "leave-one-pair-out"},
    "training": {"workers": 1},
}


def test_every_utterance_is_tested_once_by_a_model_that_never_heard_its_speaker(tiny_corpus, tmp_path):
    done = cross_validate(tiny_corpus, config=PAIRS, out=tmp_path / "cv", device="cpu")
    with tiny_corpus.open(newline="") as file:
        speaker = {row["file"]: row["speaker"] for row in csv.DictReader(file)}
    assert sorted(item.file for item in done.predictions.items) == sorted(speaker)
    with (tmp_path / "cv" / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for fold in (c for c in rows[0] if {r[c] for r in rows} <= {"train", "dev", "test", ""}):
        sides = {}
        for row in rows:
            sides.setdefault(speaker[row["file"]], set()).add(row[fold])
        assert all(len(parts) == 1 for parts in sides.values())
    assert len({item.fold for item in done.predictions.items}) == 3
    assert done.evaluation.utterance.n == len(speaker)
    assert "leave-one-pair-out" in done.evaluation.protocol
    assert not (tmp_path / "cv" / "work").exists()


def test_seeds_can_be_added_and_those_of_a_deterministic_learner_have_no_spread(tiny_corpus, tmp_path):
    out = tmp_path / "cv"
    one = cross_validate(tiny_corpus, config=LOGREG, out=out, seeds=[0])
    with pytest.raises(ConfigError, match="not empty"):
        cross_validate(tiny_corpus, config=LOGREG, out=out, seeds=[0, 7])
    both = cross_validate(tiny_corpus, config=LOGREG, out=out, seeds=[0, 7], resume=True)
    assert one.predictions.seeds == (0,)
    assert both.predictions.seeds == (0, 7)
    mine = both.predictions.select(np.array([item.seed == 0 for item in both.predictions.items]))
    np.testing.assert_array_equal(mine.logits, one.predictions.logits)
    assert both.evaluation.utterance.ua.seeds is None
    assert any("does not depend on the seed" in text for text in both.evaluation.cautions)


def test_a_job_is_not_continued_with_another_configuration(tiny_corpus, tmp_path):
    cross_validate(tiny_corpus, config=LOGREG, out=tmp_path / "cv")
    other = {**LOGREG, "model": {"name": "logistic-regression", "C": 0.5}}
    with pytest.raises(ConfigError, match="changed since"):
        cross_validate(tiny_corpus, config=other, out=tmp_path / "cv", resume=True)


@pytest.mark.slow
def test_a_killed_job_goes_on_and_ends_with_the_same_numbers(tiny_corpus, tmp_path):
    whole = cross_validate(tiny_corpus, config=PAIRS, out=tmp_path / "whole", device="cpu")
    config = tmp_path / "tiny.toml"
    config.write_text(
        '[features.mel]\nname = "melspec"\nn_mels = 32\nhop_length = 512\n[features.gemaps]\nname = "egemaps"\n'
        + '[model]\nname = "cnn-dnn"\nfilters = [4, 4, 8, 8, 16]\nmfep_dense = [16, 16]\n'
        + "gfep_dense = [16]\nerp = [16]\n"
        + "[segments]\nwindow_s = 1.5\nhop_s = 0.75\n"
        + "[training]\nepochs = 2\nbatch_size = 8\nlr = 0.003\nworkers = 1\n"
        + '[split]\nprotocol = "leave-one-pair-out"\n'
    )
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "ser_toolkit", "evaluate", str(tiny_corpus), "--config", str(config)]
    command += ["--out", str(out), "--device", "cpu", "--no-cache"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = out / "folds" / "seed-0-fold-1.parquet"
    end = time.monotonic() + 120
    while not first.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.exists()
    assert not (out / "predictions.parquet").exists(), "it was killed too late to show anything"
    kept = os.stat(first).st_mtime_ns
    subprocess.run([*command, "--resume"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert os.stat(first).st_mtime_ns == kept
    resumed = Predictions.load(out / "predictions.parquet")
    assert resumed.items == whole.predictions.items
    np.testing.assert_array_equal(resumed.logits, whole.predictions.logits)


def test_changing_a_test_recording_moves_nothing_but_its_own_prediction(tiny_corpus, tmp_path):
    """Scaler, weights, choice of the epoch, temperature and thresholds come from training and development alone."""
    before = _fit_first_fold(tiny_corpus, tmp_path / "before")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_corpus.parent, copy)
    changed = next(i for i in before[1].split.indices("test"))
    name = before[0].utterances[changed].key
    y, sr = soundfile.read(copy / name, dtype="float32")
    soundfile.write(copy / name, np.tanh(5 * y[::-1]) * 0.3, sr)
    after = _fit_first_fold(copy / "manifest.csv", tmp_path / "after")
    assert before[2].calibration == after[2].calibration
    assert [replace(e, seconds=0) for e in before[2].epochs] == [replace(e, seconds=0) for e in after[2].epochs]
    for key, value in before[2].weights.items():
        assert (value == after[2].weights[key]).all(), key
    np.testing.assert_array_equal(before[2].logits["dev"], after[2].logits["dev"])
    owner = before[3].owner[before[3].windows_of(before[1].split.indices("test"))]
    moved = ~np.isclose(before[2].logits["test"], after[2].logits["test"], atol=1e-6).all(axis=1)
    assert set(owner[moved].tolist()) == {changed}


def _fit_first_fold(manifest: Path, out: Path):
    config = check_config(PAIRS)
    data = read_dataset(manifest, config, speaker_pattern=None)
    plan = Plan.make(config, data.labels, default_registry())
    job = Job.make(config, data, out=out, device="cpu", network=True)
    out.mkdir()
    store = job.features(plan, Silent(), cache=None)
    fold = job.folds.folds[0]
    (out / "fit" / "work").mkdir(parents=True)
    accelerator = make_accelerator(config, "cpu")
    fitted = fit_fold(plan, store, fold.split, data, config, accelerator, out / "fit", Silent())
    return data, fold, fitted, store


def test_the_same_recording_under_two_speakers_is_refused_and_can_be_allowed(tiny_corpus, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_corpus.parent, copy)
    shutil.copy(copy / "audio" / "s0-anger-0.wav", copy / "audio" / "s3-anger-0.wav")
    with pytest.raises(SplitError, match="s0-anger-0.*s3-anger-0|s3-anger-0.*s0-anger-0"):
        cross_validate(copy / "manifest.csv", config=LOGREG, out=tmp_path / "cv")
    allowed = {**LOGREG, "split": {"protocol": "leave-one-pair-out", "allow_duplicates": True}}
    done = cross_validate(copy / "manifest.csv", config=allowed, out=tmp_path / "cv2")
    assert any("DUPLICATE" in text.upper() for text in (done.evaluation.protocol, *done.evaluation.cautions))

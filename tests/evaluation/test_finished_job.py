"""A finished model's evaluation as a folder: kept, continued, benched; what is refused leaves nothing behind."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ser_toolkit.errors import ConfigError, SplitError
from ser_toolkit.evaluation.finished import evaluate_model
from ser_toolkit.evaluation.finished_job import finished_job
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.noise.bench import SilentBench
from ser_toolkit.noise.conditions import parse_conditions

SOME = parse_conditions("white:60,babble:0,telephone")


class Watcher(SilentBench):
    def __init__(self):
        self.degraded = []

    def degrading(self, condition, done, total):
        self.degraded.append(condition.name)


@pytest.fixture(scope="module")
def finished(tiny_corpus, tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "job"
    with finished_job(tiny_model, tiny_corpus, out=out, seen="mark", device="cpu", workers=1) as job:
        return out, job.predictions, job.bench(SOME)


def test_answers_are_kept_and_the_bench_is_added_to_them(finished, tiny_corpus, tiny_model):
    out, predictions, scores = finished
    kept = Predictions.load(out / "predictions.parquet")
    assert kept.items == predictions.items
    fresh = evaluate_model(tiny_model, tiny_corpus, seen="mark", device="cpu", workers=1)
    assert kept.protocol == fresh.protocol
    np.testing.assert_array_equal(kept.logits, fresh.logits)
    assert [c.name for c in scores.conditions] == [c.name for c in SOME]
    assert scores.conditions[0].lost.value == pytest.approx(0, abs=0.05)
    assert scores.n == 24
    # logits differ by a constant from those of the network: probabilities do not
    noisy = Predictions.load(out / "noise" / "white_60" / "model.parquet")
    np.testing.assert_allclose(noisy.windows(), kept.windows(), atol=0.1)


def test_a_finished_folder_gets_the_bench_alone(finished, tiny_corpus, tiny_model, tmp_path):
    out, predictions, _ = finished
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    stamp = (copy / "predictions.parquet").stat().st_mtime_ns
    asked, watcher = [], Watcher()
    more = parse_conditions("telephone,clip:20")
    with finished_job(
        tiny_model, tiny_corpus, out=copy, resume=True, seen="mark", device="cpu", workers=1,
        on_progress=lambda *_: asked.append(1),
    ) as job:  # fmt: skip
        assert job.predictions.items == predictions.items
        job.bench(more, progress=watcher)
    assert not asked
    assert watcher.degraded == ["clip:20"] * 24
    assert (copy / "predictions.parquet").stat().st_mtime_ns == stamp


def test_a_run_folder_is_a_model_too(tiny_corpus, tiny_run, tmp_path):
    with finished_job(tiny_run.run_dir, tiny_corpus, out=tmp_path / "job", seen="drop", device="cpu", workers=1) as job:
        assert str(tiny_run.run_dir) in job.predictions.protocol
        assert len(job.predictions.items) == 4  # the test part of the run: one speaker
        assert job.bench(parse_conditions("reverb:0.6")).n == 4


def test_another_model_or_manifest_is_not_continued(finished, tiny_corpus, tiny_model, tiny_run, tmp_path):
    out, *_ = finished
    rows = tiny_corpus.read_text().splitlines()
    less = tiny_corpus.parent / "less.csv"
    less.write_text("\n".join(rows[:-1]) + "\n")
    for model, manifest, said in ((tiny_run.run_dir, tiny_corpus, "model"), (tiny_model, less, "manifest_sha256")):
        with (
            pytest.raises(ConfigError, match=f"cannot resume, this changed since the run began: {said}"),
            finished_job(model, manifest, out=out, resume=True, seen="mark", device="cpu", workers=1),
        ):
            pass
    less.unlink()
    with pytest.raises(ConfigError, match="not empty"), finished_job(tiny_model, tiny_corpus, out=out, seen="mark"):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("mine")
    with (
        pytest.raises(ConfigError, match="it holds no evaluation to resume"),
        finished_job(tiny_model, tiny_corpus, out=tmp_path / "other", resume=True),
    ):
        pass


def test_what_is_refused_can_be_tried_again_in_the_same_folder(tiny_corpus, tiny_model, tmp_path):
    out = tmp_path / "job"
    with (
        pytest.raises(SplitError),
        finished_job(tiny_model, tiny_corpus, out=out, device="cpu", workers=1),
    ):
        pass
    assert not list(out.iterdir())
    with finished_job(tiny_model, tiny_corpus, out=out, seen="mark", device="cpu", workers=1) as job:
        assert len(job.predictions.items) == 24

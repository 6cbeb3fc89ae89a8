"""Concordance and error of speakers that were not trained on, with intervals over speakers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from rated_plugin import CONFIG, DIMENSIONS
from typer.testing import CliRunner

from ser_toolkit.cli import app
from ser_toolkit.errors import ConfigError, ManifestError, ModelError, SplitError
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
from ser_toolkit.evaluation.dimensions import agreement_of, evaluate_dimensions, moments
from ser_toolkit.evaluation.evaluation import evaluate_all
from ser_toolkit.evaluation.finished import evaluate_model
from ser_toolkit.evaluation.matching import match
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate
from ser_toolkit.evaluation.results import Evaluation
from ser_toolkit.noise.conditions import parse_conditions
from ser_toolkit.noise.folds import bench_folds
from ser_toolkit.report.evaluation_page import write_report
from ser_toolkit.training.agreement import agreement

FOLDS = {"protocol": "grouped-k-fold", "folds": 5}
QUICK = {**CONFIG, "training": {**CONFIG["training"], "epochs": 25}, "split": FOLDS}


def made(*, n=120, speakers=8, noise=0.5, seeds=(0,), labels=(), without=0):
    """Values of two dimensions with a known agreement; every tenth utterance has no rating of the second."""
    fixed = np.random.default_rng(3)
    truth = np.stack([fixed.uniform(1, 5, n), fixed.uniform(0, 100, n)], axis=1)
    items, owner, values = [], [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for i in range(n):
            owner += [len(items)] * (0 if i < without else 2)
            both = truth[i] + rng.normal(size=(2, 2)) * noise * [1, 25]
            values += [] if i < without else list(both)
            items.append(
                Item(
                    file=f"{i}.wav", emotion="anger", speaker=f"s{i % speakers}", seed=seed,
                    fold=f"fold {i % speakers % 4}",
                    ratings=(float(truth[i, 0]), None if i % 10 == 0 else float(truth[i, 1])),
                )
            )  # fmt: skip
    return Predictions(
        labels=labels, protocol="made", items=tuple(items), owner=np.array(owner, dtype=np.int64),
        logits=np.zeros((len(owner), len(labels))), dimensions=("valence", "arousal"), values=np.array(values),
    )  # fmt: skip


def test_scores_are_those_of_the_items():
    predictions = made(without=2)
    found = evaluate_dimensions(predictions, bootstraps=400)
    means, ratings = predictions.utterance_values(), predictions.ratings()
    for d, s in enumerate(found.scores):
        wanted = agreement(ratings[:, d], means[:, d])
        assert s.n == wanted.n
        assert s.ccc.estimate.value == pytest.approx(wanted.ccc)
        assert s.rmse.estimate.value == pytest.approx(wanted.rmse)
        assert s.ccc.estimate.low < wanted.ccc < s.ccc.estimate.high < 1
        assert s.rmse.estimate.low < wanted.rmse < s.rmse.estimate.high
        assert s.baseline == pytest.approx(np.nanstd(ratings[2:, d]))
        assert set(s.ccc.folds.values) == {f"fold {i}" for i in range(4)} and s.ccc.seeds is None
    fold = np.array([item.fold == "fold 1" for item in predictions.items])
    wanted = agreement(ratings[fold, 0], means[fold, 0])
    assert found.scores[0].rmse.folds.values["fold 1"] == pytest.approx(wanted.rmse)
    assert found.scores[0].ccc.folds.values["fold 1"] == pytest.approx(wanted.ccc)
    assert found.unit == "speakers" and found.n_without_window == 2
    assert any("12 of 120 utterances have no rating of arousal" in c for c in found.cautions)
    assert any("2 utterances gave no window" in c for c in found.cautions)
    assert any("only 8 speakers" in c for c in found.cautions)


def test_json_there_and_back():
    found = evaluate_dimensions(made(seeds=(0, 1)), bootstraps=50)
    assert DimensionEvaluation.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert found.scores[0].ccc.seeds.sd > 0 and found.seeds == (0, 1)
    both = evaluate_all(made(labels=("anger", "sadness")))
    assert isinstance(both, Evaluation)
    assert Evaluation.from_json(json.loads(json.dumps(both.to_json()))) == both
    assert both.dimensions.scores[0].ccc.estimate.value > 0.8


def test_the_interval_is_wider_where_speakers_differ():
    """Speakers whose values are all shifted are one observation each."""
    calm = made(noise=0.3, n=400)
    shift = np.random.default_rng(0).normal(size=8)
    own = np.array([int(item.speaker[1:]) for item in calm.items])[calm.owner]
    moved = replace(calm, values=calm.values + shift[own][:, None] * [0.6, 0.0])
    widths = [(e := evaluate_dimensions(p, bootstraps=400).scores[0].ccc.estimate).high - e.low for p in (calm, moved)]
    assert widths[1] > 3 * widths[0]


def test_moments_of_groups_add_up():
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=(2, 60))
    group, other = rng.integers(3, size=60), rng.integers(2, size=60)
    sums = moments(y, x, group, other, shape=(3, 2))
    ccc, rmse = agreement_of(sums.sum(axis=(0, 1)))
    wanted = agreement(y, x)
    assert (float(ccc), float(rmse)) == pytest.approx((wanted.ccc, wanted.rmse))
    ccc, rmse = agreement_of(moments(y[:1], x[:1], group[:1], other[:1], shape=(3, 2)))
    assert np.isnan(ccc).all() and np.isnan(rmse).all()


def test_tables_of_predictions(tmp_path):
    for predictions in (made(), made(labels=("anger", "sadness"))):
        predictions.save(tmp_path / "p.parquet")
        again = Predictions.load(tmp_path / "p.parquet")
        assert again.items == predictions.items and again.dimensions == ("valence", "arousal")
        np.testing.assert_array_equal(again.values, predictions.values)
        assert again.logits.shape == predictions.logits.shape
    half = predictions.select(np.arange(120) < 60)
    rest = predictions.select(np.arange(120) >= 60)
    np.testing.assert_array_equal(concatenate([half, rest]).values, predictions.values)
    with pytest.raises(ModelError, match="different labels"):
        concatenate([half, replace(rest, dimensions=("valence", "dominance"))])
    wrong = replace(predictions, items=(replace(predictions.items[0], ratings=(1.0,)), *predictions.items[1:]))
    wrong.save(tmp_path / "w.parquet")
    with pytest.raises(ModelError, match="1 ratings for 2 dimensions"):
        Predictions.load(tmp_path / "w.parquet")
    with pytest.raises(ModelError, match="fewer than two utterances with a rating"):
        evaluate_dimensions(made().select(np.arange(120) < 1))
    with pytest.raises(ModelError, match="dimensions are not compared"):
        match(made(), made())


@pytest.fixture(scope="module")
def validated(plugin, corpus, tmp_path_factory):
    config = {**QUICK, "targets": {**DIMENSIONS, "emotions": False, "loss": {"name": "ccc"}}}
    return cross_validate(corpus, config=config, out=tmp_path_factory.mktemp("cv") / "cv", device="cpu")


def test_cross_validation_of_dimensions_alone(validated, tmp_path):
    found = validated.evaluation
    assert isinstance(found, DimensionEvaluation)
    assert len(found.folds) == 5 and found.n == 60 and found.n_speakers == 10
    for s in found.scores:
        assert s.ccc.estimate.value > 0.9 and s.ccc.estimate.low > 0.8
        assert s.rmse.estimate.value < 0.5 * s.baseline
    assert validated.about()["model"] == "heads, ccc loss"
    write_report(found, tmp_path, title="<b>", about={"model": "a|b"})
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "CCC of valence" in page and "<h1>&lt;b&gt;</h1>" in page and "| valence |" in text
    assert json.loads((tmp_path / "evaluation.json").read_text())["scores"][0]["dimension"] == "valence"
    with pytest.raises(ConfigError, match="noise bench scores emotions"):
        bench_folds(validated, parse_conditions("white:10"))


def test_cross_validation_of_both_resumes(plugin, corpus, tmp_path):
    config = {**QUICK, "targets": {"dimensions": ["arousal"]}}
    config["training"] = {**config["training"], "epochs": 3}
    first = cross_validate(corpus, config=config, out=tmp_path / "cv", device="cpu")
    again = cross_validate(corpus, config=config, out=tmp_path / "cv", device="cpu", resume=True)
    assert first.evaluation == again.evaluation
    assert first.evaluation.utterance.ua.estimate.value > 0.5
    assert first.evaluation.dimensions.scores[0].dimension == "arousal"
    assert first.evaluation.n == 80  # with the recordings that nobody rated
    write_report(first.evaluation, tmp_path / "r", title="Both", about={})
    assert "<h2>Dimensions</h2>" in (tmp_path / "r" / "report.html").read_text()
    assert "## Dimensions" in (tmp_path / "r" / "report.md").read_text()


def test_a_finished_model(alone, alone_model, both_model, corpus, tmp_path):
    with pytest.raises(SplitError):
        evaluate_model(alone_model, corpus, workers=1, device="cpu")
    said = evaluate_model(alone_model, corpus, workers=1, device="cpu", seen="drop")
    found = evaluate_all(said)
    assert isinstance(found, DimensionEvaluation) and found.n_speakers == 2
    for s in found.scores:
        assert s.ccc.estimate.value == pytest.approx(alone.test.dimensions[s.dimension].ccc, abs=1e-3)
    both = evaluate_all(evaluate_model(both_model, corpus, workers=1, device="cpu", seen="drop"))
    assert both.dimensions.scores[1].ccc.estimate.value > 0.9 and both.utterance.ua.estimate.value > 0.8
    lines = [",".join([str(corpus.parent / f"audio/{s}-{i}.wav"), f"new{s}", "anger"]) for s in (0, 1) for i in (0, 1)]
    (tmp_path / "manifest.csv").write_text("\n".join(["file,speaker,emotion", *lines]) + "\n")
    with pytest.raises(ManifestError, match="no recording has a rating of valence, arousal"):
        evaluate_model(alone_model, tmp_path / "manifest.csv", workers=1, device="cpu")


def test_the_commands(plugin, corpus, tmp_path):
    runner = CliRunner()
    (tmp_path / "c.toml").write_text(
        '[features.vector]\nname = "fake-vector"\n[model]\nname = "heads"\n[segments]\nwindow_s = 0.5\nhop_s = 0.5\n'
        "[training]\nepochs = 3\nbatch_size = 16\nlr = 0.02\nworkers = 1\n"
        '[targets]\nemotions = false\ndimensions = ["valence", "arousal"]\n'
    )
    given = ["--config", str(tmp_path / "c.toml"), "--device", "cpu", "--no-cache"]
    done = runner.invoke(app, ["train", str(corpus), *given, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "test, valence per utterance" in done.stdout and "UA" not in done.stdout
    done = runner.invoke(app, ["evaluate", str(corpus), *given, "--folds", "3", "--out", str(tmp_path / "cv")])
    assert done.exit_code == 0, done.output
    assert "CCC" in done.stdout and "RMSE" in done.stdout
    assert (tmp_path / "cv" / "report.html").is_file()

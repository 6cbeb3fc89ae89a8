"""Ratings are learnt beside emotions or in place of them; what nobody rated still teaches the emotions."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from rated_plugin import CONFIG, DIMENSIONS
from safetensors.numpy import load_file

from ser_toolkit.errors import ComponentError, ConfigError, ManifestError, SplitError
from ser_toolkit.recipe import Recipe, Scale
from ser_toolkit.training.agreement import Agreement, agreement
from ser_toolkit.training.config import check_config, read_config
from ser_toolkit.training.dataset import read_dataset
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.objective import Objective
from ser_toolkit.training.ratings import from_unit, to_unit
from ser_toolkit.training.results import read_result
from ser_toolkit.training.run import train


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_dimensions_alone_are_learnt(alone):
    assert alone.test.utterance is None and alone.test.levels == {}
    for name in ("valence", "arousal"):
        assert alone.test.dimensions[name].ccc > 0.9, alone.test.dimensions
        assert alone.dev.dimensions[name].ccc > 0.9
    assert read_result(alone.run_dir) == alone or str(read_result(alone.run_dir)) == str(alone)  # NaN is not NaN
    names = {p.name for p in alone.run_dir.iterdir()}
    assert "confusion.png" not in names
    recipe = alone.recipe
    assert recipe.labels == () and recipe.dimensions == ("valence", "arousal")
    assert recipe.loss is None and recipe.calibration is None
    assert recipe.targets[0].loss.name == "ccc" and recipe.outputs == ("dimensions",)
    assert recipe.scales[0] == Scale(low=1, high=5)  # as given
    assert 0 <= recipe.scales[1].low < 1 and 9 < recipe.scales[1].high <= 10  # as in the manifest
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_scores_are_those_of_the_written_predictions(alone):
    rows = [r for r in read(alone.run_dir / "predictions.csv") if r["part"] == "test"]
    assert list(rows[0]) == [
        "part", "file", "speaker", "emotion", "valence", "predicted valence", "arousal", "predicted arousal",
    ]  # fmt: skip
    for name in ("valence", "arousal"):
        rated = [(float(r[name]), float(r[f"predicted {name}"])) for r in rows if r[name]]
        found = agreement(*np.array(rated).T)
        assert found.n == alone.test.dimensions[name].n
        assert found.ccc == pytest.approx(alone.test.dimensions[name].ccc, abs=1e-4)
        assert found.rmse == pytest.approx(alone.test.dimensions[name].rmse, abs=1e-4)
    assert not any(r["valence"] == "" and r["arousal"] == "" for r in rows)  # what nobody rated is not used


def test_epochs_say_how_dimensions_are_learnt(alone, both):
    rows = read(alone.run_dir / "epochs.csv")
    assert list(rows[0])[-4:] == ["dev_ccc_valence", "dev_rmse_valence", "dev_ccc_arousal", "dev_rmse_arousal"]
    epoch = Epoch.from_row(rows[-1])
    assert np.isnan(epoch.dev_ua) and epoch.dimensions["dev_ccc_arousal"] > 0.9
    assert epoch.dev_score == pytest.approx(
        (epoch.dimensions["dev_ccc_valence"] + epoch.dimensions["dev_ccc_arousal"]) / 2
    )
    last = both.epochs[-1]
    assert last.dev_score == last.dev_ua and last.dimensions["dev_rmse_valence"] < 0.6


def test_emotions_and_dimensions_together(both, corpus):
    assert both.test.utterance.ua > 0.8
    assert min(found.ccc for found in both.test.dimensions.values()) > 0.9
    assert both.recipe.outputs == ("emotion", "dimensions")
    assert both.recipe.labels == ("anger", "sadness")
    assert both.recipe.loss.name == "cross-entropy" and both.recipe.targets[1].loss.name == "mse"
    assert both.recipe.targets[1].weight == 2.0
    assert both.recipe.calibration.conformal.n > 0
    rows = [r for r in read(both.run_dir / "predictions.csv") if r["part"] == "test"]
    assert both.test.utterance.n == len(rows) == 2 * 8  # with the recordings that nobody rated
    assert sum(r["valence"] != "" for r in rows) == both.test.dimensions["valence"].n < len(rows)
    metrics = json.loads((both.run_dir / "metrics.json").read_text())
    assert metrics["test"]["dimensions"]["arousal"]["ccc"] == both.test.dimensions["arousal"].ccc


def test_what_nobody_rated_still_teaches_the_emotions(plugin, corpus, tmp_path):
    """With ratings of two recordings and a tiny weight the network is nearly that of the emotions alone."""
    rows = read(corpus)
    text = ["file,speaker,emotion,gender,valence,arousal"]
    for i, r in enumerate(rows):
        rated = ",".join((r["valence"], r["arousal"])) if i % 8 in (1, 2) else ","
        text.append(f"{corpus.parent / r['file']},{r['speaker']},{r['emotion']},{r['gender']},{rated}")
    (tmp_path / "manifest.csv").write_text("\n".join(text) + "\n")
    config = {**CONFIG, "targets": {"dimensions": ["arousal"], "weight": 1e-6}}
    run = train(tmp_path / "manifest.csv", config=config, out=tmp_path / "run", device="cpu")
    assert run.test.utterance.ua > 0.8
    assert run.test.utterance.n == 16 and run.test.dimensions["arousal"].n == 4


def test_class_only_configuration_is_as_if_there_were_no_ratings(plugin, corpus, tmp_path):
    bare = tmp_path / "manifest.csv"
    rows = read(corpus)
    columns = ("speaker", "emotion", "gender")
    lines = [",".join([str(corpus.parent / r["file"]), *(r[c] for c in columns)]) for r in rows]
    bare.write_text("\n".join(["file,speaker,emotion,gender", *lines]) + "\n")
    config = {**CONFIG, "training": {**CONFIG["training"], "epochs": 2}}
    one, two = (train(m, config=config, out=tmp_path / str(i), device="cpu") for i, m in enumerate((corpus, bare)))
    a, b = (load_file(run.run_dir / "weights.safetensors") for run in (one, two))
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert "dimensions" not in one.recipe.to_json() and '"scales"' not in one.recipe.to_json()
    assert one.epochs[0].dimensions == {} and "dev_ccc" not in (one.run_dir / "epochs.csv").read_text()


def test_resume_is_exact_and_mixup_mixes_ratings(plugin, corpus, tmp_path):
    config = {
        **CONFIG,
        "augment": {"mixup": 0.4},
        "targets": {"dimensions": ["arousal"], "loss": {"name": "ccc"}},
        "training": {**CONFIG["training"], "epochs": 3, "select": "last"},
    }

    class StopAfterFirst:
        def __getattr__(self, name):
            return lambda *args, **kwargs: None

        def epoch(self, row):
            raise InterruptedError

    whole = train(corpus, config=config, out=tmp_path / "whole", device="cpu")
    with pytest.raises(InterruptedError):
        train(corpus, config=config, out=tmp_path / "cut", device="cpu", progress=StopAfterFirst())
    cut = train(corpus, config=config, out=tmp_path / "cut", device="cpu", resume=True)
    a, b = (load_file(run.run_dir / "weights.safetensors") for run in (whole, cut))
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert np.isfinite(whole.epochs[-1].train_loss)
    dimensions_only = {**config, "targets": {**config["targets"], "emotions": False}}
    mixed = train(corpus, config=dimensions_only, out=tmp_path / "only", device="cpu")
    assert np.isfinite(mixed.epochs[-1].train_loss)


def test_what_cannot_be_learnt_is_refused_before_any_work(plugin, corpus, tmp_path):
    cases = [
        ({"dimensions": ["dominance"]}, {}, ManifestError, "no recording has a rating of dominance"),
        ({"dimensions": ["valence"], "range": {"valence": [2, 5]}}, {}, ManifestError, "ratings from 1"),
        ({"dimensions": ["valence"]}, {"model": {"name": "svm"}}, ConfigError, "learnt by networks"),
        ({"dimensions": ["valence"], "loss": {"name": "focal"}}, {}, ComponentError, "class target"),
        ({"dimensions": ["valence"]}, {"loss": {"name": "mse"}}, ComponentError, "regression target"),
        (
            {"dimensions": ["valence"], "emotions": False}, {"distill": {"teachers": ["x"]}}, ConfigError,
            "teachers teach emotions",
        ),
        (
            {"dimensions": ["valence"]}, {"features": {"dimensions": {"name": "fake-vector"}}}, ConfigError,
            "clash.*'emotion' or 'dimensions'",
        ),
    ]  # fmt: skip
    for targets, changes, error, said in cases:
        with pytest.raises(error, match=said):
            train(corpus, config={**CONFIG, **changes, "targets": targets}, out=tmp_path / "run", device="cpu")
        assert not (tmp_path / "run").exists()
    flat = tmp_path / "manifest.csv"
    lines = [",".join([str(corpus.parent / r["file"]), r["speaker"], r["emotion"], "3"]) for r in read(corpus)]
    flat.write_text("\n".join(["file,speaker,emotion,valence", *lines]) + "\n")
    with pytest.raises(ManifestError, match="all ratings of valence are 3"):
        train(flat, config={**CONFIG, "targets": {"dimensions": ["valence"]}}, out=tmp_path / "run", device="cpu")


def test_a_part_without_ratings_is_refused(plugin, corpus, tmp_path):
    lines = [
        ",".join(
            [str(corpus.parent / r["file"]), r["speaker"], r["emotion"], r["arousal"] if r["speaker"] == "s0" else ""]
        )
        for r in read(corpus)
    ]
    (tmp_path / "m.csv").write_text("\n".join(["file,speaker,emotion,arousal", *lines]) + "\n")
    config = {**CONFIG, "targets": {"dimensions": ["arousal"]}, "split": {"protocol": "leave-one-speaker-out"}}
    with pytest.raises(SplitError, match="fewer than two training recordings with a rating of arousal"):
        train(tmp_path / "m.csv", config=config, out=tmp_path / "run", device="cpu")


def test_the_table_of_targets():
    assert read_config().targets is None
    config = read_config(None, ["targets.dimensions=['valence']", "targets.loss.name=ccc"])
    assert config.targets.loss == {"name": "ccc"} and config.targets.emotions and config.targets.weight == 0.5
    wrong = [
        ({"dimensions": []}, "dimensions"),
        ({"dimensions": ["anger"]}, "valence"),
        ({"dimensions": ["valence", "valence"]}, "repeat"),
        ({"dimensions": ["valence"], "range": {"arousal": [1, 5]}}, "not among"),
        ({"dimensions": ["valence"], "range": {"valence": [5, 1]}}, "the least value comes first"),
        ({"dimensions": ["valence"], "weight": 0}, "weight"),
        ({"dimensions": ["valence"], "scale": 1}, "scale"),
        ({"dimensions": ["valence"], "loss": {}}, None),
    ]
    for targets, said in wrong:
        if said is None:
            assert check_config({"targets": targets}).targets.loss == {"name": "mse"}
            continue
        with pytest.raises(ConfigError, match=said):
            check_config({"targets": targets})


def test_ratings_of_a_manifest(corpus):
    config = check_config({**CONFIG, "targets": {**DIMENSIONS, "emotions": False}})
    data = read_dataset(corpus, config, speaker_pattern=None)
    assert data.labels == () and len(data.utterances) == 60 and not data.classes.any()
    ratings = data.ratings()
    assert ratings.shape == (60, 2) and np.isnan(ratings).sum() == 2
    scales = list(data.scales.values())
    unit = to_unit(ratings, scales)
    assert unit.dtype == np.float32 and np.nanmin(unit) >= -1 and np.nanmax(unit) <= 1
    np.testing.assert_allclose(from_unit(unit, scales), ratings, atol=1e-5)
    np.testing.assert_allclose(from_unit(np.array([[7.0, -7.0]]), scales), [[5.0, scales[1].low]])


def test_a_manifest_of_ratings_alone(plugin, corpus, tmp_path):
    lines = [
        ",".join([str(corpus.parent / r["file"]), r["speaker"], r["valence"]]) for r in read(corpus) if r["valence"]
    ]
    (tmp_path / "m.csv").write_text("\n".join(["file,speaker,valence", *lines]) + "\n")
    config = {**CONFIG, "targets": {"dimensions": ["valence"], "emotions": False}}
    run = train(tmp_path / "m.csv", config=config, out=tmp_path / "run", device="cpu")
    assert run.test.dimensions["valence"].ccc > 0.9
    with pytest.raises(ManifestError, match=r"two emotions, the manifest has none \(targets.emotions = false"):
        train(tmp_path / "m.csv", config=CONFIG, out=tmp_path / "x", device="cpu")
    mixed = [*lines, f"{corpus.parent / 'audio/0-3.wav'},s0,"]
    (tmp_path / "m.csv").write_text("\n".join(["file,speaker,valence", *mixed]) + "\n")
    with pytest.raises(ManifestError, match="column 'emotion': the cell is empty"):
        train(tmp_path / "m.csv", config=config, out=tmp_path / "y", device="cpu")


def test_agreement_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert agreement(x, x) == Agreement(n=4, ccc=1.0, rmse=0.0)
    assert agreement(x, -x).ccc == pytest.approx(-2 * 1.25 / (1.25 + 1.25 + 25))
    shifted = agreement(x, x + 1)
    assert shifted.rmse == pytest.approx(1) and shifted.ccc == pytest.approx(2.5 / 3.5)
    holed = agreement(np.array([1.0, np.nan, 3.0]), np.array([1.0, 2.0, np.nan]))
    assert holed.n == 1 and np.isnan(holed.ccc) and holed.rmse == 0
    assert np.isnan(agreement(np.array([np.nan]), x[:1]).rmse)
    assert agreement(np.ones(3), np.ones(3)).ccc == 0.0
    assert Agreement.from_json(holed.to_json()).n == 1 and holed.to_json()["ccc"] is None


def test_the_objective_adds_weighted_losses():
    outputs = {"emotion": torch.zeros(2, 3), "dimensions": torch.ones(2, 1)}
    labels, rated = torch.tensor([0, 1]), torch.tensor([[0.0], [3.0]])
    cross, square = torch.nn.CrossEntropyLoss(), torch.nn.MSELoss()
    both = Objective(cross, square, weight=0.5)(outputs, labels, rated)
    assert float(both) == pytest.approx(np.log(3) + 0.5 * 2.5)
    alone = Objective(None, square)({"dimensions": outputs["dimensions"]}, labels, rated)
    assert float(alone) == pytest.approx(2.5)
    assert float(Objective(cross)({"emotion": outputs["emotion"]}, labels, None)) == pytest.approx(np.log(3))

"""Calibration on other folds: nothing of a fold has a part in its own temperature, and a final model gets all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import random_predictions
from tiny import TINY

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.calibration_error import expected_calibration_error
from ser_toolkit.evaluation.crossval import cross_validate
from ser_toolkit.evaluation.fold_calibration import calibrate_across, calibration_of
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.evaluation.run_folds import model_folder
from ser_toolkit.training.checkpoint import read_recipe
from ser_toolkit.training.config import CalibrationConfig, check_config
from ser_toolkit.training.run import train

FOLDS = CalibrationConfig(on="folds")
CONFIG = {**TINY, "split": {"protocol": "leave-one-pair-out"}, "calibration": {"on": "folds", "alpha": 0.2}}


def _ece(predictions: Predictions) -> float:
    mean, has = predictions.utterances()
    return expected_calibration_error(mean[has].max(axis=1), (predictions.predicted() == predictions.truth)[has])


def test_the_logits_of_a_fold_have_no_part_in_its_own_calibration():
    made = random_predictions(n=200, speakers=8, folds=4)
    own = np.array([item.fold == "fold 2" for item in made.items])
    louder = replace(made, logits=np.where(own[made.owner][:, None], 9.0 * made.logits, made.logits))
    (before, found), (_, after) = calibrate_across(made, FOLDS), calibrate_across(louder, FOLDS)
    assert found[0, "fold 2"] == after[0, "fold 2"]
    assert found[0, "fold 1"].temperature < after[0, "fold 1"].temperature
    assert {item.temperature for item in before.items} == {one.temperature for one in found.values()}
    np.testing.assert_array_equal(before.logits, made.logits)


def _calibrated(n: int = 3000) -> Predictions:
    """Predictions of one window each, whose truth is drawn from their own probabilities."""
    rng = np.random.default_rng(5)
    logits = 2.0 * rng.normal(size=(n, 3))
    drawn = (logits + rng.gumbel(size=(n, 3))).argmax(axis=1)
    made = random_predictions(n=n, folds=5)
    items = (replace(item, emotion=made.labels[k]) for item, k in zip(made.items, drawn, strict=True))
    return replace(made, items=tuple(items), owner=np.arange(n), logits=logits)


def test_confidence_that_is_wrong_by_a_factor_is_mended_and_sets_hold_what_they_promise():
    loud = replace(_calibrated(), logits=4.0 * _calibrated().logits)
    mended, found = calibrate_across(loud, FOLDS)
    assert all(3.6 < one.temperature < 4.4 for one in found.values())
    assert _ece(mended) < 0.03 < 0.1 < _ece(loud)
    sets, truth = mended.sets(), mended.truth
    assert abs(sets[np.arange(len(truth)), truth].mean() - 0.9) < 0.03


def test_each_seed_is_calibrated_by_itself():
    made = random_predictions(seeds=(0, 1))
    _, both = calibrate_across(made, FOLDS)
    _, first = calibrate_across(made.select(np.array([item.seed == 0 for item in made.items])), FOLDS)
    assert {key: both[key] for key in first} == first


def test_without_sets_there_is_no_promise():
    mended, found = calibrate_across(random_predictions(), CalibrationConfig(on="folds", method="none"))
    assert mended.alpha is None
    assert all(one.conformal is None for one in found.values())


def test_a_single_fold_has_nothing_to_calibrate_on(tiny_corpus, tmp_path):
    with pytest.raises(ConfigError, match="beside fold 1 no fold has predictions"):
        calibrate_across(random_predictions(folds=1), FOLDS)
    with pytest.raises(ConfigError, match="takes two folds or more"):
        cross_validate(tiny_corpus, config={**CONFIG, "split": {"protocol": "hold-out"}}, out=tmp_path / "one")


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory):
    done = cross_validate(tiny_corpus, config=CONFIG, out=tmp_path_factory.mktemp("folds") / "cv", device="cpu")
    done.predictions.save(done.out / "predictions.parquet")
    return done


def test_kept_models_have_the_calibration_of_their_fold(finished):
    for i, fold in enumerate(finished.folds.folds):
        said = {item.temperature for item in finished.predictions.items if item.fold == fold.name}
        recipe = read_recipe(model_folder(finished.out / "folds", 0, i))
        assert said == {recipe.calibration.temperature}
        assert recipe.calibration.fitted_on == "the test speakers of 2 other folds"


def test_a_final_model_is_calibrated_on_all_folds(finished, tiny_corpus, tmp_path):
    config = check_config({**CONFIG, "split": {"protocol": "hold-out", "test": 0.0}})
    found = calibration_of(finished.out, config)
    assert found.conformal.n == len(finished.predictions.items)
    assert found.fitted_on == "6 unheard speakers, 3-fold cross-validation"
    result = train(tiny_corpus, config=config, out=tmp_path / "run", device="cpu", calibration=found)
    assert read_recipe(result.run_dir).calibration == found
    with pytest.raises(ConfigError, match="needs a finished cross-validation"):
        train(tiny_corpus, config=config, out=tmp_path / "none", device="cpu")
    with pytest.raises(ConfigError, match='takes calibration.on = "folds"'):
        train(tiny_corpus, config=TINY, out=tmp_path / "two", device="cpu", calibration=found)


def test_a_cross_validation_of_other_components_is_refused(finished, tmp_path):
    other = check_config({**CONFIG, "loss": {"name": "cross-entropy"}})
    with pytest.raises(ConfigError, match=r"the models there are others: loss.name: \"focal\" -> \"cross-entropy\""):
        calibration_of(finished.out, other)
    with pytest.raises(ConfigError, match="holds no finished cross-validation"):
        calibration_of(tmp_path, other)


def test_a_finished_job_says_the_same_again(finished, tiny_corpus):
    again = cross_validate(tiny_corpus, config=CONFIG, out=finished.out, resume=True, device="cpu")
    assert again.predictions.items == finished.predictions.items
    assert Predictions.load(finished.out / "predictions.parquet").items == finished.predictions.items

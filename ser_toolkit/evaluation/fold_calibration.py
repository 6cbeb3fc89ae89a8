"""Calibration on what the models of a cross-validation say of speakers that they have not heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.overlap import counted
from ser_toolkit.evaluation.predictions import PREDICTIONS, Predictions
from ser_toolkit.training.calibration import calibrate
from ser_toolkit.training.checkpoint import RECIPE, read_recipe
from ser_toolkit.training.folder import changes_of, read_state, with_new_settings

if TYPE_CHECKING:
    from ser_toolkit.recipe import Calibration
    from ser_toolkit.training.config import CalibrationConfig, TrainConfig

    ByFold = Mapping[tuple[int, str], Calibration]

__all__ = ["calibrate_across", "calibration_of", "keep_calibration"]

_SAME = ("emotions", "sr", "preprocess", "features", "segments", "model", "loss")


def calibrate_across(predictions: Predictions, config: CalibrationConfig) -> tuple[Predictions, ByFold]:
    """Calibrate each fold on the test parts of all others.

    Parameters
    ----------
    predictions : Predictions
        Of all folds; temperatures and thresholds in it are replaced.
    config : CalibrationConfig
        Method and alpha of the sets.

    Returns
    -------
    predictions : Predictions
        The same logits, with temperatures and thresholds that no recording of the same fold had a part in.
    calibrations : mapping of (int, str) to Calibration
        By seed and name of the fold.

    Raises
    ------
    ConfigError
        If a fold is the only one with predictions.

    Notes
    -----
    This is cross-fitting of one number and a threshold. The models whose logits they come from have heard the fold's
    speakers in training, which tells a temperature next to nothing of them. Development speakers, the other way, are so
    few that their temperature is mostly chance: of three or four speakers it can make a model less well calibrated.
    """
    seed = np.array([item.seed for item in predictions.items])
    fold = np.array([item.fold for item in predictions.items])
    found = {}
    for key in dict.fromkeys((item.seed, item.fold) for item in predictions.items):
        others = predictions.select((seed == key[0]) & (fold != key[1]))
        if not len(others.owner):
            raise ConfigError(
                f'calibration.on = "folds": beside {key[1]} no fold has predictions to calibrate on. Take a protocol '
                'with more folds, or calibration.on = "development"'
            )
        found[key] = _fit(others, config, f"the test speakers of {len({i.fold for i in others.items})} other folds")
    items = []
    for item in predictions.items:
        one = found[item.seed, item.fold]
        thresholds = one.conformal.thresholds if one.conformal else ()
        items.append(replace(item, temperature=one.temperature, thresholds=thresholds))
    alpha = None if config.method == "none" else config.alpha
    return replace(predictions, items=tuple(items), alpha=alpha), found


def keep_calibration(folder: Path, calibration: Calibration) -> None:
    """Put a calibration into the recipe of a fold's model, if the model was kept.

    Parameters
    ----------
    folder : Path
        Of `ser_toolkit.evaluation.run_folds.model_folder`.
    calibration : Calibration
        Of `calibrate_across`.
    """
    if (folder / RECIPE).is_file():
        recipe = read_recipe(folder).model_copy(update={"calibration": calibration})
        atomic.write_text(folder / RECIPE, recipe.to_json() + "\n")


def calibration_of(folder: Path, config: TrainConfig) -> Calibration:
    """Calibration for a model that is trained on all speakers, from a cross-validation of the same components.

    Parameters
    ----------
    folder : Path
        What ``ser-toolkit evaluate --out`` wrote.
    config : TrainConfig
        Of the model that is to be calibrated.

    Returns
    -------
    Calibration
        Fitted on the test parts of all folds, of the first seed.

    Raises
    ------
    ConfigError
        If the folder holds no finished cross-validation, or one of other components.
    ModelError
        If its predictions cannot be read.
    """
    if not (folder / PREDICTIONS).is_file():
        raise ConfigError(
            f"{folder} holds no finished cross-validation ({PREDICTIONS}): give the folder that "
            "`ser-toolkit evaluate --config ... --out` wrote"
        )
    before, now = read_state(folder).get("config"), config.model_dump(mode="json")
    if not isinstance(before, dict):
        raise ConfigError(f"{folder}: it does not say what was cross-validated; evaluate again with another --out")
    before = with_new_settings(before, now)
    changed = [text for key in _SAME for text in changes_of(key, before.get(key), now[key])]
    if changed:
        raise ConfigError(
            f"{folder}: cannot calibrate on it, the models there are others: {', '.join(changed[:5])}. Evaluate this "
            "configuration first"
        )
    predictions = Predictions.load(folder / PREDICTIONS)
    first = predictions.select(np.array([item.seed == predictions.seeds[0] for item in predictions.items]))
    n_folds, n_speakers = (len({getattr(i, what) for i in first.items} - {None}) for what in ("fold", "speaker"))
    return _fit(first, config.calibration, f"{counted(n_speakers, 'unheard speaker')}, {n_folds}-fold cross-validation")


def _fit(predictions: Predictions, config: CalibrationConfig, fitted_on: str) -> Calibration:
    return calibrate(
        predictions.logits,
        predictions.owner,
        predictions.truth,
        labels=predictions.labels,
        config=config,
        fitted_on=fitted_on,
    )

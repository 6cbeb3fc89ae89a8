"""Fitting every fold with every seed; what is finished is kept and not done again."""

from __future__ import annotations

import functools
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ser_toolkit.errors import ConfigError, ModelError, SplitError
from ser_toolkit.evaluation.fold_calibration import calibrate_across, keep_calibration
from ser_toolkit.evaluation.job_progress import FoldDone, JobProgress
from ser_toolkit.evaluation.overlap import counted, some
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate
from ser_toolkit.training.agreement import agreements
from ser_toolkit.training.checkpoint import RECIPE, save_run
from ser_toolkit.training.fold import FittedFold, check_fold, fit_fold, teachers_of
from ser_toolkit.training.metrics import score
from ser_toolkit.training.processes import agreed
from ser_toolkit.training.progress import Silent
from ser_toolkit.training.training_entry import training_entry

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.protocols import Fold, Folds
    from ser_toolkit.training.splits import Part
    from ser_toolkit.training.store import FeatureStore

    Models = Literal["drop", "keep", "need"]

__all__ = ["development_file", "fold_file", "is_finished", "model_folder", "run_folds"]


def run_folds(
    plan: Plan,
    store: FeatureStore | None,
    data: Dataset,
    folds: Folds,
    seeds: Sequence[int],
    config: TrainConfig,
    accelerator: Accelerator | None,
    folder: Path,
    progress: JobProgress,
    *,
    main: bool = True,
    setting: str = "",
    before: int = 0,
    total: int | None = None,
    excluded: Mapping[int, str] | None = None,
    models: Models = "drop",
) -> Predictions:
    """Fit every fold with every seed and collect what each model says about its test part.

    A fold that is finished is a file in `folder`; it is read instead of fitted again. The unfinished one continues
    after its last whole epoch, and ends with the same numbers as if it had not been interrupted.

    Parameters
    ----------
    plan, store, data, config : Plan, FeatureStore, Dataset, TrainConfig
        What is fitted on what, and how; ``config.training.seed`` is replaced by each seed. The store may be None if
        nothing is left to do, see `is_finished`.
    folds : Folds
        The protocol.
    seeds : sequence of int
        Seeds of initial weights and order; the folds stay the same.
    accelerator : Accelerator or None
        None for a classical model.
    folder : Path
        Of this configuration, made if missing. A tracker writes to ``tensorboard/seed-SEED-fold-NUMBER`` there.
    progress : JobProgress
        Is told.
    main : bool, optional
        Whether this process writes and tells; False in all but one of several.
    setting : str, optional
        Name of the configuration, for `progress`.
    before, total : int, optional
        Folds of the job that came before these, and of the whole job.
    excluded : mapping of int to str, optional
        Utterances that could not be used, and why; default: those of the store.
    models : {"drop", "keep", "need"}, optional
        Whether each fold's recipe and weights are kept, in the folder of `model_folder`; ``"need"``: a fold that was
        finished without is fitted again.

    Returns
    -------
    Predictions
        Each utterance that is tested, once per seed; the notes name those that could not be used, and the folds that
        therefore have nothing to test.

    Raises
    ------
    ConfigError
        If each fold is to be calibrated on others, and there is one only.
    SplitError
        Before anything is fitted, if a fold has no training window of a label or no development window, or if no fold
        has anything to test.
    """
    if config.calibration.on == "folds" and len(folds.folds) < 2:
        raise ConfigError(
            f'calibration.on = "folds" takes two folds or more, {folds.protocol} has one: take another protocol, or '
            'calibration.on = "development"'
        )
    if store is not None:
        _check_folds(plan, store, folds, data)
    if main:
        folder.mkdir(parents=True, exist_ok=True)
    total = total or len(seeds) * len(folds.folds)
    done: list[Predictions] = []
    for seed in seeds:
        seeded = config.model_copy(update={"training": config.training.model_copy(update={"seed": seed})})
        for i, fold in enumerate(folds.folds):
            number = before + len(done) + 1
            name = fold_file(seed, i)
            path, work = folder / f"{name}.parquet", model_folder(folder, seed, i)
            began, seconds, epochs = time.perf_counter(), 0.0, 0
            predictions = agreed(accelerator, functools.partial(_finished, path, data))
            if predictions is not None and models == "need" and not agreed(accelerator, (work / RECIPE).is_file):
                predictions = None
                if main:
                    progress.caution(f"{fold.name}, seed {seed}: its model was not kept, and is fitted again")
            if predictions is None:
                assert store is not None, "features are needed for what is not finished"
                if main:
                    progress.fold_starting(setting=setting, seed=seed, fold=fold.name, number=number, total=total)
                fitted = fit_fold(
                    plan,
                    store,
                    fold.split,
                    data,
                    seeded,
                    accelerator,
                    work,
                    progress if main else Silent(),
                    logs=folder / "tensorboard" / name,
                )
                predictions = _predictions(fitted, store, data, folds, fold, seed=seed)
                epochs, seconds = len(fitted.epochs), time.perf_counter() - began
                if main:
                    if models != "drop":
                        work.mkdir(exist_ok=True)
                        heard = training_entry(fold.split, data, store, seed=seed, teachers=fitted.teachers)
                        save_run(work, plan.recipe(calibration=fitted.calibration, training=heard), fitted.weights)
                    development_file(folder, name).parent.mkdir(exist_ok=True)
                    _predictions(fitted, store, data, folds, fold, seed=seed, part="dev").save(
                        development_file(folder, name)
                    )
                    predictions.save(path)
                    shutil.rmtree(work if models == "drop" else work / "work", ignore_errors=True)
                if accelerator is not None:
                    accelerator.wait_for_everyone()
                    accelerator.free_memory()
            if main:
                ua, wa, ccc = _scores(predictions)
                progress.fold_done(
                    FoldDone(
                        setting=setting,
                        seed=seed,
                        fold=fold.name,
                        number=number,
                        total=total,
                        ua=ua,
                        wa=wa,
                        ccc=ccc,
                        epochs=epochs,
                        seconds=seconds,
                    )
                )
            done.append(predictions)
    reasons = excluded if excluded is not None else store.excluded if store is not None else {}
    predictions = replace(concatenate(done), notes=_lost(folds, data, reasons))
    if config.calibration.on == "folds" and data.labels:
        predictions, found = calibrate_across(predictions, config.calibration)
        number_of = {fold.name: i for i, fold in enumerate(folds.folds)}
        for (seed, fold_name), calibration in found.items() if main else ():
            keep_calibration(model_folder(folder, seed, number_of[fold_name]), calibration)
    return predictions


def fold_file(seed: int, fold: int) -> str:
    """Name of what is kept of a fold, which counts from 0: ``seed-0-fold-1``."""
    return f"seed-{seed}-fold-{fold + 1}"


def development_file(folder: Path, name: str) -> Path:
    """Where `run_folds` keeps what the model of a fold, `fold_file`, says of its development speakers."""
    return folder / "dev" / f"{name}.parquet"


def model_folder(folder: Path, seed: int, fold: int) -> Path:
    """Where `run_folds` keeps recipe and weights of a fold, which counts from 0."""
    return folder / fold_file(seed, fold)


def is_finished(folder: Path, data: Dataset, folds: Folds, seeds: Sequence[int], *, models: Models = "drop") -> bool:
    """Whether a folder has the predictions of every fold and seed, and the models if they are needed.

    Parameters
    ----------
    folder, data, folds, seeds, models
        As for `run_folds`.

    Returns
    -------
    bool
        True if `run_folds` has nothing to fit.
    """
    return all(
        _finished(folder / f"{fold_file(seed, i)}.parquet", data) is not None
        and (models != "need" or (model_folder(folder, seed, i) / RECIPE).is_file())
        for seed in seeds
        for i in range(len(folds.folds))
    )


def _check_folds(plan: Plan, store: FeatureStore, folds: Folds, data: Dataset) -> None:
    """Refuse all folds if one of them cannot be fitted: nobody should learn that after hours of the others."""
    for fold in folds.folds:
        try:
            check_fold(store, fold.split, data.classes, data.labels, data.rated() if plan.regression else None)
        except SplitError as error:
            raise SplitError(f"{fold.name}: {error}; take those recordings out of the manifest") from error
        teachers_of(plan, store, fold.split, data)  # one that heard a test recording is refused
    if all(i in store.excluded for fold in folds.folds for i in fold.split.indices("test")):
        raise SplitError(f"no test recording can be used: {'; '.join(_lost(folds, data, store.excluded)[:1])}")


def _scores(predictions: Predictions) -> tuple[float, float, float]:
    """UA, WA and mean CCC of the dimensions per utterance; NaN where there is none."""
    if not predictions.items:
        return math.nan, math.nan, math.nan
    each = agreements(predictions.ratings(), predictions.utterance_values(), predictions.dimensions)
    ccc = float(np.mean([a.ccc for a in each.values()])) if each else math.nan
    if not predictions.labels:
        return math.nan, math.nan, ccc
    found = score(predictions.truth, predictions.predicted(), predictions.labels)
    return found.ua, found.wa, ccc


def _lost(folds: Folds, data: Dataset, excluded: Mapping[int, str]) -> tuple[str, ...]:
    """Sentences on the utterances that some fold should have tested, each named once, and on folds without any left."""
    said = []
    tested = [set(fold.split.indices("test")) for fold in folds.folds]
    by_reason: dict[str, list[str]] = {}
    for i in sorted(set().union(*tested) & set(excluded)):
        by_reason.setdefault(excluded[i].split(":")[0], []).append(data.utterances[i].key)
    if by_reason:
        n = sum(map(len, by_reason.values()))
        reasons = "; ".join(f"{len(files)} {reason} ({some(files)})" for reason, files in by_reason.items())
        said.append(f"{counted(n, 'test recording')} could not be used: {reasons}")
    said += [
        f"{fold.name}: no test recording could be used: the fold has no scores, pooled ones come from the others"
        for fold, test in zip(folds.folds, tested, strict=True)
        if test <= set(excluded)
    ]
    return tuple(said)


def _finished(path: Path, data: Dataset) -> Predictions | None:
    """Predictions of a fold that was finished before; a damaged file is done again."""
    try:
        predictions = Predictions.load(path)
    except ModelError:
        return None
    same = predictions.labels == data.labels and predictions.dimensions == tuple(data.scales)
    return predictions if same else None


def _predictions(
    fitted: FittedFold, store: FeatureStore, data: Dataset, folds: Folds, fold: Fold, *, seed: int, part: Part = "test"
) -> Predictions:
    tested = [i for i in fold.split.indices(part) if i not in store.excluded]
    position = {utterance: row for row, utterance in enumerate(tested)}
    calibration = fitted.calibration
    conformal: Any = calibration.conformal if calibration else None
    names, items = tuple(data.scales), []
    for i in tested:
        u = data.utterances[i]
        items.append(
            Item(
                file=u.key,
                emotion=u.emotion,
                start_s=u.start_s,
                end_s=u.end_s,
                speaker=u.speaker,
                gender=u.gender,
                language=u.language,
                corpus=u.corpus,
                session=u.session,
                text_id=u.text_id,
                fold=fold.name,
                seed=seed,
                temperature=calibration.temperature if calibration else 1.0,
                thresholds=tuple(conformal.thresholds) if conformal else (),
                ratings=tuple(getattr(u, name) for name in names),
            )
        )
    owner = store.owner[store.windows_of(tested)]
    return Predictions(
        labels=data.labels,
        protocol=folds.protocol,
        items=tuple(items),
        owner=np.array([position[u] for u in owner.tolist()], dtype=np.int64),
        logits=np.asarray(fitted.logits.get(part, np.zeros((0, len(data.labels)))), dtype=np.float64),
        alpha=conformal.alpha if conformal else None,
        dimensions=names,
        values=np.asarray(fitted.values.get(part, np.zeros((0, len(names)))), dtype=np.float64) if names else None,
    )

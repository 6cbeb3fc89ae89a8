"""Fitting every fold with every seed; what is finished is kept and not done again."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.job_progress import FoldDone, JobProgress
from ser_toolkit.evaluation.predictions import Item, Predictions, concatenate
from ser_toolkit.training.fold import FittedFold, fit_fold
from ser_toolkit.training.metrics import score
from ser_toolkit.training.progress import Silent

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.protocols import Fold, Folds
    from ser_toolkit.training.store import FeatureStore

__all__ = ["is_finished", "run_folds"]


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

    Returns
    -------
    Predictions
        Each utterance that is tested, once per seed; the notes count those that could not be used.

    Raises
    ------
    SplitError
        If a fold leaves no training example of a label after extraction.
    """
    if main:
        folder.mkdir(parents=True, exist_ok=True)
    total = total or len(seeds) * len(folds.folds)
    done: list[Predictions] = []
    for seed in seeds:
        seeded = config.model_copy(update={"training": config.training.model_copy(update={"seed": seed})})
        for i, fold in enumerate(folds.folds):
            number = before + len(done) + 1
            name = f"seed-{seed}-fold-{i + 1}"
            path, work = folder / f"{name}.parquet", folder / name
            began, seconds, epochs = time.perf_counter(), 0.0, 0
            predictions = _finished(path, data)
            if accelerator is not None:
                accelerator.wait_for_everyone()  # all processes have looked before one of them writes
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
                    predictions.save(path)
                    shutil.rmtree(work, ignore_errors=True)
                if accelerator is not None:
                    accelerator.wait_for_everyone()
                    accelerator.free_memory()
            if main:
                row = score(predictions.truth, predictions.predicted(), data.labels)
                progress.fold_done(
                    FoldDone(
                        setting=setting,
                        seed=seed,
                        fold=fold.name,
                        number=number,
                        total=total,
                        ua=row.ua,
                        wa=row.wa,
                        epochs=epochs,
                        seconds=seconds,
                    )
                )
            done.append(predictions)
    reasons = excluded if excluded is not None else store.excluded if store is not None else {}
    return replace(concatenate(done), notes=_lost(folds, reasons))


def is_finished(folder: Path, data: Dataset, folds: Folds, seeds: Sequence[int]) -> bool:
    """Whether a folder has the predictions of every fold and seed.

    Parameters
    ----------
    folder, data, folds, seeds
        As for `run_folds`.

    Returns
    -------
    bool
        True if `run_folds` has nothing to fit.
    """
    return all(
        _finished(folder / f"seed-{seed}-fold-{i + 1}.parquet", data) is not None
        for seed in seeds
        for i in range(len(folds.folds))
    )


def _lost(folds: Folds, excluded: Mapping[int, str]) -> tuple[str, ...]:
    """A sentence on the utterances that some fold should have tested, each counted once; or none."""
    tested = {i for fold in folds.folds for i in fold.split.indices("test")}
    lost = sorted(tested & set(excluded))
    if not lost:
        return ()
    reasons = Counter(excluded[i].split(":")[0] for i in lost)
    counts = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
    return (f"{len(lost)} test recordings could not be used: {counts}",)


def _finished(path: Path, data: Dataset) -> Predictions | None:
    """Predictions of a fold that was finished before; a damaged file is done again."""
    try:
        predictions = Predictions.load(path)
    except ModelError:
        return None
    return predictions if predictions.labels == data.labels else None


def _predictions(
    fitted: FittedFold, store: FeatureStore, data: Dataset, folds: Folds, fold: Fold, *, seed: int
) -> Predictions:
    tested = [i for i in fold.split.indices("test") if i not in store.excluded]
    position = {utterance: row for row, utterance in enumerate(tested)}
    conformal: Any = fitted.calibration.conformal
    items = []
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
                temperature=fitted.calibration.temperature,
                thresholds=tuple(conformal.thresholds) if conformal else (),
            )
        )
    owner = store.owner[store.windows_of(tested)]
    return Predictions(
        labels=data.labels,
        protocol=folds.protocol,
        items=tuple(items),
        owner=np.array([position[u] for u in owner.tolist()], dtype=np.int64),
        logits=np.asarray(fitted.logits.get("test", np.zeros((0, len(data.labels)))), dtype=np.float64),
        alpha=conformal.alpha if conformal else None,
    )

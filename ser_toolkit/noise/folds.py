"""The bench over a cross-validation: each fold's model, on the recordings that it was tested on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.evaluation.run_folds import fold_file, model_folder
from ser_toolkit.noise.bench import run_bench
from ser_toolkit.noise.fitted import fold_model
from ser_toolkit.noise.groups import FittedModel, Subject
from ser_toolkit.noise.scores import score_noise
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.training.folder_lock import locked
from ser_toolkit.training.plan import Plan

if TYPE_CHECKING:
    from ser_toolkit.evaluation.crossval import CrossValidation
    from ser_toolkit.noise.bench import BenchProgress
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.scores import NoiseScores

__all__ = ["bench_folds"]


def bench_folds(
    done: CrossValidation,
    conditions: Sequence[Condition],
    *,
    seed: int = 0,
    device: str = "auto",
    registry: Registry | None = None,
    progress: BenchProgress | None = None,
) -> NoiseScores:
    """Score the models of a cross-validation on degraded recordings.

    Parameters
    ----------
    done : CrossValidation
        Made with ``models="need"``, or with ``models="keep"`` from its beginning.
    conditions : sequence of Condition
        What is done to the recordings.
    seed : int, optional
        Of the noise.
    device : {"auto", "cpu", "cuda"}, optional
        Where networks run.
    registry : Registry, optional
        Where components come from; default: the installed plugins.
    progress : BenchProgress, optional
        Is told.

    Returns
    -------
    NoiseScores
        Pooled over folds, averaged over seeds. What was answered is in ``noise`` below the folder of the job.

    Raises
    ------
    ModelError
        If a fold's model is missing or damaged.
    ConfigError, AudioError, OutputError
        As `ser_toolkit.noise.bench.run_bench`.

    Notes
    -----
    Babble is made of what other speakers of the fold's test part say, and, where those have fewer than eight
    recordings, of what speakers of its development part say. No training recording is heard in it.
    """
    registry = registry or default_registry()
    plan = Plan.make(done.config, done.data.labels, registry, scales=done.data.scales)
    with locked(done.out):
        benched = run_bench(
            _subjects(done, device=device, registry=registry),
            conditions,
            plan.features,
            folder=done.out,
            seed=seed,
            workers=done.config.training.workers,
            progress=progress,
        )
    return score_noise(benched)


def _subjects(done: CrossValidation, *, device: str, registry: Registry) -> list[Subject]:
    predictions, utterances = done.predictions, done.data.utterances
    subjects = []
    for number, fold in enumerate(done.folds.folds):
        tested, held = ([i for i in fold.split.indices(p) if i not in done.excluded] for p in ("test", "dev"))
        if not tested:
            continue
        models = []
        for seed in predictions.seeds:
            own = np.array([item.fold == fold.name and item.seed == seed for item in predictions.items])
            folder = model_folder(done.out / "folds", seed, number)
            models.append(
                FittedModel(
                    name=fold_file(seed, number),
                    clean=replace(predictions.select(own), notes=()),
                    load=functools.partial(fold_model, folder, device=device, registry=registry),
                )
            )
        subjects.append(
            Subject(
                utterances=tuple(utterances[i] for i in tested),
                voices=tuple(utterances[i] for i in held),
                models=tuple(models),
            )
        )
    return subjects

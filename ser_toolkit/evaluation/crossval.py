"""Cross-validation: every fold and seed of a configuration as one job that can be killed and continued."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ser_toolkit.evaluation.evaluation import evaluate_all
from ser_toolkit.evaluation.job import Job, read_dataset
from ser_toolkit.evaluation.job_progress import JobProgress, SilentJob
from ser_toolkit.evaluation.run_folds import is_finished, model_folder, run_folds
from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.training.announcement import check_alone
from ser_toolkit.training.chosen import chosen_in_folds
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.folder import refuse_full
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.processes import agreed

if TYPE_CHECKING:
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.evaluation.results import Evaluation
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.protocols import Folds
    from ser_toolkit.training.store import FeatureStore

__all__ = ["CrossValidation", "cross_validate"]


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What a cross-validation gave.

    Parameters
    ----------
    out : Path
        Folder of the job.
    config : TrainConfig
        What was fitted.
    predictions : Predictions
        What each model said about its test part.
    evaluation : Evaluation or DimensionEvaluation
        The scores; the latter where dimensions alone are predicted.
    digest : str
        Hash of the split.
    network : bool
        Whether a network was fitted; else a classical learner, which has no loss.
    data : Dataset
        The utterances.
    folds : Folds
        Which of them each fold was fitted to and tested on.
    excluded : mapping of int to str
        Utterances that could not be used, and why.
    chosen : str
        Settings that the inner cross-validation of a classical learner chose in the folds whose models were kept, see
        `ser_toolkit.training.chosen.chosen_in_folds`; empty where it had no choice.
    """

    out: Path
    config: TrainConfig
    predictions: Predictions
    evaluation: Evaluation | DimensionEvaluation
    digest: str
    network: bool
    data: Dataset
    folds: Folds
    excluded: Mapping[int, str]
    chosen: str = ""

    def about(self) -> dict[str, str]:
        """Lines for a report: what was fitted on what."""
        model, losses = str(self.config.model["name"]), [str(self.config.loss["name"])]
        if targets := self.config.targets:
            losses = [*(losses if targets.emotions else ()), str(targets.loss["name"])]
        return {
            "features": " + ".join(str(table["name"]) for table in self.config.features.values()),
            "model": f"{model}, {' + '.join(losses)} loss" if self.network else model,
            **({"chosen": self.chosen} if self.chosen else {}),
            "split": self.digest[:12],
        }


def cross_validate(
    manifests: Sequence[str | Path] | str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path = "runs/evaluate",
    seeds: Sequence[int] | None = None,
    device: str = "auto",
    resume: bool = False,
    speaker_pattern: str | None = None,
    progress: JobProgress | None = None,
    registry: Registry | None = None,
    cache: FeatureCache | None = None,
    models: Literal["drop", "keep", "need"] = "keep",
) -> CrossValidation:
    """Score a configuration on speakers that its models have not heard.

    Parameters
    ----------
    manifests : path or sequence of paths
        As for `ser_toolkit.training.run.train`.
    config : TrainConfig or mapping, optional
        Configuration; ``split.protocol`` names the folds.
    out : path, optional
        Folder of the job; must be empty or absent unless `resume`.
    seeds : sequence of int, optional
        Default: ``training.seeds``, or ``training.seed`` alone. Seeds can be added to a job with `resume`.
    device : {"auto", "cpu", "cuda"}, optional
        Where networks are trained.
    resume : bool, optional
        Go on with what is in `out`: finished folds are kept, the unfinished one continues after its last whole epoch.
    speaker_pattern : str, optional
        As for `ser_toolkit.training.run.train`.
    progress : JobProgress, optional
        Is told what happens.
    registry : Registry, optional
        Where components come from; default: the installed plugins.
    cache : FeatureCache, optional
        Features of earlier runs; default: none.
    models : {"drop", "keep", "need"}, optional
        Whether recipe and weights of every fold are kept in ``folds/seed-SEED-fold-NUMBER``, which the noise bench
        needs; ``"need"``: finished folds that lack theirs are fitted again.

    Returns
    -------
    CrossValidation
        Predictions and scores. The folder holds the split and the predictions of every fold.

    Raises
    ------
    ManifestError, ConfigError, SplitError, ComponentError, DeviceError, MissingTierError
        Before anything is computed, where possible.
    """
    progress, registry, out = progress or SilentJob(), registry or default_registry(), Path(out)
    refuse_full(out, resume=resume)
    config = config if isinstance(config, TrainConfig) else check_config(config or {})
    data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
    plan = Plan.make(config, data.labels, registry, scales=data.scales)
    chosen = list(dict.fromkeys(seeds or config.training.seeds or [config.training.seed]))
    check_alone(plan)
    network = not isinstance(plan.model, ClassicalModel)
    job = Job.make(config, data, out=out, device=device, network=network)
    with job.begun({"model": plan.check(job.counts())}, resume=resume):
        job.announce(progress, plan)
        store: FeatureStore | None = None
        finished = functools.partial(is_finished, out / "folds", data, job.folds, chosen, models=models)
        known = job.remembered() if agreed(job.accelerator, finished) else None
        if known is None:
            store = job.features(plan, progress, cache=cache)
            job, excluded = job.guarded(store), store.excluded
        else:
            job, excluded = known
        predictions = run_folds(
            plan,
            store,
            data,
            job.folds,
            chosen,
            config,
            job.accelerator,
            out / "folds",
            progress,
            main=job.main,
            excluded=excluded,
            models=models,
        )
        job.end()
    predictions = replace(predictions, notes=tuple(dict.fromkeys((*job.folds.warnings, *predictions.notes))))
    return CrossValidation(
        out=out,
        config=config,
        predictions=predictions,
        evaluation=evaluate_all(predictions),
        digest=job.folds.digest,
        network=network,
        data=data,
        folds=job.folds,
        excluded=excluded,
        chosen=chosen_in_folds(
            plan, [model_folder(out / "folds", seed, i) for seed in chosen for i in range(len(job.folds.folds))]
        ),
    )

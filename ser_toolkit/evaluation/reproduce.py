"""``ser-toolkit reproduce`` as a function: all settings of the table as one job over features extracted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import ConfigError
from ser_toolkit.evaluation.evaluation import evaluate
from ser_toolkit.evaluation.job import Job, read_dataset
from ser_toolkit.evaluation.job_progress import JobProgress, SilentJob
from ser_toolkit.evaluation.reproduced import Reproduction, Row, made
from ser_toolkit.evaluation.reproduction import (
    AUGMENT,
    CLASSICAL,
    FEATURES,
    FOUR,
    TABLE_1,
    TRAINING,
    Setting,
    is_iemocap,
)
from ser_toolkit.evaluation.run_folds import is_finished, run_folds
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.folder import refuse_full
from ser_toolkit.training.plan import Plan

if TYPE_CHECKING:
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.protocols import Folds
    from ser_toolkit.training.store import FeatureStore

__all__ = ["default_config", "reproduce"]

_WORK = {False: "work", True: "work-utterance"}
"""Folders of the features of windows, and of whole utterances."""


def default_config(data_is_iemocap: bool, changes: Mapping[str, Any]) -> TrainConfig:
    """Configuration of a reproduction: the paper's system, its protocol, and our settings of the optimiser.

    Parameters
    ----------
    data_is_iemocap : bool
        The paper's windows and sessions for its own corpus; else windows that lose no utterance, and pairs.
    changes : mapping
        Tables of a user's configuration; they win key by key.

    Returns
    -------
    TrainConfig
        Checked.

    Raises
    ------
    ConfigError
        Unknown key or bad value.
    """
    protocol = "leave-one-session-out" if data_is_iemocap else "leave-one-pair-out"
    base: dict[str, Any] = {
        "segments": {"preset": "paper" if data_is_iemocap else "robust"},
        "split": {"protocol": protocol},
        "training": dict(TRAINING),
        "augment": dict(AUGMENT),
    }
    for key, value in changes.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, Mapping) else value
    return check_config(base)


def reproduce(
    manifests: Sequence[str | Path] | str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs/reproduce",
    seeds: Sequence[int] = (0, 1, 2),
    image_seeds: Sequence[int] | None = None,
    classical: bool = False,
    quick: bool = False,
    device: str = "auto",
    resume: bool = False,
    speaker_pattern: str | None = None,
    progress: JobProgress | None = None,
    registry: Registry | None = None,
    cache: FeatureCache | None = None,
) -> Reproduction:
    """Fit every setting of the paper's Table 1 on the same windows, folds and seeds.

    Parameters
    ----------
    manifests : path or sequence of paths
        Labelled recordings; of the labels anger, happiness, neutral and sadness unless `changes` says otherwise.
    changes : mapping, optional
        Configuration in place of the defaults, see `default_config`. ``model`` and its settings are those of the
        networks; ``loss`` is not used, since the table sets it, and a caution says so.
    out : path, optional
        Folder of the job; must be empty or absent unless `resume`.
    seeds : sequence of int, optional
        Seeds of every setting.
    image_seeds : sequence of int, optional
        Seeds of the settings that see the mel spectrogram, which take long; default: `seeds`.
    classical : bool, optional
        Also fit support vector machines, random forests, nearest neighbours and gradient boosting, per window and per
        utterance.
    quick : bool, optional
        Two folds, two epochs, one seed: a trial that everything works.
    device, resume, speaker_pattern, progress, registry, cache
        As for `ser_toolkit.evaluation.crossval.cross_validate`.

    Returns
    -------
    Reproduction
        Scores and answers.

    Raises
    ------
    SerToolkitError
        Before anything is computed, where possible.
    """
    progress, registry, out = progress or SilentJob(), registry or default_registry(), Path(out)
    refuse_full(out, resume=resume)
    labelled = {"emotions": list(FOUR), **(changes or {})}
    probe = read_dataset(manifests, check_config({"emotions": labelled["emotions"]}), speaker_pattern=speaker_pattern)
    config = default_config(is_iemocap(probe.utterances), labelled)
    if config.targets is not None:
        raise ConfigError("targets: the paper's table is of emotions alone: leave [targets] out")
    if quick:
        seeds, image_seeds = list(seeds)[:1], None
        if "epochs" not in labelled.get("training", {}):
            config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 2})})
    data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
    settings = (*TABLE_1, *(CLASSICAL if classical else ()))
    runs = _runs(settings, config, data, registry, seeds=seeds, image_seeds=image_seeds)
    job = Job.make(config, data, out=out, device=device, network=True)
    if quick:
        job = replace(job, folds=_some(job.folds, 2))
    with job.begun({run.setting.name: run.plan.check(job.counts()) for run in runs}, resume=resume):
        job.announce(progress)
        finished = all(is_finished(out / run.setting.name, data, job.folds, run.seeds) for run in runs)
        job, heard = _heard(job, settings, registry, progress, cache=cache, remember=finished)
        cautions = list(job.folds.warnings)
        if "loss" in labelled:
            cautions.append("[loss] of the configuration was not used: the settings of the table have their own")
        rows = _rows(job, runs, heard, progress if job.main else SilentJob(), cautions)
        for name in _WORK.values():
            job.end(name)
    return made(
        rows, out=out, config=config, protocol=job.folds.protocol, digest=job.folds.digest, cautions=cautions,
        quick=quick, registry=registry,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A setting, its components, and the seeds that it is fitted with."""

    setting: Setting
    plan: Plan
    seeds: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """Features of all utterances, None if everything is fitted already; and the utterances that cannot be used."""

    store: FeatureStore | None
    excluded: Mapping[int, str]


def _runs(
    settings: Sequence[Setting],
    config: TrainConfig,
    data: Dataset,
    registry: Registry,
    *,
    seeds: Sequence[int],
    image_seeds: Sequence[int] | None,
) -> tuple[_Run, ...]:
    """What is to be fitted; classical learners with the first seed only."""
    every, of_images = list(dict.fromkeys(seeds)), list(dict.fromkeys(image_seeds or seeds))
    return tuple(
        _Run(
            setting=s,
            plan=_plan(config, s, data, registry),
            seeds=of_images if s.sees_images else every if s.network else every[:1],
        )
        for s in settings
    )


def _heard(
    job: Job,
    settings: Sequence[Setting],
    registry: Registry,
    progress: JobProgress,
    *,
    cache: FeatureCache | None,
    remember: bool,
) -> tuple[Job, dict[bool, _Heard]]:
    """Extract the features of all windows, and of whole utterances (True) if a setting sees those.

    With `remember`, what an earlier attempt heard will do. The audio of the windows is looked at for duplicates; the
    job that is returned says so if there are any.
    """
    guarded: Job | None = None
    heard: dict[bool, _Heard] = {}
    for whole in sorted({s.per_utterance for s in settings}):
        known = job.remembered(_WORK[whole]) if remember else None
        if known is not None:
            guarded = guarded or known[0]
            heard[whole] = _Heard(store=None, excluded=known[1])
        else:
            plan = _plan(job.config, _union(settings, whole), job.data, registry)
            store = job.features(plan, progress, cache=cache, name=_WORK[whole])
            guarded = guarded or job.guarded(store)
            heard[whole] = _Heard(store=store, excluded=store.excluded)
    return guarded or job, heard


def _rows(
    job: Job, runs: Sequence[_Run], heard: Mapping[bool, _Heard], progress: JobProgress, cautions: list[str]
) -> list[Row]:
    """Fit all settings; a classical learner that cannot be fitted becomes a caution: hours of work do not end for it.

    Classical learners are fitted by the process that writes; the others have no use for their scores.
    """
    n_folds = len(job.folds.folds)
    before, total = 0, sum(len(run.seeds) for run in runs) * n_folds
    rows = []
    for run in runs:
        setting = run.setting
        if setting.network or job.main:
            try:
                predictions = _fit(job, run, heard[setting.per_utterance], progress, before=before, total=total)
                predictions = replace(predictions, notes=(*cautions, *predictions.notes))
                rows.append(Row(setting=setting, predictions=predictions, evaluation=evaluate(predictions)))
            except ConfigError as error:
                if setting.network:
                    raise
                cautions.append(f"left out: {setting.title}: {error}")
        before += len(run.seeds) * n_folds
    return rows


def _fit(job: Job, run: _Run, heard: _Heard, progress: JobProgress, *, before: int, total: int) -> Predictions:
    setting = run.setting
    return run_folds(
        run.plan,
        heard.store.select(setting.inputs) if heard.store is not None else None,
        job.data,
        job.folds,
        run.seeds,
        run.plan.config,
        job.accelerator if setting.network else None,
        job.out / setting.name,
        progress,
        main=job.main,
        setting=setting.title,
        before=before,
        total=total,
        excluded=heard.excluded,
    )


def _some(folds: Folds, n: int) -> Folds:
    """The first `n` folds; the protocol says how many there would be."""
    total = len(folds.folds)
    if n >= total:
        return folds
    every, some = f"{total} folds", f"{n} of {total} folds"
    protocol = folds.protocol
    said = protocol.replace(every, some, 1) if every in protocol else f"{protocol}, {some}"
    return replace(folds, folds=folds.folds[:n], protocol=said)


def _plan(config: TrainConfig, setting: Setting, data: Dataset, registry: Registry) -> Plan:
    """Components of one setting: the configuration with its inputs, model and loss."""
    features = {key: dict(config.features.get(key, FEATURES[key])) for key in setting.inputs}
    update: dict[str, Any] = {"features": features, **{k: dict(v) for k, v in setting.changes.items()}}
    if setting.per_utterance:
        update["segments"] = {"preset": "utterance"}
    return Plan.make(config.model_copy(update=update), data.labels, registry)


def _union(settings: Sequence[Setting], whole: bool) -> Setting:
    """A setting with the inputs of all that see the same windows, to extract them together."""
    those = [s for s in settings if s.per_utterance == whole]
    inputs = tuple(dict.fromkeys(key for s in those for key in s.inputs))
    return replace(those[0], inputs=inputs)

"""``ser-toolkit reproduce`` as a function: all settings of the table as one job over features extracted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    iemocap = is_iemocap(probe.utterances)
    config = default_config(iemocap, labelled)
    if quick:
        if "epochs" not in labelled.get("training", {}):
            config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 2})})
        seeds, image_seeds = list(seeds)[:1], None
    seeds, image_seeds = list(dict.fromkeys(seeds)), list(dict.fromkeys(image_seeds or ()))
    data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
    settings = (*TABLE_1, *(CLASSICAL if classical else ()))
    plans = {s.name: _plan(config, s, data, registry) for s in settings}
    job = Job.make(config, data, out=out, device=device, network=True)
    if quick:
        job = replace(job, folds=_some(job.folds, 2))
    with job.begun({name: plan.check(job.counts()) for name, plan in plans.items()}, resume=resume):
        job.announce(progress)
        chosen = {
            s.name: (image_seeds or seeds) if s.sees_images else seeds if s.network else seeds[:1] for s in settings
        }
        finished = all(is_finished(out / s.name, data, job.folds, chosen[s.name]) for s in settings)
        stores: dict[bool, FeatureStore | None] = {}
        excluded: dict[bool, Mapping[int, str]] = {}
        guarded: Job | None = None
        for whole in sorted(
            {s.per_utterance for s in settings}
        ):  # windows come first, and are looked at for duplicates
            known = job.remembered(_WORK[whole]) if finished else None
            if known is None:
                union = _plan(config, _union(settings, whole), data, registry)
                store = job.features(union, progress, cache=cache, name=_WORK[whole])
                guarded = guarded or job.guarded(store)
                stores[whole], excluded[whole] = store, store.excluded
            else:
                guarded, (stores[whole], excluded[whole]) = guarded or known[0], (None, known[1])
        job = guarded or job
        cautions = job.folds.warnings
        if "loss" in labelled:
            cautions = (*cautions, "[loss] of the configuration was not used: the settings of the table have their own")
        total, before, rows = sum(map(len, chosen.values())) * len(job.folds.folds), 0, []
        for setting in settings:
            if not (setting.network or job.main):
                continue  # the process that writes fits them; the others have no use for their scores
            store_of, plan = stores[setting.per_utterance], plans[setting.name]
            try:
                predictions = run_folds(
                    plan,
                    store_of.select(setting.inputs) if store_of is not None else None,
                    data,
                    job.folds,
                    chosen[setting.name],
                    plan.config,
                    job.accelerator if setting.network else None,
                    out / setting.name,
                    progress if job.main else SilentJob(),
                    main=job.main,
                    setting=setting.title,
                    before=before,
                    total=total,
                    excluded=excluded[setting.per_utterance],
                )
            except ConfigError as error:
                if setting.network:
                    raise
                cautions = (
                    *cautions,
                    f"left out: {setting.title}: {error}",
                )  # hours of work do not end for one learner
                continue
            finally:
                before += len(chosen[setting.name]) * len(job.folds.folds)
            predictions = replace(predictions, notes=(*cautions, *predictions.notes))
            rows.append(Row(setting=setting, predictions=predictions, evaluation=evaluate(predictions)))
        for name in _WORK.values():
            job.end(name)
    return made(
        rows, out=out, config=config, protocol=job.folds.protocol, digest=job.folds.digest, cautions=cautions,
        quick=quick, registry=registry,
    )  # fmt: skip


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

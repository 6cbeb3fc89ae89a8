"""One training run, from manifests to a run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.errors import ConfigError
from ser_toolkit.inference.collate import collate
from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.manifest_features import columns_of
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.training.announcement import check_alone, device_name, ignored_columns, unused_settings
from ser_toolkit.training.checkpoint import RECIPE
from ser_toolkit.training.chosen import chosen_settings
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.dataset import Dataset, extract, read_dataset
from ser_toolkit.training.fitting import make_accelerator
from ser_toolkit.training.fold import FittedFold, fit_fold
from ser_toolkit.training.folder import BATCHES, refuse_full, run_folder, state_of
from ser_toolkit.training.guard import check_folds, mark
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.processes import agreed, in_one_job
from ser_toolkit.training.progress import Progress, Silent
from ser_toolkit.training.protocols import Folds, folds_of
from ser_toolkit.training.results import TrainResult, read_result, score_part, write_results
from ser_toolkit.training.split_file import write_split
from ser_toolkit.training.splits import Split
from ser_toolkit.training.training_entry import training_entry

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.recipe import Calibration
    from ser_toolkit.training.store import FeatureStore

__all__ = ["train"]

SAMPLES = 8
"""Windows whose features are kept to compare an export on."""


def train(
    manifests: Sequence[str | Path] | str | Path,
    *,
    config: TrainConfig | Mapping[str, Any] | None = None,
    out: str | Path = "runs/train",
    device: str = "auto",
    resume: bool = False,
    speaker_pattern: str | None = None,
    progress: Progress | None = None,
    registry: Registry | None = None,
    cache: FeatureCache | None = None,
    calibration: Calibration | None = None,
) -> TrainResult:
    """Train a model on labelled recordings and write a run folder.

    Parameters
    ----------
    manifests : path or sequence of paths
        Manifest CSV files, folders with one folder per class, or audiofolders.
    config : TrainConfig or mapping, optional
        Configuration; the default is the paper's system.
    out : path, optional
        Run folder; must be empty or absent unless `resume`.
    device : {"auto", "cpu", "cuda"}, optional
        Where a network is trained.
    resume : bool, optional
        Go on with what is in `out`: extracted features are kept, training continues after the last whole epoch.
    speaker_pattern : str, optional
        Regular expression whose first group finds the speaker in a file's path, for folders without a manifest.
    progress : Progress, optional
        Is told what happens.
    registry : Registry, optional
        Where components come from; default: the installed plugins.
    cache : FeatureCache, optional
        Features of earlier runs, ``FeatureCache.default()``; default: none.
    calibration : Calibration, optional
        For ``calibration.on = "folds"``: of a cross-validation of the same components, from
        `ser_toolkit.evaluation.fold_calibration.calibration_of`.

    Returns
    -------
    TrainResult
        Scores, recipe and paths.

    Raises
    ------
    ManifestError, ConfigError, SplitError, ComponentError, DeviceError, MissingTierError
        Before anything is computed, where possible.
    """
    progress, registry, out = progress or Silent(), registry or default_registry(), Path(out)
    refuse_full(out, resume=resume)
    config = config if isinstance(config, TrainConfig) else check_config(config or {})
    if config.training.seeds is not None:
        raise ConfigError(
            "training.seeds is for `ser-toolkit evaluate`, which gives mean and spread over seeds; train makes one "
            "model: set training.seed"
        )
    if (config.calibration.on == "folds") != (calibration is not None):
        raise ConfigError(
            'calibration.on = "folds" needs a finished cross-validation of the same components: name its folder '
            '(--calibrate-on), or set calibration.on = "development"'
            if calibration is None
            else 'a calibration was given, which takes calibration.on = "folds"'
        )
    data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
    plan = Plan.make(config, data.labels, registry, scales=data.scales)
    folds = folds_of(data.utterances, config.split, seed=config.split_seed)
    parts = folds.fold(config.split.fold).split

    check_alone(plan)
    accelerator = None if isinstance(plan.model, ClassicalModel) else make_accelerator(config, device)
    main = accelerator is None or accelerator.is_main_process
    augmentation_of(config.augment, seed=config.training.seed, sr=config.sr)  # what it refuses is refused now
    train_counts = Counter(data.utterances[i].emotion for i in parts.indices("train"))
    untrained = plan.check([train_counts[label] for label in data.labels])
    if not main:
        progress = Silent()
    with contextlib.ExitStack() as until_the_end:
        until_the_end.enter_context(in_one_job(accelerator))
        if main:
            batches = config.training.accumulate * accelerator.num_processes if accelerator else 1
            state = {**state_of(config, data, untrained), "split": folds.digest, BATCHES: batches}
            until_the_end.enter_context(run_folder(out, state, resume=resume))
            write_split(out / "split.csv", data.utterances, folds)
            progress.starting(
                protocol=parts.protocol,
                parts=parts.counts(),
                labels=data.labels,
                device=device_name(accelerator),
                warnings=[
                    *parts.warnings,
                    *ignored_columns(data.manifest, read=columns_of(plan.features).values()),
                    *unused_settings(plan, config, data.utterances),
                ],
            )
        if resume and agreed(accelerator, (out / RECIPE).is_file):
            if main:
                shutil.rmtree(out / "work", ignore_errors=True)  # of a run that was killed at its very end
            return read_result(out)
        return _trained(plan, data, folds, config, accelerator, out, progress, cache, calibration)


def _trained(
    plan: Plan,
    data: Dataset,
    folds: Folds,
    config: TrainConfig,
    accelerator: Accelerator | None,
    out: Path,
    progress: Progress,
    cache: FeatureCache | None,
    calibration: Calibration | None,
) -> TrainResult:
    """Extract, fit, score and write."""
    train_part = folds.fold(config.split.fold).split.indices("train")
    store = extract(
        out / "work",
        data,
        plan.features,
        config,
        progress,
        accelerator,
        cache=cache,
        augmented=train_part,
        registry=plan.registry,
    )
    parts = _guarded(data, folds, config, store)
    fitted = fit_fold(plan, store, parts, data, config, accelerator, out, progress)
    if calibration is not None:
        fitted = dataclasses.replace(fitted, calibration=calibration)
    result = _result(out, plan, store, parts, data, config, fitted)
    if accelerator is None or accelerator.is_main_process:
        # spread over the development recordings, whose features differ from those that weights were fitted to
        windows = store.windows_of(parts.indices("dev"))
        some = windows[np.linspace(0, len(windows) - 1, min(SAMPLES, len(windows))).astype(int)]
        specs = plan.features.specs()
        samples = collate({key: [store.get(key, int(w)) for w in some] for key in specs}, specs)
        write_results(
            result, fitted.weights, samples, fitted.logits, store, data.utterances, parts, values=fitted.values
        )
    if accelerator is not None:
        accelerator.wait_for_everyone()
        accelerator.free_memory()
    return result


def _guarded(data: Dataset, folds: Folds, config: TrainConfig, store: FeatureStore) -> Split:
    """The fold to train after a look at the audio: it says so if a recording is on both sides."""
    one = dataclasses.replace(folds, folds=(folds.fold(config.split.fold),))
    report = check_folds(
        data.utterances,
        one,
        recordings=store.recordings,
        fingerprints=store.fingerprints,
        allow_duplicates=config.split.allow_duplicates,
    )
    split = mark(one, report).folds[0].split
    return dataclasses.replace(split, warnings=tuple(dict.fromkeys((*split.warnings, *report.warnings))))


def _result(
    out: Path,
    plan: Plan,
    store: FeatureStore,
    parts: Split,
    data: Dataset,
    config: TrainConfig,
    fitted: FittedFold,
) -> TrainResult:
    """Scores of the calibrated model, and the recipe."""
    scored = {
        part: score_part(
            z,
            store,
            parts.indices(part),
            data.classes,
            data.labels,
            temperature=fitted.calibration.temperature if fitted.calibration else 1.0,
            values=fitted.values.get(part),
            ratings=data.rated(),
        )
        for part, z in fitted.logits.items()
        if len(z)
    }
    warnings = parts.warnings
    if "test" in fitted.logits and "test" not in scored:
        warnings += ("no test recording could be used, or all are too short: there are no test scores",)
    return TrainResult(
        run_dir=out,
        recipe=plan.recipe(
            calibration=fitted.calibration,
            training=training_entry(
                parts, data, store, seed=config.training.seed, scored=scored, teachers=fitted.teachers
            ),
        ),
        protocol=parts.protocol,
        dev=scored["dev"],
        test=scored.get("test"),
        epochs=fitted.epochs,
        excluded={data.utterances[i].key: reason for i, reason in store.excluded.items()},
        warnings=warnings,
        chosen=chosen_settings(plan, fitted.weights.estimator) if isinstance(plan.model, ClassicalModel) else {},
    )

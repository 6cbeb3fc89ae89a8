"""One training run, from manifests to a run folder."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import ManifestError, SplitError
from ser_toolkit.inference.collate import collate
from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.plugin_registry import Registry, default_registry
from ser_toolkit.recipe import Calibration, Training
from ser_toolkit.training.checkpoint import RECIPE
from ser_toolkit.training.config import TrainConfig, check_config
from ser_toolkit.training.fitting import fit_classical, fit_network, make_accelerator
from ser_toolkit.training.folder import prepare_folder
from ser_toolkit.training.metrics import fit_temperature
from ser_toolkit.training.plan import Plan
from ser_toolkit.training.progress import Progress, Silent
from ser_toolkit.training.results import (
    PartScores,
    TrainResult,
    read_result,
    score_part,
    write_results,
)
from ser_toolkit.training.splits import Part, Split, split
from ser_toolkit.training.store import FeatureStore, build_store, open_store

if TYPE_CHECKING:
    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Manifest, Utterance
    from ser_toolkit.features import FeatureSet

__all__ = ["train"]

MAX_LABEL = 200

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

    Returns
    -------
    TrainResult
        Scores, recipe and paths.

    Raises
    ------
    ManifestError, ConfigError, SplitError, ComponentError, DeviceError, MissingTierError
        Before anything is computed, where possible.
    """
    progress = progress or Silent()
    registry = registry or default_registry()
    config = config if isinstance(config, TrainConfig) else check_config(config or {})
    given = [manifests] if isinstance(manifests, str | Path) else list(manifests)
    manifest = read_manifest([Path(m) for m in given], speaker_pattern=speaker_pattern)
    utterances, labels = _labelled(manifest, config)
    plan = Plan.make(config, labels, registry)
    parts = split(utterances, config.split, seed=config.training.seed)

    out = Path(out)
    classical = isinstance(plan.model, ClassicalModel)
    accelerator = None if classical else make_accelerator(config, device)
    main = accelerator is None or accelerator.is_main_process
    train_counts = Counter(u.emotion for u, part in zip(utterances, parts.parts, strict=True) if part == "train")
    untrained = plan.check([train_counts[label] for label in labels])
    if not main:
        progress = Silent()
    if main:
        prepare_folder(out, config, manifest, utterances, parts, untrained, resume=resume)
        progress.starting(
            protocol=parts.protocol,
            parts=parts.counts(),
            labels=labels,
            device=_device(accelerator),
            warnings=[*parts.warnings, *_ignored(manifest)],
        )
    if resume and (out / RECIPE).is_file():
        if main:
            shutil.rmtree(out / "work", ignore_errors=True)  # of a run that was killed at its very end
        return read_result(out)
    store = _features(out, utterances, plan.features, config, progress, accelerator)
    classes = np.array([labels.index(u.emotion) for u in utterances], dtype=np.int64)
    _check_classes(store, parts, classes, labels)
    if main:
        progress.extracted(
            windows=len(store),
            lost=len(classes) - len(set(store.owner.tolist())) - len(store.excluded),
            excluded=len(store.excluded),
            total=len(classes),
        )

    weights: Any
    if accelerator is None:
        weights, logits, epochs = fit_classical(plan, store, parts, classes, config)
    else:
        weights, logits, epochs = fit_network(plan, store, parts, classes, config, accelerator, out, progress)
    dev_windows = store.windows_of(parts.indices("dev"))
    fitted = fit_temperature(logits["dev"], classes[store.owner[dev_windows]], _weights(store, dev_windows))
    temperature = float(f"{fitted:.6g}")
    # scores are those of the calibrated model; a test part of which nothing is left has none
    scored = {
        part: score_part(z, store, parts.indices(part), classes, labels, temperature=temperature)
        for part, z in logits.items()
        if len(z)
    }
    warnings = parts.warnings
    if "test" in logits and "test" not in scored:
        warnings += ("no test recording could be used, or all are too short: there are no test scores",)
    recipe = plan.recipe(
        calibration=Calibration(temperature=temperature, fitted_on="windows of the development speakers"),
        training=_training_entry(parts, manifest, utterances, store, config, scored),
    )
    result = TrainResult(
        run_dir=out,
        recipe=recipe,
        protocol=parts.protocol,
        dev=scored["dev"],
        test=scored.get("test"),
        epochs=epochs,
        excluded={utterances[i].key: reason for i, reason in store.excluded.items()},
        warnings=warnings,
    )
    if main:
        # spread over the development recordings, whose features differ from those that weights were fitted to
        some = dev_windows[np.linspace(0, len(dev_windows) - 1, min(SAMPLES, len(dev_windows))).astype(int)]
        specs = plan.features.specs()
        samples = collate({key: [store.get(key, int(w)) for w in some] for key in specs}, specs)
        write_results(result, weights, samples, logits, store, utterances, parts)
    if accelerator is not None:
        accelerator.wait_for_everyone()
        accelerator.free_memory()
    return result


def _labelled(manifest: Manifest, config: TrainConfig) -> tuple[tuple[Utterance, ...], tuple[str, ...]]:
    counts = Counter(u.emotion for u in manifest.utterances)
    if config.emotions is not None:
        missing = [e for e in config.emotions if e not in counts]
        if missing:
            raise ManifestError(
                f"no recording is labelled {', '.join(map(repr, missing))}. The manifest has "
                + ", ".join(f"{label} ({n})" for label, n in sorted(counts.items()))
            )
    labels = tuple(config.emotions or sorted(counts))
    if len(labels) < 2:
        raise ManifestError(f"training needs at least two emotions, the manifest has one: {labels[0]!r}")
    for label in labels:
        if len(label) > MAX_LABEL or not label.isprintable():
            raise ManifestError(
                f"the label {label[:60]!r} cannot be used: a label has at most {MAX_LABEL} characters and no control "
                "characters or broken encoding"
            )
    return tuple(u for u in manifest.utterances if u.emotion in labels), labels


def _device(accelerator: Accelerator | None) -> str:
    if accelerator is None:
        return "cpu"
    processes = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    precision = f", {accelerator.mixed_precision}" if accelerator.mixed_precision != "no" else ""
    device = "cpu" if accelerator.device.type == "cpu" else str(accelerator.device)
    return f"{device}{processes}{precision}"


def _ignored(manifest: Manifest) -> list[str]:
    columns = ", ".join(map(repr, manifest.ignored_columns))
    return [f"columns of the manifest that are not used: {columns}"] if columns else []


def _features(
    out: Path,
    utterances: Sequence[Utterance],
    features: FeatureSet,
    config: TrainConfig,
    progress: Progress,
    accelerator: Accelerator | None,
) -> FeatureStore:
    folder = out / "work"
    if accelerator is None or accelerator.is_main_process:
        try:
            open_store(folder)
        except (FileNotFoundError, ValueError, KeyError):
            build_store(folder, utterances, features, workers=config.training.workers, on_progress=progress.extracting)
    if accelerator is not None:
        accelerator.wait_for_everyone()
    return open_store(folder)


def _check_classes(store: FeatureStore, parts: Split, classes: NDArray[np.int64], labels: Sequence[str]) -> None:
    if store.excluded and len(store.excluded) == len(classes):
        reasons = Counter(r.split(":")[0] for r in store.excluded.values())
        raise ManifestError(f"none of the {len(classes)} recordings can be used: {dict(reasons)}")
    windows = store.windows_of(parts.indices("train"))
    seen = set(classes[store.owner[windows]].tolist())
    absent = [label for i, label in enumerate(labels) if i not in seen]
    if absent:
        raise SplitError(
            f"no training window is left of {', '.join(absent)}: recordings too short or unusable (see excluded)"
        )
    if not len(store.windows_of(parts.indices("dev"))):
        raise SplitError("no development window is left: recordings too short for the segments, or unusable")


def _weights(store: FeatureStore, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(store.owner[windows], return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[inverse])


def _training_entry(
    parts: Split,
    manifest: Manifest,
    utterances: Sequence[Utterance],
    store: FeatureStore,
    config: TrainConfig,
    scored: Mapping[Part, PartScores],
) -> Training:
    seen = [i for i, part in enumerate(parts.parts) if part != "test"]
    speakers = sorted({utterances[i].speaker or "" for i in seen} - {""})
    recordings = sorted({store.recordings[i] for i in seen} - {0})
    return Training(
        protocol=parts.protocol,
        manifest_sha256=manifest.sha256,
        speakers=tuple(sorted(hash_speaker(s, salt=manifest.sha256) for s in speakers)),
        recordings=base64.b64encode(np.array(recordings, dtype=">u8").tobytes()).decode("ascii"),
        seed=config.training.seed,
        metrics={part: s.to_json() for part, s in scored.items()},
    )


def hash_speaker(speaker: str, *, salt: str) -> str:
    """Salted hash of a speaker's name: 16 hexadecimal digits."""
    return hashlib.sha256(f"{salt}\0{speaker}".encode()).hexdigest()[:16]

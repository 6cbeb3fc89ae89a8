"""The labelled utterances of a run, as classes and votes, and their features on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import ConfigError, ManifestError
from ser_toolkit.plugin_registry import default_registry
from ser_toolkit.training.audio_state import AudioState, check_audio, files_digest
from ser_toolkit.training.processes import waiting_for_main
from ser_toolkit.training.ratings import ratings_of, scales_of
from ser_toolkit.training.store import FeatureStore, build_store, open_store
from ser_toolkit.training.teachers import read_teachers
from ser_toolkit.training.teaching import with_teachers

if TYPE_CHECKING:
    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.manifest import Manifest, Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.recipe import Scale
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.progress import Progress

__all__ = ["Dataset", "extract", "read_dataset"]

MAX_LABEL = 200


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a run learns from and is tested on.

    Parameters
    ----------
    manifest : Manifest
        Everything that was given.
    utterances : tuple of Utterance
        Those of the chosen labels.
    labels : tuple of str
        Classes, in the order of the outputs.
    classes : ndarray of int64, shape (n_utterances,)
        Class of each utterance; 0 without labels.
    scales : dict of str to Scale
        Dimensions to be learnt, with the ranges of their scales; empty if only classes are.
    """

    manifest: Manifest
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    classes: NDArray[np.int64]
    scales: dict[str, Scale] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Manifest, config: TrainConfig) -> Dataset:
        """Choose the utterances whose label is to be learnt, or, where no labels are, those that somebody rated.

        Parameters
        ----------
        manifest : Manifest
            All utterances.
        config : TrainConfig
            ``emotions``: labels to keep, or None for all; ``targets``.

        Returns
        -------
        Dataset
            With at least two labels, or with none.

        Raises
        ------
        ManifestError
            If a label does not occur, only one is left, or one cannot be stored; or as `scales_of`.
        """
        counts = Counter(u.emotion for u in manifest.utterances if u.emotion)
        if config.emotions is not None:
            missing = [e for e in config.emotions if e not in counts]
            if missing:
                raise ManifestError(
                    f"no recording is labelled {', '.join(map(repr, missing))}. The manifest has "
                    + ", ".join(f"{label} ({n})" for label, n in sorted(counts.items()))
                )
        labels = tuple(config.emotions or sorted(counts))
        alone = config.targets is not None and not config.targets.emotions
        every = alone and config.emotions is None
        utterances = tuple(u for u in manifest.utterances if every or u.emotion in labels)
        scales = scales_of(utterances, config.targets)
        if alone:
            rated = tuple(u for u in utterances if any(getattr(u, name) is not None for name in scales))
            none = np.zeros(len(rated), dtype=np.int64)
            return cls(manifest=manifest, utterances=rated, labels=(), classes=none, scales=scales)
        if len(labels) < 2:
            has = f"one: {labels[0]!r}" if labels else "none (targets.emotions = false learns dimensions alone)"
            raise ManifestError(f"training needs at least two emotions, the manifest has {has}")
        for label in labels:
            if len(label) > MAX_LABEL or not label.isprintable():
                raise ManifestError(
                    f"the label {label[:60]!r} cannot be used: a label has at most {MAX_LABEL} characters and no "
                    "control characters or broken encoding"
                )
        classes = np.array([labels.index(u.emotion) for u in utterances], dtype=np.int64)
        return cls(manifest=manifest, utterances=utterances, labels=labels, classes=classes, scales=scales)

    def ratings(self) -> NDArray[np.float64]:
        """Ratings in the units of the manifest, (n_utterances, n_dimensions); NaN where there is none."""
        return ratings_of(self.utterances, tuple(self.scales))

    def rated(self) -> dict[str, NDArray[np.float64]]:
        """The same by dimension, (n_utterances,) each."""
        return dict(zip(self.scales, self.ratings().T, strict=True))

    def corpora(self) -> NDArray[np.int64]:
        """Corpus of each utterance, (n_utterances,), as numbers from 0 in the order of the corpora's names."""
        return np.unique([u.corpus for u in self.utterances], return_inverse=True)[1].astype(np.int64)

    def votes(self) -> NDArray[np.float64]:
        """Shares of the raters' votes, (n_utterances, n_labels); rows of NaN where no rater voted for any label."""
        counts = np.array([[u.votes.get(label, 0.0) for label in self.labels] for u in self.utterances])
        total = counts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def read_dataset(
    manifests: Sequence[str | Path] | str | Path, config: TrainConfig, *, speaker_pattern: str | None
) -> Dataset:
    """Manifests, one or several, as the utterances of the configuration's labels.

    Parameters
    ----------
    manifests : path or sequence of paths
        Manifest CSV files, folders with one folder per class, or audiofolders.
    config : TrainConfig
        ``emotions``: labels to keep.
    speaker_pattern : str or None
        Regular expression whose first group finds the speaker in a file's path, for folders without a manifest.

    Returns
    -------
    Dataset
        As `Dataset.of`.

    Raises
    ------
    ManifestError
        As `read_manifest` and `Dataset.of`.
    """
    given = [manifests] if isinstance(manifests, str | Path) else list(manifests)
    return Dataset.of(read_manifest(given, speaker_pattern=speaker_pattern), config)


def extract(
    folder: Path,
    data: Dataset,
    features: FeatureSet,
    config: TrainConfig,
    progress: Progress,
    accelerator: Accelerator | None,
    *,
    cache: FeatureCache | None,
    augmented: Collection[int] | None = None,
    registry: Registry | None = None,
) -> FeatureStore:
    """Features of all utterances: those of an earlier attempt in `folder`, of the cache, or new ones.

    What the teachers of the configuration need beside `features` is extracted too.

    Parameters
    ----------
    folder : Path
        Where the store is, or is made by the main process. The folder above it keeps hashes of the audio.
    data : Dataset
        The utterances.
    features : FeatureSet
        Extractors and windows.
    config : TrainConfig
        Workers, augmentation and teachers.
    progress : Progress
        Is told.
    accelerator : Accelerator or None
        Processes that share the folder.
    cache : FeatureCache or None
        Shared by all runs.
    augmented : collection of int, optional
        Utterances that altered copies are made of; default: all.
    registry : Registry, optional
        Where the teachers' components are looked up; default: the installed plugins.

    Returns
    -------
    FeatureStore
        Memory-mapped.

    Raises
    ------
    ManifestError
        If no recording can be used.
    ConfigError
        If the audio is not that of the earlier attempt, or the main process writes to another file system.
    """
    if config.distill and accelerator is not None:
        features = with_teachers(features, read_teachers(config.distill, registry or default_registry()))
    with waiting_for_main(accelerator) as wait:
        if accelerator is None or accelerator.is_main_process:
            before = AudioState.load(folder.parent, folder.name)
            files = files_digest(data.utterances)
            if before is None or before.files != files or not _holds(folder, features, before):
                made = build_store(
                    folder,
                    data.utterances,
                    features,
                    cache=cache,
                    augmentation=augmentation_of(config.augment, seed=config.training.seed, sr=config.sr),
                    augmented=augmented,
                    workers=config.training.workers,
                    on_progress=progress.extracting,
                )
                now = AudioState.of(made, files)
                if before is not None:
                    check_audio(before, now, data.utterances, folder=folder.parent)
                now.save(folder.parent, folder.name)
            for warning in cache.warnings if cache else ():
                progress.caution(warning)
        wait()
    try:
        store = open_store(folder)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{folder}: the main process extracted the features to this folder, and this process does not see them: "
            "the output folder must be on a file system that all nodes share, under the same path"
        ) from error
    total = len(data.utterances)
    if store.excluded and len(store.excluded) == total:
        reasons = Counter(r.split(":")[0] for r in store.excluded.values())
        raise ManifestError(f"none of the {total} recordings can be used: {dict(reasons)}")
    if accelerator is None or accelerator.is_main_process:
        progress.extracted(
            windows=len(store),
            lost=total - len(set(store.owner.tolist())) - len(store.excluded),
            excluded=len(store.excluded),
            total=total,
        )
    return store


def _holds(folder: Path, features: FeatureSet, wanted: AudioState) -> bool:
    """Whether a folder has the features of this audio, whole."""
    try:
        store = open_store(folder)
    except (OSError, ValueError, KeyError):
        return False
    return store.recordings == wanted.recordings and features.extractors.keys() <= store.values.keys()

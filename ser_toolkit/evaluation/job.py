"""What cross-validation and reproduction begin with: data, folds, a folder that can be continued, features."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.data.augment import augmentation_of
from ser_toolkit.manifest_features import columns_of
from ser_toolkit.training.announcement import device_name, ignored_columns, unused_settings
from ser_toolkit.training.audio_state import AudioState, Guarded
from ser_toolkit.training.dataset import Dataset, extract, read_dataset
from ser_toolkit.training.fitting import make_accelerator
from ser_toolkit.training.folder import BATCHES, COMPONENTS, run_folder, state_of
from ser_toolkit.training.guard import GuardReport, check_folds, mark
from ser_toolkit.training.processes import in_one_job
from ser_toolkit.training.progress import Progress, Silent
from ser_toolkit.training.protocols import folds_of
from ser_toolkit.training.split_file import write_split

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.protocols import Folds
    from ser_toolkit.training.store import FeatureStore

__all__ = ["Job", "read_dataset"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """Folds to fit, in a folder.

    Parameters
    ----------
    out : Path
        The folder.
    config : TrainConfig
        Split, precision, workers.
    data : Dataset
        The utterances.
    folds : Folds
        The protocol.
    accelerator : Accelerator or None
        None if nothing but classical learners is fitted.
    """

    out: Path
    config: TrainConfig
    data: Dataset
    folds: Folds
    accelerator: Accelerator | None

    @classmethod
    def make(cls, config: TrainConfig, data: Dataset, *, out: Path, device: str, network: bool) -> Job:
        """Divide the data and find the device; nothing is written yet.

        Raises
        ------
        SplitError, DeviceError, ConfigError, MissingTierError
            If folds, device or precision cannot be had.
        """
        augmentation_of(config.augment, seed=config.training.seed, sr=config.sr)  # what it refuses is refused now
        folds = folds_of(data.utterances, config.split, seed=config.split_seed)
        accelerator = make_accelerator(config, device) if network else None
        return cls(out=out, config=config, data=data, folds=folds, accelerator=accelerator)

    @property
    def main(self) -> bool:
        """Whether this process writes and shows."""
        return self.accelerator is None or self.accelerator.is_main_process

    def counts(self) -> list[int]:
        """Training utterances per label in the first fold."""
        split = self.folds.folds[0].split
        counts = Counter(self.data.utterances[i].emotion for i in split.indices("train"))
        return [counts[label] for label in self.data.labels]

    @contextlib.contextmanager
    def begun(self, recipes: Mapping[str, Recipe], *, resume: bool) -> Iterator[None]:
        """Make or continue the folder, write the split file, and hold the folder while the body runs.

        Parameters
        ----------
        recipes : mapping of str to Recipe
            Setting to untrained recipe; settings may be added to a job.
        resume : bool
            Whether the folder may hold an unfinished job.

        Raises
        ------
        ConfigError, OutputError
            As `run_folder`.
        """
        if not self.main:
            with in_one_job(self.accelerator):
                yield
            return
        first, *_ = recipes.values()
        state: dict[str, Any] = state_of(self.config, self.data, first)
        del state["config"]["training"]["seeds"]  # seeds may be added to a job
        state[COMPONENTS] = {name: recipe.model_dump(mode="json") for name, recipe in recipes.items()}
        state["split"] = self.folds.digest
        state[BATCHES] = self.config.training.accumulate * self.accelerator.num_processes if self.accelerator else 1
        with in_one_job(self.accelerator), run_folder(self.out, state, resume=resume, growing=(COMPONENTS,)):
            write_split(self.out / "split.csv", self.data.utterances, self.folds)
            yield

    def announce(self, progress: Progress, plan: Plan | None = None) -> None:
        """Tell what is about to be fitted on what, and where; with one plan, which settings it does not heed."""
        if not self.main:
            return
        progress.starting(
            protocol=self.folds.protocol,
            parts=self.folds.folds[0].split.counts(),
            labels=self.data.labels,
            device=device_name(self.accelerator),
            warnings=[
                *self.folds.warnings,
                *ignored_columns(self.data.manifest, read=columns_of(plan.features).values() if plan else ()),
                *(unused_settings(plan, self.config, self.data.utterances) if plan else ()),
            ],
        )

    def features(
        self, plan: Plan, progress: Progress, *, cache: FeatureCache | None, name: str = "work"
    ) -> FeatureStore:
        """Features of all utterances, in a folder of the job; see `ser_toolkit.training.dataset.extract`."""
        watcher = progress if self.main else Silent()
        return extract(self.out / name, self.data, plan.features, self.config, watcher, self.accelerator, cache=cache)

    def guarded(self, store: FeatureStore) -> Job:
        """The same job after a look at the audio: its protocol says so if a recording is on both sides of a split.

        Raises
        ------
        SplitError
            If a fold has the same audio in training and held-out parts, unless that is allowed.
        """
        report = check_folds(
            self.data.utterances,
            self.folds,
            recordings=store.recordings,
            fingerprints=store.fingerprints,
            allow_duplicates=self.config.split.allow_duplicates,
        )
        if self.main:
            Guarded(warnings=report.warnings, duplicated=report.duplicated).save(self.out)
        return replace(self, folds=mark(self.folds, report))

    def remembered(self, name: str = "work") -> tuple[Job, dict[int, str]] | None:
        """What an earlier attempt heard, so that a finished job need not extract features again to say so.

        Returns
        -------
        Job
            As `guarded` gives it.
        dict of int to str
            Utterances that could not be used; or None in place of both if the folder does not say.
        """
        guard, audio = Guarded.load(self.out), AudioState.load(self.out, name)
        if guard is None or audio is None:
            return None
        report = GuardReport(warnings=guard.warnings, duplicated=guard.duplicated)
        return replace(self, folds=mark(self.folds, report)), audio.excluded

    def end(self, name: str = "work") -> None:
        """Remove the features, which the cache has as well."""
        if self.main:
            shutil.rmtree(self.out / name, ignore_errors=True)

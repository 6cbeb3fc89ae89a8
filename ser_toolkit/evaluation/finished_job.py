"""A finished model's evaluation as a folder that can be continued, with the noise bench if wanted."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ser_toolkit.data.manifest import read_manifest
from ser_toolkit.errors import ModelError
from ser_toolkit.evaluation.finished import evaluate_model, opened_model
from ser_toolkit.evaluation.predictions import PREDICTIONS, Predictions
from ser_toolkit.models import bundled
from ser_toolkit.noise.bench import run_bench
from ser_toolkit.noise.fitted import finished_model
from ser_toolkit.noise.groups import FittedModel, Subject
from ser_toolkit.noise.scores import score_noise
from ser_toolkit.training.checkpoint import ESTIMATOR, RECIPE, WEIGHTS
from ser_toolkit.training.folder import CONFIG, new_folder, run_folder

if TYPE_CHECKING:
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.manifest import Manifest
    from ser_toolkit.inference.model import Model
    from ser_toolkit.noise.bench import BenchProgress
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.scores import NoiseScores
    from ser_toolkit.plugin_registry import Registry

__all__ = ["FinishedJob", "finished_job"]


@dataclass(frozen=True, kw_only=True)
class FinishedJob:
    """A finished model, what it said about a manifest, and the folder that holds it.

    Parameters
    ----------
    out : Path
        The folder.
    model : Model
        Open.
    manifest : Manifest
        What it was asked about.
    predictions : Predictions
        What it said.
    workers : int
        Processes that extract features; 0 takes one per core.
    """

    out: Path
    model: Model
    manifest: Manifest
    predictions: Predictions
    workers: int

    def bench(
        self, conditions: Sequence[Condition], *, seed: int = 0, progress: BenchProgress | None = None
    ) -> NoiseScores:
        """Score the model on the same recordings, degraded; what was answered before is read.

        Parameters
        ----------
        conditions : sequence of Condition
            What is done to the recordings.
        seed : int, optional
            Of the noise.
        progress : BenchProgress, optional
            Is told.

        Returns
        -------
        NoiseScores
            Babble is made of what other speakers of the manifest say.

        Raises
        ------
        ConfigError, AudioError, OutputError
            As `ser_toolkit.noise.bench.run_bench`.
        """
        by_key = {(u.corpus or "", u.key, u.start_s, u.end_s): u for u in self.manifest.utterances}
        clean = replace(self.predictions, notes=())
        tested = FittedModel(name="model", clean=clean, load=lambda: finished_model(self.model))
        subject = Subject(utterances=tuple(by_key[item.key] for item in clean.items), models=(tested,))
        benched = run_bench(
            [subject],
            conditions,
            self.model.features,
            folder=self.out,
            seed=seed,
            workers=self.workers,
            progress=progress,
        )
        return score_noise(benched)


@contextlib.contextmanager
def finished_job(
    model: str | Path,
    manifests: Sequence[str | Path] | str | Path,
    *,
    out: Path,
    resume: bool = False,
    emotions: Sequence[str] | None = None,
    seen: Literal["refuse", "mark", "drop"] = "refuse",
    device: str = "auto",
    workers: int = 0,
    cache: FeatureCache | None = None,
    speaker_pattern: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    registry: Registry | None = None,
) -> Iterator[FinishedJob]:
    """Ask a finished model about a manifest, and keep its answers in a folder.

    Parameters
    ----------
    model, manifests, emotions, seen, device, workers, cache, speaker_pattern, on_progress, registry
        As for `ser_toolkit.evaluation.finished.evaluate_model`; an open model will not do.
    out : Path
        The folder; must be empty or absent unless `resume`.
    resume : bool, optional
        Read the answers that are there, if they are of the same model and manifest.

    Yields
    ------
    FinishedJob
        Holds model and folder inside the ``with`` block.

    Raises
    ------
    ConfigError
        If the folder holds something else.
    SplitError, ManifestError, ModelError, RecipeError, DeviceError
        As `evaluate_model`.
    """
    given = [manifests] if isinstance(manifests, str | Path) else list(manifests)
    manifest = read_manifest(given, speaker_pattern=speaker_pattern)
    state = {
        "model": _digest(model),
        "manifest_sha256": manifest.sha256,
        "emotions": None if emotions is None else list(emotions),
        "seen": seen,
    }
    path = out / PREDICTIONS
    continued = resume and (out / CONFIG).is_file()
    if not continued:
        new_folder(out, hint="it holds no evaluation to resume" if resume else "give another --out, or --resume")
    with contextlib.ExitStack() as until_the_end:
        if continued:
            until_the_end.enter_context(run_folder(out, state, resume=True))
        entered = opened_model(model, device=device, hop_s=None, registry=registry)
        opened, name = until_the_end.enter_context(entered)
        predictions = _kept(path) if continued else None
        if predictions is None:
            predictions = evaluate_model(
                replace(opened, name=name), given, emotions=emotions, seen=seen, workers=workers, cache=cache,
                speaker_pattern=speaker_pattern, on_progress=on_progress,
            )  # fmt: skip
            if not continued:  # what is refused leaves the folder empty
                until_the_end.enter_context(run_folder(out, state, resume=False))
            predictions.save(path)
        yield FinishedJob(out=out, model=opened, manifest=manifest, predictions=predictions, workers=workers)


def _kept(path: Path) -> Predictions | None:
    try:
        return Predictions.load(path)
    except ModelError:
        return None


def _digest(model: str | Path) -> str:
    """Hash of the files of a model."""
    path = Path(model)
    folder = path.is_dir() and str(model) not in bundled.names()
    files = [path / name for name in (RECIPE, WEIGHTS, ESTIMATOR)] if folder else [bundled.resolve(model)]
    found = hashlib.sha256()
    for file in files:
        if file.is_file():
            found.update(file.read_bytes())
    return found.hexdigest()

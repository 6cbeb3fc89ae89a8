"""The trained models of a folder, the data that they were trained on, and how it was divided."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.errors import ConfigError, ManifestError, ModelError
from ser_toolkit.training import checkpoint
from ser_toolkit.training.audio_state import AudioState
from ser_toolkit.training.config import check_config
from ser_toolkit.training.dataset import Dataset, read_dataset
from ser_toolkit.training.folder import CONFIG, state_of
from ser_toolkit.training.split_file import read_split

if TYPE_CHECKING:
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.protocols import Folds
    from ser_toolkit.training.splits import Split

__all__ = ["Member", "Source", "check_alike", "is_evaluation", "read_source"]

_FOLD = re.compile(r"seed-(\d+)-fold-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Member:
    """One trained network.

    Parameters
    ----------
    folder : Path
        With its recipe and weights.
    name : str
        Who is tested; empty for a run folder.
    seed : int
        Of its training.
    recipe : Recipe
        What it carries.
    split : Split
        Which utterances it was trained, chosen and tested on.
    """

    folder: Path
    name: str
    seed: int
    recipe: Recipe
    split: Split


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run folder, or an evaluation with the models of its folds.

    Parameters
    ----------
    folder : Path
        The folder.
    config : TrainConfig
        What was trained, and how.
    data : Dataset
        The utterances, in the order of the split.
    protocol : str
        How training and test were kept apart.
    members : tuple of Member
        One for a run folder; one for each seed and fold of an evaluation.
    recordings : tuple of int
        Hash of the audio of each utterance; empty if the folder does not say.
    """

    folder: Path
    config: TrainConfig
    data: Dataset
    protocol: str
    members: tuple[Member, ...]
    recordings: tuple[int, ...]


def is_evaluation(folder: Path) -> bool:
    """Whether a folder is that of a cross-validation, and no run folder."""
    return (folder / "folds").is_dir() and not (folder / checkpoint.RECIPE).is_file()


def read_source(
    folder: Path, manifests: Sequence[str | Path] | str | Path, *, speaker_pattern: str | None = None
) -> Source:
    """Find the models of a folder, and their data again.

    Parameters
    ----------
    folder : Path
        What ``ser-toolkit train`` or ``ser-toolkit evaluate`` made.
    manifests : path or sequence of paths
        The manifests that it was made from, wherever they lie now.
    speaker_pattern : str, optional
        As at training.

    Returns
    -------
    Source
        The data are those of the training: labels, speakers and rows are the same, and so is the split.

    Raises
    ------
    ManifestError
        If the manifests say something else than those of the training.
    ModelError
        If the folder holds no finished network; or an evaluation has kept no models.
    ConfigError, SplitError
        If its configuration or split cannot be read.
    """
    evaluation = is_evaluation(folder)
    recipe = None if evaluation else checkpoint.read_recipe(folder)
    state = _state(folder)
    config = check_config(state["config"], where=str(folder / CONFIG))
    data = read_dataset(manifests, config, speaker_pattern=speaker_pattern)
    models = _fold_models(folder) if evaluation else [(config.training.seed, config.split.fold, folder)]
    recipe = recipe or checkpoint.read_recipe(models[0][2])
    _check_data(state, state_of(config, data, recipe), data, folder=folder)
    folds = read_split(folder / "split.csv", data.utterances, allow_speaker_overlap=config.split.allow_speaker_overlap)
    audio = AudioState.load(folder, "work")
    return Source(
        folder=folder,
        config=config,
        data=data,
        protocol=folds.protocol if evaluation else folds.fold(config.split.fold).split.protocol,
        members=tuple(_member(seed, number, path, folds, named=evaluation) for seed, number, path in models),
        recordings=audio.recordings if audio else (),
    )


def check_alike(run: Recipe, fold: Recipe) -> None:
    """Refuse to judge a model by others than it was cross-validated as.

    Raises
    ------
    ModelError
        If network, features, windows or loss differ; names the first that does.
    """
    for what in ("targets", "sr", "preprocess", "segments", "features", "model", "loss"):
        if getattr(run, what) != getattr(fold, what):
            raise ModelError(
                f"the evaluation is of another model: its {what} differ from the run's. Give the evaluation of the "
                "configuration that the run was trained with"
            )


def _member(seed: int, number: int, folder: Path, folds: Folds, *, named: bool) -> Member:
    if checkpoint.is_classical(folder):
        raise ModelError(f"{folder} holds a classical model: int8, fp16 and pruning are for networks")
    fold = folds.fold(number)
    return Member(
        folder=folder,
        name=fold.name if named else "",
        seed=seed,
        recipe=checkpoint.read_recipe(folder),
        split=fold.split,
    )


def _fold_models(folder: Path) -> list[tuple[int, int, Path]]:
    """Seed, number and folder of each fold; all that have predictions must have a model."""
    found = []
    missing = []
    for path in sorted((folder / "folds").glob("seed-*-fold-*.parquet")):
        if match := _FOLD.fullmatch(path.stem):
            model = path.with_suffix("")
            found.append((int(match[1]), int(match[2]), model))
            missing += [] if (model / checkpoint.RECIPE).is_file() else [path.stem]
    if not found:
        raise ModelError(f"{folder} has no finished fold: go on with `ser-toolkit evaluate ... --resume`")
    if missing:
        raise ModelError(
            f"{folder} kept predictions but no model of {len(missing)} folds ({missing[0]}, ...): they were made "
            "without keeping models (--no-keep-models). Evaluate again, or compress a run folder, which has held-out "
            "speakers of its own"
        )
    return sorted(found)


def _state(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(state, dict) and isinstance(state.get("config"), dict):
            return state
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    raise ConfigError(f"{path}: it holds no configuration")


def _check_data(before: dict[str, Any], now: dict[str, Any], data: Dataset, *, folder: Path) -> None:
    named = ", ".join(data.manifest.sources)
    if before.get("manifest_sha256") != now["manifest_sha256"]:
        raise ManifestError(
            f"{named}: not what {folder} was made from ({str(before.get('manifest_sha256'))[:12]}, these are "
            f"{now['manifest_sha256'][:12]}): rows, labels or speakers differ. Give all its manifests, and no others"
        )
    key = "order of the recordings"
    if before.get(key) != now[key]:
        raise ManifestError(f"{named}: the manifests of {folder} in another order; give them in the same order")

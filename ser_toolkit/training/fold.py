"""Fitting one split: weights, logits of what was held out, and the calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import SplitError
from ser_toolkit.training.calibration import calibrate
from ser_toolkit.training.fitting import fit_classical, fit_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.recipe import Calibration
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.epochs import Epoch
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.progress import Progress
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore
    from ser_toolkit.training.teachers import Teacher

__all__ = ["FittedFold", "check_fold", "fit_fold", "teachers_of"]


@dataclass(frozen=True, kw_only=True)
class FittedFold:
    """What fitting one split gave.

    Parameters
    ----------
    weights : dict of Tensor, or Classifier
        As for `ser_toolkit.training.checkpoint.save_run`.
    logits : dict
        Part to logits of its windows in the order of the store, (n_windows, n_labels); development and test.
    epochs : tuple of Epoch
        Empty for a classical model.
    calibration : Calibration or None
        Fitted on the development part; None without classes.
    teachers : tuple of Teacher
        Those that it was learnt from.
    values : dict
        Part to values of the dimensions of its windows, (n_windows, n_dimensions), in the units of the manifest.
    """

    weights: Any
    logits: dict[Part, NDArray[np.floating[Any]]]
    epochs: tuple[Epoch, ...]
    calibration: Calibration | None
    teachers: tuple[Teacher, ...] = ()
    values: dict[Part, NDArray[np.floating[Any]]] = field(default_factory=dict)


def check_fold(
    store: FeatureStore,
    parts: Split,
    classes: NDArray[np.int64],
    labels: Sequence[str],
    ratings: Mapping[str, NDArray[np.float64]] | None = None,
) -> None:
    """Refuse a split of which too little is left after extraction.

    Parameters
    ----------
    store, parts : FeatureStore, Split
        What was extracted, and where each utterance is.
    classes, labels : ndarray of int64, sequence of str
        Class of each utterance, and names of the classes.
    ratings : mapping of str to ndarray, optional
        Dimension to ratings of the utterances, NaN where there is none.

    Raises
    ------
    SplitError
        If a label has no training window, a dimension fewer than two rated recordings in the training or, without
        labels, in the development part, or there is no development window.
    """
    seen = set(classes[store.owner[store.windows_of(parts.indices("train"))]].tolist())
    absent = [label for i, label in enumerate(labels) if i not in seen]
    if absent:
        raise SplitError(
            f"no training window is left of {', '.join(absent)}: recordings too short or unusable (see excluded)"
        )
    if not len(store.windows_of(parts.indices("dev"))):
        raise SplitError("no development window is left: recordings too short for the segments, or unusable")
    for name, values in (ratings or {}).items():
        needed: tuple[Part, ...] = ("train",) if labels else ("train", "dev")
        for part in needed:
            there = np.unique(store.owner[store.windows_of(parts.indices(part))])
            if (~np.isnan(values[there])).sum() < 2:
                what = "training" if part == "train" else "development"
                raise SplitError(f"fewer than two {what} recordings with a rating of {name} are left")


def fit_fold(
    plan: Plan,
    store: FeatureStore,
    parts: Split,
    data: Dataset,
    config: TrainConfig,
    accelerator: Accelerator | None,
    folder: Path,
    progress: Progress,
    *,
    logs: Path | None = None,
) -> FittedFold:
    """Fit on the training part, choose and calibrate on the development part.

    Nothing of the test part is looked at but to compute its logits at the end.

    Parameters
    ----------
    plan, store, parts, data, config : Plan, FeatureStore, Split, Dataset, TrainConfig
        What to fit on what, and how.
    accelerator : Accelerator or None
        None for a classical model.
    folder : Path
        A network's progress is kept in ``work/last.pt`` below it, and continued from.
    progress : Progress
        Is told of steps and epochs.
    logs : Path, optional
        Where a tracker writes; default: ``tensorboard`` below `folder`.

    Returns
    -------
    FittedFold
        Weights and logits.

    Raises
    ------
    SplitError
        See `check_fold`.
    ConfigError
        See `teachers_of`.
    """
    check_fold(store, parts, data.classes, data.labels, data.rated() if plan.regression else None)
    teachers = teachers_of(plan, store, parts, data)
    weights: Any
    if accelerator is None:
        speakers = [u.speaker for u in data.utterances]
        weights, outputs, epochs = fit_classical(plan, store, parts, data.classes, config, speakers=speakers)
    else:
        votes = data.votes() if config.training.soft_labels and data.labels else None
        weights, outputs, epochs = fit_network(
            plan,
            store,
            parts,
            data.classes,
            config,
            accelerator,
            folder,
            progress,
            votes=votes,
            corpora=data.corpora(),
            ratings=data.ratings() if plan.regression else None,
            teachers=teachers,
            logs=logs,
        )
    n_labels, calibration = len(data.labels), None
    if data.labels:
        calibration = calibrate(
            outputs["dev"][:, :n_labels],
            store.owner[store.windows_of(parts.indices("dev"))],
            data.classes,
            labels=data.labels,
            config=config.calibration,
            fitted_on="development speakers",
        )
    return FittedFold(
        weights=weights,
        logits={part: both[:, :n_labels] for part, both in outputs.items()},
        epochs=epochs,
        calibration=calibration,
        teachers=teachers,
        values={part: both[:, n_labels:] for part, both in outputs.items()} if plan.regression else {},
    )


def teachers_of(plan: Plan, store: FeatureStore, parts: Split, data: Dataset) -> tuple[Teacher, ...]:
    """The models that teach in a split: of those of the plan, the ones that have not heard what it tests.

    Raises
    ------
    ConfigError
        If one that was given has, or of a cross-validation all have.
    """
    speakers = not plan.config.split.allow_speaker_overlap
    return tuple(
        teacher
        for each in plan.teachers
        for teacher in each.allowed(data.utterances, store.recordings, parts, speakers=speakers)
    )

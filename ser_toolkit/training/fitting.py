"""Fitting what a plan describes: a network on a device, or a scikit-learn estimator."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ConfigError, DeviceError, MissingTierError
from ser_toolkit.training.checkpoint import Classifier
from ser_toolkit.training.grid_search import fit_by_speaker, groups_of
from ser_toolkit.training.processes import STEP_LIMIT
from ser_toolkit.training.ratings import in_units
from ser_toolkit.training.standardize import fit_standardization
from ser_toolkit.training.teaching import teach, with_teachers

if TYPE_CHECKING:
    from pathlib import Path

    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.epochs import Epoch
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.progress import Progress
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore
    from ser_toolkit.training.teachers import Teacher

    Logits = dict[Part, NDArray[np.floating[Any]]]

__all__ = ["fit_classical", "fit_network", "make_accelerator"]


def make_accelerator(config: TrainConfig, device: str) -> Accelerator:
    """Device, precision and processes of a training run.

    Parameters
    ----------
    config : TrainConfig
        Holds the precision and the tracker.
    device : {"auto", "cpu", "cuda"}
        ``"cuda"`` insists on it.

    Returns
    -------
    accelerate.Accelerator
        One of as many processes as accelerate's launcher started. It can be used for any number of trainings, one
        after the other.

    Raises
    ------
    MissingTierError
        Without torch or accelerate, or the tracker that was asked for.
    DeviceError, ConfigError
        If device or precision cannot be had.
    """
    try:
        import torch
        from accelerate import Accelerator, InitProcessGroupKwargs
        from accelerate.utils import GradientAccumulationPlugin
    except ImportError as error:
        raise MissingTierError("training a network", "train", error.name) from error
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"no device is called {device!r}: training takes auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        built = (
            f"torch {torch.__version__} was built for CUDA {torch.version.cuda}"
            if torch.version.cuda
            else (f"torch {torch.__version__} was built without CUDA")
        )
        raise DeviceError(
            f"--device cuda: {built}, and torch finds no usable CUDA device. Use --device cpu, or see nvidia-smi"
        )
    tracker = config.training.tracker
    if tracker == "tensorboard" and importlib.util.find_spec("tensorboard") is None:
        raise MissingTierError('training.tracker = "tensorboard"', "tracking", "tensorboard")
    try:
        return Accelerator(
            cpu=device == "cpu",
            mixed_precision=config.training.mixed_precision,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=STEP_LIMIT)],
            # training.accumulate says it; a setting of the launcher would scale gradients once more
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            log_with=None if tracker == "none" else tracker,
            project_dir=None if tracker == "none" else ".",  # each training sets its own before anything is written
        )
    except ValueError as error:
        raise ConfigError(
            f"training.mixed_precision = {config.training.mixed_precision!r} cannot be had here, or this process "
            f"has trained with another precision or device before: {error}"
        ) from error


def fit_network(
    plan: Plan,
    store: FeatureStore,
    parts: Split,
    classes: NDArray[np.int64],
    config: TrainConfig,
    accelerator: Accelerator,
    out: Path,
    progress: Progress,
    *,
    votes: NDArray[np.float64] | None = None,
    corpora: NDArray[np.int64] | None = None,
    ratings: NDArray[np.float64] | None = None,
    teachers: Sequence[Teacher] = (),
    logs: Path | None = None,
) -> tuple[dict[str, Any], Logits, tuple[Epoch, ...]]:
    """Train a network; can be called any number of times in a process, with one accelerator.

    Parameters
    ----------
    plan, store, parts, classes, config, accelerator : Plan, FeatureStore, Split, ndarray, TrainConfig, Accelerator
        What to train on what, how and where; `classes` holds the class of every utterance. The store may hold more
        inputs than the plan has.
    out : Path
        Run folder; its ``work/last.pt`` is written after each epoch, and continued from.
    progress : Progress
        Is told of steps and epochs.
    votes : ndarray of float64, shape (n_utterances, n_classes), optional
        Shares of the raters' votes, which are learnt in place of the class; rows sum to 1, or are NaN: the class.
    corpora : ndarray of int64, shape (n_utterances,), optional
        Corpus of every utterance, for ``sampling = "corpus-balanced"``; default: all of one.
    ratings : ndarray of float64, shape (n_utterances, n_dimensions), optional
        What is learnt of the plan's dimensions, in the units of the manifest; NaN where nobody rated.
    teachers : sequence of Teacher, optional
        Finished models to learn from, as ``config.distill`` says.
    logs : Path, optional
        Where a tracker writes; default: ``tensorboard`` in `out`.

    Returns
    -------
    state : dict of Tensor
        Weights of the epoch that ``training.select`` names.
    logits : dict
        Of the windows of each held-out part, in order; altered copies are not among them. (n_windows, n_labels); of a
        plan with dimensions, their values follow in columns of their own, in the units of the manifest.
    epochs : tuple of Epoch
        All epochs.

    Raises
    ------
    ConfigError
        If `votes` does not fit the utterances and labels, or a row is none of shares.

    Notes
    -----
    Altered copies of recordings are trained on like recordings. Standardization is fitted on the recordings alone, so
    that the statistics in the graph are those of real sound. Losses that weigh classes are told how often an epoch
    shows each: with ``sampling = "balanced"`` equally often.
    """
    import torch

    from ser_toolkit.training.batches import Labelled, logits_of
    from ser_toolkit.training.distillation import Distillation
    from ser_toolkit.training.loop import fit
    from ser_toolkit.training.network import StandardizedNetwork

    training, labels, regression = config.training, plan.target.labels, plan.regression
    scales = regression.by_name if regression else {}
    if votes is not None:
        _check_votes(votes, len(classes), labels)
    data = {
        part: Labelled(
            store=store,
            windows=store.windows_of(parts.indices(part), copies=part == "train"),
            classes=classes,
            labels=labels,
            votes=votes,
            corpora=corpora,
            ratings=ratings,
            scales=scales,
        )
        for part in parts.counts()
    }
    specs = plan.features.specs()
    torch.manual_seed(training.seed)
    network = StandardizedNetwork(
        plan.model.build(specs, plan.targets),
        specs,
        fit_standardization(store, store.windows_of(parts.indices("train")), specs),
    )
    shown = data["train"].truth[data["train"].order(training, epoch=1)]
    distillation = None
    if config.distill and teachers:
        said = teach(
            teachers,
            with_teachers(plan.features, plan.teachers),
            store,
            data["train"].windows,
            labels,
            device=str(accelerator.device),
            registry=plan.registry,
        )
        distillation = Distillation.of(said, config.distill)
    checkpoint = out / "work" / "last.pt"
    if accelerator.is_main_process:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _tracked(accelerator, logs or out / "tensorboard") as log:

            def on_epoch(row: Epoch) -> None:
                log(row)
                progress.epoch(row)

            fitted = fit(
                network,
                plan.loss.build(plan.target, np.bincount(shown, minlength=len(labels)).tolist()) if plan.loss else None,
                data["train"],
                data["dev"],
                training,
                accelerator,
                **(regression.loss_of(data["train"].rated) if regression else {}),
                augment=config.augment,
                distillation=distillation,
                checkpoint=checkpoint,
                on_step=progress.step,
                on_epoch=on_epoch,
            )
        network.load_state_dict(fitted.state)
        network.to(accelerator.device)
        held_out: tuple[Part, ...] = ("dev", "test")
        logits: Logits = {
            p: in_units(
                logits_of(network, specs, data[p], batch_size=training.batch_size, device=accelerator.device),
                list(scales.values()),
            )
            for p in held_out
            if p in data
        }
    finally:
        accelerator.free_memory()  # it holds on to networks and optimizers
    return fitted.state, logits, fitted.epochs


def _check_votes(votes: NDArray[np.float64], n_utterances: int, labels: tuple[str, ...]) -> None:
    if votes.shape != (n_utterances, len(labels)):
        raise ConfigError(
            f"votes are of shape {votes.shape}; {n_utterances} utterances and {len(labels)} labels need "
            f"({n_utterances}, {len(labels)})"
        )
    silent = np.isnan(votes).any(axis=1)
    shares = np.all(votes >= 0, axis=1) & np.isclose(votes.sum(axis=1), 1.0)
    if len(bad := np.flatnonzero(~silent & ~shares)):
        raise ConfigError(
            f"votes of utterance {bad[0]} are {votes[bad[0]].tolist()}: give shares that sum to 1, or NaN where nobody "
            "voted"
        )


@contextlib.contextmanager
def _tracked(accelerator: Accelerator, logs: Path) -> Iterator[Callable[[Epoch], None]]:
    """Log epochs to the accelerator's tracker, in a folder of this training; a continued one logs all again."""
    if not accelerator.log_with:
        yield lambda row: None
        return
    accelerator.project_configuration.logging_dir = str(logs.parent)
    accelerator.init_trackers(logs.name, init_kwargs={"tensorboard": {"purge_step": 0}})

    def log(row: Epoch) -> None:
        scores = {
            "loss/train": row.train_loss,
            "loss/dev": row.dev_loss,
            "UA/dev": row.dev_ua,
            "WA/dev": row.dev_wa,
            "UA/dev windows": row.dev_window_ua,
            "WA/dev windows": row.dev_window_wa,
            "learning rate": row.lr,
            **row.dimensions,
        }
        accelerator.log({name: value for name, value in scores.items() if not math.isnan(value)}, step=row.epoch)

    try:
        yield log
    finally:
        # not end_training, which also ends the process group: other folds and the report come after this
        for tracker in accelerator.trackers:
            tracker.finish()
        accelerator.trackers.clear()


def fit_classical(
    plan: Plan,
    store: FeatureStore,
    parts: Split,
    classes: NDArray[np.int64],
    config: TrainConfig,
    *,
    speakers: Sequence[str | None] | None = None,
) -> tuple[Classifier, Logits, tuple[Epoch, ...]]:
    """Fit a scikit-learn estimator; takes and gives what `fit_network` does, with no votes and no epochs.

    `speakers`, of every utterance, are kept whole where the estimator chooses settings by cross-validation.
    """
    specs = plan.features.specs()
    if varying := [key for key, spec in specs.items() if spec.varies]:
        raise ConfigError(
            f"{plan.model.name} needs features of fixed shape; that of {varying[0]!r} varies with the length"
        )
    windows = {p: store.windows_of(parts.indices(p), copies=p == "train") for p in parts.counts()}
    classifier = Classifier(
        estimator=plan.model.estimator(specs, plan.target, seed=config.training.seed),
        standardization=fit_standardization(store, store.windows_of(parts.indices("train")), specs),
        n_classes=len(plan.target.labels),
        stored_types=tuple(getattr(plan.model, "stored_types", ())),
    )

    def flat(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return classifier.flatten({key: np.stack([store.get(key, int(w)) for w in rows]) for key in specs})

    try:
        owner = store.owner[windows["train"]]
        fitted = fit_by_speaker(
            classifier.estimator, flat(windows["train"]), classes[owner], groups=groups_of(owner, speakers)
        )
        classifier = dataclasses.replace(classifier, estimator=fitted)
        logits: Logits = {
            p: classifier.logits(flat(rows)) if len(rows) else np.zeros((0, classifier.n_classes))
            for p, rows in windows.items()
            if p != "train"
        }
    except ValueError as error:  # as scikit-learn says what it cannot fit: more neighbours than windows
        raise ConfigError(
            f"{plan.model.name} cannot be fitted to these {len(windows['train'])} training windows: {error}"
        ) from error
    return classifier, logits, ()

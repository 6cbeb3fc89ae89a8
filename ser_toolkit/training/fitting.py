"""Fitting what a plan describes: a network on a device, or a scikit-learn estimator."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ConfigError, DeviceError, MissingTierError
from ser_toolkit.training.checkpoint import Classifier
from ser_toolkit.training.standardize import fit_standardization

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

    Logits = dict[Part, NDArray[np.floating[Any]]]

__all__ = ["fit_classical", "fit_network", "make_accelerator"]


def make_accelerator(config: TrainConfig, device: str) -> Accelerator:
    """Device, precision and processes of a training run.

    Parameters
    ----------
    config : TrainConfig
        Holds the precision.
    device : {"auto", "cpu", "cuda"}
        ``"cuda"`` insists on it.

    Returns
    -------
    accelerate.Accelerator
        One of as many processes as accelerate's launcher started.

    Raises
    ------
    MissingTierError
        Without torch or accelerate.
    DeviceError, ConfigError
        If device or precision cannot be had.
    """
    try:
        import torch
        from accelerate import Accelerator, InitProcessGroupKwargs
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
    try:
        # the other processes wait while the first extracts features, for hours if need be
        patience = InitProcessGroupKwargs(timeout=datetime.timedelta(days=7))
        return Accelerator(
            cpu=device == "cpu", mixed_precision=config.training.mixed_precision, kwargs_handlers=[patience]
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
) -> tuple[dict[str, Any], Logits, tuple[Epoch, ...]]:
    """Train a network.

    Parameters
    ----------
    plan, store, parts, classes, config, accelerator : Plan, FeatureStore, Split, ndarray, TrainConfig, Accelerator
        What to train on what, how and where; `classes` holds the class of every utterance.
    out : Path
        Run folder; its ``work/last.pt`` is written after each epoch, and continued from.
    progress : Progress
        Is told of steps and epochs.

    Returns
    -------
    state : dict of Tensor
        Weights of the best epoch.
    logits : dict
        Of the windows of each held-out part, in order.
    epochs : tuple of Epoch
        All epochs.
    """
    import torch

    from ser_toolkit.training.loop import Labelled, fit, logits_of
    from ser_toolkit.training.network import StandardizedNetwork

    labels = plan.target.labels
    data = {
        part: Labelled(store=store, windows=store.windows_of(parts.indices(part)), classes=classes, labels=labels)
        for part in parts.counts()
    }
    specs = plan.features.specs()
    torch.manual_seed(config.training.seed)
    network = StandardizedNetwork(
        plan.model.build(specs, [plan.target]),
        specs,
        fit_standardization(store, data["train"].windows, specs),
    )
    counts = np.bincount(data["train"].truth, minlength=len(labels)).tolist()
    fitted = fit(
        network,
        plan.loss.build(plan.target, counts),
        data["train"],
        data["dev"],
        config.training,
        accelerator,
        checkpoint=out / "work" / "last.pt",
        on_step=progress.step,
        on_epoch=progress.epoch,
    )
    network.load_state_dict(fitted.state)
    network.to(accelerator.device)
    held_out: tuple[Part, ...] = ("dev", "test")
    logits: Logits = {
        p: logits_of(network, specs, data[p], batch_size=config.training.batch_size, device=accelerator.device)
        for p in held_out
        if p in data
    }
    return fitted.state, logits, fitted.epochs


def fit_classical(
    plan: Plan, store: FeatureStore, parts: Split, classes: NDArray[np.int64], config: TrainConfig
) -> tuple[Classifier, Logits, tuple[Epoch, ...]]:
    """Fit a scikit-learn estimator; takes and gives what `fit_network` does, with no epochs."""
    specs = plan.features.specs()
    if varying := [key for key, spec in specs.items() if spec.varies]:
        raise ConfigError(
            f"{plan.model.name} needs features of fixed shape; that of {varying[0]!r} varies with the length"
        )
    windows = {p: store.windows_of(parts.indices(p)) for p in parts.counts()}
    classifier = Classifier(
        estimator=plan.model.estimator(specs, plan.target, seed=config.training.seed),
        standardization=fit_standardization(store, windows["train"], specs),
        n_classes=len(plan.target.labels),
    )

    def flat(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return classifier.flatten({key: np.stack([store.get(key, int(w)) for w in rows]) for key in specs})

    classifier.estimator.fit(flat(windows["train"]), classes[store.owner[windows["train"]]])
    logits: Logits = {
        p: classifier.logits(flat(rows)) if len(rows) else np.zeros((0, classifier.n_classes))
        for p, rows in windows.items()
        if p != "train"
    }
    return classifier, logits, ()

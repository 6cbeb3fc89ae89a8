"""Fitting a network: epochs over training windows, the best epoch chosen on development speakers."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from torch import nn

from ser_toolkit.data import atomic
from ser_toolkit.errors import SplitError
from ser_toolkit.inference.collate import collate
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.metrics import aggregate, score, softmax
from ser_toolkit.training.network import StandardizedNetwork

if TYPE_CHECKING:
    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.training.config import TrainingConfig
    from ser_toolkit.training.store import FeatureStore

__all__ = ["Fit", "Labelled", "fit", "logits_of"]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Windows with their classes and utterances.

    Parameters
    ----------
    store : FeatureStore
        Features.
    windows : ndarray of int64, shape (n_windows,)
        Which windows of the store.
    classes : ndarray of int64, shape (n_utterances,)
        Class of every utterance of the store.
    labels : tuple of str
        Names of the classes.
    """

    store: FeatureStore
    windows: NDArray[np.int64]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]

    @property
    def owner(self) -> NDArray[np.int64]:
        """Utterance of each window."""
        return self.store.owner[self.windows]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Class of each window."""
        return self.classes[self.owner]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Outcome of `fit`: the weights of the best epoch, and every epoch's row."""

    state: dict[str, torch.Tensor]
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return next(e for e in reversed(self.epochs) if e.best)


def logits_of(
    network: nn.Module, specs: dict[str, Any], data: Labelled, *, batch_size: int, device: torch.device
) -> NDArray[np.float32]:
    """Logits of all windows in order, shape (n_windows, n_classes); the network is left in eval mode."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for first in range(0, len(data.windows), batch_size):
            batch = _batch(data, data.windows[first : first + batch_size], specs, device)
            parts.append(next(iter(network(**batch).values())).float().cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, len(data.labels)), dtype=np.float32)


def _batch(
    data: Labelled, windows: NDArray[np.int64], specs: dict[str, Any], device: torch.device
) -> dict[str, torch.Tensor]:
    rows = {key: [data.store.get(key, int(w)) for w in windows] for key in specs}
    tensors = {name: torch.from_numpy(array).to(device) for name, array in collate(rows, specs).items()}
    # channels last: convolutions run up to 1.5 times as fast, on CPU and GPU
    return {k: v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in tensors.items()}


def fit(
    network: StandardizedNetwork,
    loss: nn.Module,
    train: Labelled,
    dev: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    *,
    checkpoint: Path,
    on_step: Callable[[int, int, int, float], None],
    on_epoch: Callable[[Epoch], None],
) -> Fit:
    """Train until `config` says stop; continue from `checkpoint` if it is there.

    The order of windows and all random numbers of an epoch depend on seed and epoch alone, so that a run that was
    killed and continued ends with the same weights as one that was not.

    Parameters
    ----------
    network : StandardizedNetwork
        Initialised.
    loss : torch.nn.Module
        Takes (logits, classes).
    train, dev : Labelled
        Windows to learn from, and to choose the epoch on.
    config : TrainingConfig
        Optimisation.
    accelerator : accelerate.Accelerator
        Device, precision, processes.
    checkpoint : Path
        Written after each epoch, as a whole or not at all.
    on_step : callable
        Called with (epoch, step, steps, loss).
    on_epoch : callable
        Called with each `Epoch`, earlier ones of a continued run too.

    Returns
    -------
    Fit
        Best weights on CPU.
    """
    world, rank = accelerator.num_processes, accelerator.process_index
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, eps=1e-7, weight_decay=config.weight_decay)
    prepared, optimizer = accelerator.prepare(network, optimizer)
    # accelerate patches the network's own forward for mixed precision; undone, so that evaluation is in float32, as
    # the export is. Training has its autocast below, and the loss none.
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    loss.to(accelerator.device)
    epochs: list[Epoch] = []
    state: dict[str, torch.Tensor] = {}
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        if accelerator.scaler is not None and saved["scaler"]:
            accelerator.scaler.load_state_dict(saved["scaler"])
        epochs, state = [Epoch(**row) for row in saved["epochs"]], saved["best"]
        for row in epochs:
            on_epoch(row)
    truth = torch.from_numpy(train.truth)
    step_size = config.batch_size * world
    # a last batch too small for batch normalization is left out; another order brings its windows in next time
    full, rest = divmod(len(train.windows), step_size)
    steps = full + (rest >= 2 * world)
    if not steps:
        raise SplitError(
            f"{len(train.windows)} training windows are too few for batches of {config.batch_size}: add data"
        )
    for number in range(len(epochs) + 1, config.epochs + 1):
        if _finished(epochs, config.patience):
            break
        began = time.perf_counter()
        torch.manual_seed((config.seed * 100_003 + number) * world + rank)
        order = np.random.default_rng([config.seed, number]).permutation(len(train.windows))
        prepared.train()
        total, seen = 0.0, 0
        for step in range(steps):
            part = order[step * step_size : (step + 1) * step_size]
            mine = part[rank : len(part) - len(part) % world : world]
            batch = _batch(train, train.windows[mine], network.specs, accelerator.device)
            with accelerator.autocast():
                logits = next(iter(prepared(**batch).values()))
            value = loss(logits, truth[mine].to(accelerator.device))
            accelerator.backward(value)
            optimizer.step()
            optimizer.zero_grad()
            total += float(value.detach()) * len(mine)
            seen += len(mine)
            on_step(number, step + 1, steps, total / seen)
        shared: list[Epoch | None] = [None]
        if accelerator.is_main_process:
            best_before = max((e.dev_ua for e in epochs), default=-1.0)
            shared = [_evaluate(network, loss, dev, config, accelerator, number, total / seen, began, best_before)]
        broadcast_object_list(shared)
        assert shared[0] is not None
        epoch = shared[0]
        epochs.append(epoch)
        if epoch.best:
            state = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        if accelerator.is_main_process:
            saved = {
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scaler": accelerator.scaler.state_dict() if accelerator.scaler is not None else {},
                "epochs": [asdict(e) for e in epochs],
                "best": state,
            }
            data = io.BytesIO()  # torch reports a full disk as an internal error of its zip writer
            torch.save(saved, data)
            atomic.write_bytes(checkpoint, data.getvalue())
        on_epoch(epoch)
    return Fit(state=state, epochs=tuple(epochs))


def _finished(epochs: Sequence[Epoch], patience: int) -> bool:
    best = next((e.epoch for e in reversed(epochs) if e.best), 0)
    return bool(epochs) and epochs[-1].epoch - best >= patience


def _evaluate(
    network: StandardizedNetwork,
    loss: nn.Module,
    dev: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    number: int,
    train_loss: float,
    began: float,
    best_before: float,
) -> Epoch:
    logits = logits_of(network, network.specs, dev, batch_size=config.batch_size, device=accelerator.device)
    with torch.inference_mode():
        dev_loss = float(
            loss(
                torch.from_numpy(logits).to(accelerator.device),
                torch.from_numpy(dev.truth).to(accelerator.device),
            )
        )
    probabilities = softmax(logits)
    window = score(dev.truth, probabilities.argmax(axis=1), dev.labels)
    owners, owner = np.unique(dev.owner, return_inverse=True)
    mean, _ = aggregate(probabilities, owner, len(owners))
    utterance = score(dev.classes[owners], mean.argmax(axis=1), dev.labels)
    return Epoch(
        epoch=number,
        train_loss=train_loss,
        dev_loss=dev_loss,
        dev_wa=utterance.wa,
        dev_ua=utterance.ua,
        dev_window_wa=window.wa,
        dev_window_ua=window.ua,
        lr=config.lr,
        seconds=time.perf_counter() - began,
        best=utterance.ua > best_before,
    )

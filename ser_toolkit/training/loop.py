"""Fitting a network: epochs over training windows, the epoch to keep chosen on development speakers."""

from __future__ import annotations

import functools
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
from ser_toolkit.training.batches import Labelled, batch_of, logits_of
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.input_dropout import input_dropout_of
from ser_toolkit.training.metrics import aggregate, score, softmax
from ser_toolkit.training.network import StandardizedNetwork
from ser_toolkit.training.sampling import epoch_order
from ser_toolkit.training.schedule import learning_rate
from ser_toolkit.training.selection import is_best, is_finished
from ser_toolkit.training.spec_augment import spec_augment_of
from ser_toolkit.training.vector_noise import vector_noise_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.training.config import AugmentConfig, TrainingConfig

__all__ = ["Fit", "fit"]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Outcome of `fit`: the weights of the epoch that was kept, and every epoch's row."""

    state: dict[str, torch.Tensor]
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return next(e for e in reversed(self.epochs) if e.best)


def fit(
    network: StandardizedNetwork,
    loss: nn.Module,
    train: Labelled,
    dev: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    *,
    augment: AugmentConfig | None = None,
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
        Takes (logits, classes or shares of votes).
    train, dev : Labelled
        Windows to learn from, and to choose the epoch on.
    config : TrainingConfig
        Optimisation.
    accelerator : accelerate.Accelerator
        Device, precision, processes.
    augment : AugmentConfig, optional
        What is done to training batches on the fly.
    checkpoint : Path
        Written after each epoch, as a whole or not at all.
    on_step : callable
        Called with (epoch, step, steps, mean loss of this process in the epoch so far).
    on_epoch : callable
        Called with each `Epoch`, earlier ones of a continued run too.

    Returns
    -------
    Fit
        Weights to keep, on CPU.

    Raises
    ------
    SplitError
        With too few training windows for a step.
    """
    world = accelerator.num_processes
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, eps=1e-7, weight_decay=config.weight_decay)
    prepared, optimizer = accelerator.prepare(network, optimizer)
    # accelerate patches the network's own forward for mixed precision; undone, so that evaluation is in float32, as
    # the export is. Training has its autocast below, and the loss none.
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    loss.to(accelerator.device)
    if accelerator.scaler is not None:  # the accelerator may have trained another network before
        accelerator.scaler.load_state_dict(torch.amp.GradScaler().state_dict())
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
    # a last batch too small for batch normalization is left out; another order brings its windows in next time
    full, rest = divmod(len(train.windows), config.batch_size * world)
    steps = full + (rest >= 2 * world)
    if not steps:
        raise SplitError(
            f"{len(train.windows)} training windows are too few for batches of {config.batch_size}: add data"
        )
    alterations = _alterations(network, augment, seed=config.seed) if augment else []
    for number in range(len(epochs) + 1, config.epochs + 1):
        if is_finished(config, epochs):
            break
        began = time.perf_counter()
        train_loss, lr = _train_epoch(
            prepared, network, optimizer, loss, train, config, accelerator, alterations, epochs, steps, on_step
        )
        shared: list[Epoch | None] = [None]
        if accelerator.is_main_process:
            scores = _evaluate(network, loss, dev, config, accelerator)
            shared = [
                Epoch(
                    epoch=number,
                    train_loss=train_loss,
                    **scores,
                    lr=lr,
                    seconds=time.perf_counter() - began,
                    best=is_best(config, epochs, epoch=number, ua=scores["dev_ua"], loss=scores["dev_loss"]),
                )
            ]
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


def _train_epoch(
    prepared: nn.Module,
    network: StandardizedNetwork,
    optimizer: Any,
    loss: nn.Module,
    train: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    alterations: Sequence[Callable[..., None]],
    past: Sequence[Epoch],
    steps: int,
    on_step: Callable[[int, int, int, float], None],
) -> tuple[float, float]:
    """One pass over the training windows; mean loss over all processes, and the last learning rate."""
    world, rank = accelerator.num_processes, accelerator.process_index
    number, step_size = len(past) + 1, config.batch_size * world
    torch.manual_seed((config.seed * 100_003 + number) * world + rank)
    order = epoch_order(train.truth, sampling=config.sampling, seed=config.seed, epoch=number)
    targets = torch.from_numpy(train.targets)
    prepared.train()
    total, seen, lr = 0.0, 0, config.lr
    for step in range(steps):
        part = order[step * step_size : (step + 1) * step_size]
        rows = np.arange(rank, len(part) - len(part) % world, world)
        mine = part[rows]
        where = {"epoch": number, "step": step, "rows": rows, "n_rows": len(part)}
        alter = [functools.partial(alteration, **where) for alteration in alterations]
        batch = batch_of(train, train.windows[mine], network.specs, accelerator.device, alter=alter)
        lr = learning_rate(config, past, step=step, steps=steps)
        for group in optimizer.param_groups:
            group["lr"] = lr
        with accelerator.autocast():
            logits = next(iter(prepared(**batch).values()))
        value = loss(logits, targets[mine].to(accelerator.device))
        accelerator.backward(value)
        optimizer.step()
        optimizer.zero_grad()
        total += float(value.detach()) * len(mine)
        seen += len(mine)
        on_step(number, step + 1, steps, total / seen)
    if world > 1:
        sums = torch.tensor([total, seen], dtype=torch.float64, device=accelerator.device)
        total, seen = accelerator.reduce(sums).tolist()
    return total / seen, lr


def _alterations(network: StandardizedNetwork, augment: AugmentConfig, *, seed: int) -> list[Callable[..., None]]:
    """What changes training batches, told of the statistics that standardization uses."""
    specs = network.specs
    means = {key: network.get_buffer(f"mean_{key}").cpu().numpy() for key in specs}
    scales = {key: network.get_buffer(f"scale_{key}").cpu().numpy() for key in specs}
    found: list[Callable[..., None]] = []
    if spec_augment := spec_augment_of(augment, seed=seed):
        found.append(functools.partial(spec_augment, specs=specs, means=means))
    if vector_noise := vector_noise_of(augment, seed=seed):
        found.append(functools.partial(vector_noise, specs=specs, scales=scales))
    if input_dropout := input_dropout_of(augment, seed=seed):
        found.append(functools.partial(input_dropout, specs=specs, means=means))
    return found


def _evaluate(
    network: StandardizedNetwork, loss: nn.Module, dev: Labelled, config: TrainingConfig, accelerator: Accelerator
) -> dict[str, float]:
    """Loss per window, and scores at both levels, of the development part: fields of `Epoch`."""
    logits = logits_of(network, network.specs, dev, batch_size=config.batch_size, device=accelerator.device)
    with torch.inference_mode():
        dev_loss = float(
            loss(
                torch.from_numpy(logits).to(accelerator.device),
                torch.from_numpy(dev.targets).to(accelerator.device),
            )
        )
    probabilities = softmax(logits)
    window = score(dev.truth, probabilities.argmax(axis=1), dev.labels)
    owners, owner = np.unique(dev.owner, return_inverse=True)
    mean, _ = aggregate(probabilities, owner, len(owners))
    utterance = score(dev.classes[owners], mean.argmax(axis=1), dev.labels)
    return {
        "dev_loss": dev_loss,
        "dev_wa": utterance.wa,
        "dev_ua": utterance.ua,
        "dev_window_wa": window.wa,
        "dev_window_ua": window.ua,
    }

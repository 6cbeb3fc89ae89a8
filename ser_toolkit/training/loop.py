"""Fitting a network: epochs over training windows, the epoch to keep chosen on development speakers."""

from __future__ import annotations

import contextlib
import functools
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ser_toolkit.data import atomic
from ser_toolkit.errors import ConfigError, SplitError
from ser_toolkit.training.alterations import Alterations, alterations_of
from ser_toolkit.training.averaging import WeightAverage, average_of
from ser_toolkit.training.batch_statistics import RunningStatistics
from ser_toolkit.training.batches import Labelled
from ser_toolkit.training.development import development_scores
from ser_toolkit.training.epochs import Epoch
from ser_toolkit.training.lessons import Lessons
from ser_toolkit.training.network import StandardizedNetwork
from ser_toolkit.training.objective import Objective
from ser_toolkit.training.processes import agreed
from ser_toolkit.training.schedule import learning_rate
from ser_toolkit.training.selection import is_best, is_finished

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.training.config import AugmentConfig, TrainingConfig
    from ser_toolkit.training.distillation import Distillation

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
    loss: nn.Module | None,
    train: Labelled,
    dev: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    *,
    rated_loss: nn.Module | None = None,
    rated_weight: float = 1.0,
    augment: AugmentConfig | None = None,
    distillation: Distillation | None = None,
    checkpoint: Path,
    on_step: Callable[[int, int, int, float], None],
    on_epoch: Callable[[Epoch], None],
) -> Fit:
    """Train until `config` says stop; continue from `checkpoint` if it is there.

    The order of windows and all random numbers of an epoch depend on seed and epoch alone, so that a run that was
    killed and continued ends with the same weights as one that was not.

    The windows of a step are dealt into ``accumulate`` batches for each process, and the gradients of all batches are
    averaged. What happens to a batch depends on its place in the step and not on the process, so that the same number
    of batches gives the same weights but for rounding, however many processes share them. Batch normalization is by
    one batch while training; its running statistics are means over the batches of a step.

    Parameters
    ----------
    network : StandardizedNetwork
        Initialised.
    loss : torch.nn.Module or None
        Takes (logits, classes or shares of votes); None without classes.
    train, dev : Labelled
        Windows to learn from, and to choose the epoch on.
    config : TrainingConfig
        Optimisation.
    accelerator : accelerate.Accelerator
        Device, precision, processes.
    rated_loss : torch.nn.Module, optional
        Takes (values, ratings); default: there are no dimensions.
    rated_weight : float, optional
        Of the latter in the sum of both.
    augment : AugmentConfig, optional
        What is done to training batches on the fly.
    distillation : Distillation, optional
        What teachers say of the training windows.
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
    ConfigError
        If not all processes see the same checkpoint.
    """
    shares = accelerator.num_processes * config.accumulate
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, eps=1e-7, weight_decay=config.weight_decay)
    prepared, optimizer = accelerator.prepare(network, optimizer)
    # accelerate patches the network's own forward for mixed precision; undone, so that logits after training are in
    # float32, as the export is. Epochs have their autocast below, and the loss none.
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    objective = Objective(loss, rated_loss, weight=rated_weight).to(accelerator.device)
    if accelerator.scaler is not None:  # the accelerator may have trained another network before
        accelerator.scaler.load_state_dict(torch.amp.GradScaler().state_dict())
    # a last batch too small for batch normalization is left out; another order brings its windows in next time
    full, rest = divmod(len(train.windows), config.batch_size * shares)
    steps = full + (rest >= 2 * shares)
    if not steps:
        each = f" in {shares} batches" if shares > 1 else ""
        raise SplitError(
            f"{len(train.windows)} training windows are too few for a step of {config.batch_size * shares}{each}: "
            "add data, or make steps smaller"
        )
    epochs: list[Epoch] = []
    state: dict[str, torch.Tensor] = {}
    average = average_of(network, config, steps=steps)
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        if accelerator.scaler is not None and saved["scaler"]:
            accelerator.scaler.load_state_dict(saved["scaler"])
        if average:
            average.load(saved["average"])
        epochs, state = [Epoch(**row) for row in saved["epochs"]], saved["best"]
    if agreed(accelerator, lambda: len(epochs)) != len(epochs):
        raise ConfigError(
            f"{checkpoint}: this process sees {len(epochs)} epochs there, the main process another number: all "
            "processes must write to one folder, on a file system that all nodes share"
        )
    for row in epochs:
        on_epoch(row)
    altered = alterations_of(network, augment, seed=config.seed) if augment else Alterations()
    lessons = Lessons.of(train, altered, distillation)

    def scored(number: int, train_loss: float, lr: float, began: float) -> Epoch:
        with average.shown() if average else contextlib.nullcontext():
            scores = development_scores(network, objective, dev, config, accelerator)
        seconds = time.perf_counter() - began
        row = Epoch(epoch=number, train_loss=train_loss, **scores, lr=lr, seconds=seconds, best=False)
        return replace(row, best=is_best(config, epochs, epoch=number, ua=row.dev_score, loss=row.dev_loss))

    for number in range(len(epochs) + 1, config.epochs + 1):
        if is_finished(config, epochs):
            break
        began = time.perf_counter()
        train_loss, lr = _train_epoch(
            prepared,
            network,
            optimizer,
            objective,
            train,
            config,
            accelerator,
            lessons,
            average,
            epochs,
            steps,
            on_step,
        )
        epoch = agreed(accelerator, functools.partial(scored, number, train_loss, lr, began))
        epochs.append(epoch)
        if epoch.best:
            kept = average.weights if average else network.state_dict()
            state = {k: v.detach().cpu().clone() for k, v in kept.items()}
        if accelerator.is_main_process:
            saved = {
                "network": network.state_dict(),
                "average": average.weights if average else {},
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
    objective: Objective,
    train: Labelled,
    config: TrainingConfig,
    accelerator: Accelerator,
    lessons: Lessons,
    average: WeightAverage | None,
    past: Sequence[Epoch],
    steps: int,
    on_step: Callable[[int, int, int, float], None],
) -> tuple[float, float]:
    """One pass over the training windows; mean loss over all processes, and the last learning rate."""
    world, rank = accelerator.num_processes, accelerator.process_index
    shares = world * config.accumulate
    number, step_size = len(past) + 1, config.batch_size * shares
    torch.manual_seed(config.seed * 100_003 + number)
    order = train.order(config, epoch=number)
    prepared.train()
    total, seen, lr = 0.0, 0, config.lr
    statistics = RunningStatistics.of(network) if shares > 1 else RunningStatistics(live=())
    for step in range(steps):
        part = order[step * step_size : (step + 1) * step_size]
        lr = learning_rate(config, past, step=step, steps=steps)
        for group in optimizer.param_groups:
            group["lr"] = lr
        before, after = statistics.copies(), []
        for share in range(rank, shares, world):
            statistics.put(before)
            rows = np.arange(share, len(part) - len(part) % shares, shares)
            batch, wanted, taught, rated = lessons.batch(
                part[rows],
                network.specs,
                accelerator.device,
                epoch=number,
                step=step,
                rows=rows,
                n_rows=len(part),
                share=share,
            )
            if shares > 1:  # dropout, alike whoever has the share
                place = np.random.SeedSequence([config.seed, number, step, share])
                torch.manual_seed(int(place.generate_state(1, np.uint64)[0]))
            with contextlib.nullcontext() if share + world >= shares else accelerator.no_sync(prepared):
                with accelerator.autocast():
                    outputs = prepared(**batch)
                value = objective(outputs, wanted, rated, taught, lessons.distillation)
                accelerator.backward(value / config.accumulate)
            after.append(statistics.copies())
            total += float(value.detach()) * len(rows)
            seen += len(rows)
        statistics.put_mean(after, accelerator)
        if config.clip_norm:
            accelerator.clip_grad_norm_(prepared.parameters(), config.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        if average:
            average.update(len(past) * steps + step)
        on_step(number, step + 1, steps, total / seen)
    if world > 1:
        sums = torch.tensor([total, seen], dtype=torch.float64, device=accelerator.device)
        total, seen = accelerator.reduce(sums).tolist()
    return total / seen, lr

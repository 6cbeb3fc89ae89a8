"""Fewer channels: those that matter least to the loss are taken out in steps, and the rest is trained on."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from ser_toolkit.errors import MissingTierError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from ser_toolkit.compression.members import Member, Source
    from ser_toolkit.compression.shrink import Shrunk
    from ser_toolkit.compression.windows import Features
    from ser_toolkit.interfaces import FeatureSpec, TargetSpec
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.network import StandardizedNetwork
    from ser_toolkit.training.plan import Plan

__all__ = ["Pruning", "check_tier", "prune"]

_JUDGED = 256
"""Training windows that the importance of channels is measured on."""

_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """How much is taken out, and how the rest is trained.

    Parameters
    ----------
    share : float
        Channels of each layer to take out in the end, above 0 and at most 0.9. Parameters fall about by its square.
    steps : int
        Times that some are taken out and the rest is trained.
    epochs : int
        Passes over the training windows after each step, at most; the training's own choice of epoch holds.
    lr : float
        Learning rate as a share of the training's.
    """

    share: Annotated[float, Gt(0), Le(0.9)] = 0.3
    steps: Annotated[int, Ge(1), Le(50)] = 3
    epochs: Annotated[int, Ge(1), Lt(10_000)] = 3
    lr: Annotated[float, Gt(0), Le(1)] = 0.3


def check_tier() -> None:
    """Refuse at the start if torch-pruning is missing.

    Raises
    ------
    MissingTierError
        With the line to install it.
    """
    if importlib.util.find_spec("torch_pruning") is None:
        raise MissingTierError("pruning channels", "compress", "torch-pruning")


@dataclass(frozen=True)
class _Ready:
    """A model component whose network exists already: training goes on with it."""

    network: nn.Module

    def build(self, inputs: Mapping[str, FeatureSpec], targets: Sequence[TargetSpec]) -> nn.Module:
        return self.network


def prune(
    member: Member,
    source: Source,
    features: Features,
    pruning: Pruning,
    *,
    registry: Registry,
    tell: Callable[[str], None],
) -> Shrunk:
    """Take out channels of a trained network, and train the rest on the same split.

    Parameters
    ----------
    member : Member
        The network.
    source : Source
        Its data and training configuration; augmentation on the fly holds here too, altered copies of recordings are
        not made.
    features : Features
        Of all utterances of the data.
    pruning : Pruning
        How much.
    registry : Registry
        Where components are looked up.
    tell : callable
        Is told of steps.

    Returns
    -------
    Shrunk
        The graph, calibrated anew on the development speakers.

    Raises
    ------
    ModelError
        If torch-pruning cannot follow the network, or finds no channel to take out.

    Notes
    -----
    Importance is the first-order Taylor term, weight times gradient, summed over all that hangs together with a
    channel. Layers keep channels in proportion, the outputs all of them.

    References
    ----------
    Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019. Fang et al., "DepGraph: towards
    any structural pruning", CVPR 2023.
    """
    import torch_pruning

    from ser_toolkit.compression.shrink import Shrunk
    from ser_toolkit.training import checkpoint
    from ser_toolkit.training.export import clean
    from ser_toolkit.training.export_network import convert_network
    from ser_toolkit.training.fitting import make_accelerator
    from ser_toolkit.training.fold import fit_fold
    from ser_toolkit.training.plan import Plan
    from ser_toolkit.training.progress import Silent

    config = source.config
    training = config.training.model_copy(
        update={
            "epochs": pruning.epochs,
            "lr": config.training.lr * pruning.lr,
            "seed": member.seed,
            "warmup_epochs": 0.0,
            "tracker": "none",
        }
    )
    config = config.model_copy(update={"training": training})
    plan = Plan.make(config, source.data.labels, registry)
    _, network = checkpoint.load_network(member.folder, registry)
    before = _n_parameters(network)
    accelerator = make_accelerator(config, "auto")
    windows = features.windows(features.usable(member.split.indices("train")))
    judged = windows[np.linspace(0, len(windows) - 1, min(_JUDGED, len(windows))).astype(np.int64)]
    example = _tensors(features.batch(judged[:2]))
    calibration, n_labels = None, len(source.data.labels)
    with _explained(plan):
        pruner = torch_pruning.pruner.BasePruner(
            network,
            example,
            importance=torch_pruning.importance.GroupTaylorImportance(),
            pruning_ratio=pruning.share,
            iterative_steps=pruning.steps,
            ignored_layers=_label_layers(network, n_labels),
        )
    for step in range(1, pruning.steps + 1):
        tell(f"pruning, step {step} of {pruning.steps}")
        with _explained(plan):
            _gradients(network, plan, source, features, judged)
            pruner.step()
            network.zero_grad()
            shape = tuple(next(iter(network(**example).values())).shape)
            if shape != (len(judged[:2]), n_labels):
                raise ValueError(f"without these channels its output is of shape {shape}")
        with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
            ready = dataclasses.replace(plan, model=_Ready(network.network))
            fitted = fit_fold(
                ready, features.store, member.split, source.data, config, accelerator, Path(folder), Silent()
            )
        network.cpu().load_state_dict(fitted.weights)
        network.eval()
        calibration = fitted.calibration
    left = _n_parameters(network)
    if left == before:
        raise ModelError(f"no channel could be taken out of {member.recipe.model.name!r}: give a larger share")
    recipe = member.recipe.model_copy(update={"calibration": calibration})
    proto = convert_network(network, recipe, features.batch(judged[:2]))
    clean(proto)
    return Shrunk(
        proto=proto,
        recipe=recipe,
        settings={
            "channels": f"{100 * pruning.share:g} % of each layer out in {pruning.steps} step(s), by Taylor importance",
            "parameters": f"{before:,} to {left:,}",
            "training": f"up to {pruning.epochs} epochs after each step, learning rate {training.lr:g}",
        },
    )


@contextlib.contextmanager
def _explained(plan: Plan) -> Iterator[None]:
    """Say which network it is that torch-pruning cannot follow."""
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"torch-pruning cannot follow the network {plan.model.name!r}: {type(error).__name__}: {str(error)[:300]}"
        ) from error


def _gradients(
    network: StandardizedNetwork, plan: Plan, source: Source, features: Features, windows: NDArray[np.int64]
) -> None:
    """Leave the gradients of the training loss in the weights."""
    import torch

    classes = source.data.classes[features.store.owner]
    counts = np.bincount(classes[windows], minlength=len(source.data.labels))
    loss = plan.loss.build(plan.target, np.maximum(counts, 1).tolist())
    network.eval()  # with the statistics of batch normalization that it will be used with
    network.zero_grad()
    for first in range(0, len(windows), _BATCH):
        part = windows[first : first + _BATCH]
        logits = next(iter(network(**_tensors(features.batch(part))).values()))
        (loss(logits, torch.from_numpy(classes[part])) * (len(part) / len(windows))).backward()


def _label_layers(network: nn.Module, n_labels: int) -> list[nn.Module]:
    """Layers with a channel for each label, of which there may be several: branches whose logits are added."""
    import torch

    dense = [m for m in network.modules() if isinstance(m, torch.nn.Linear) and m.out_features == n_labels]
    convolutions = [
        m for m in network.modules() if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d) and m.out_channels == n_labels
    ]
    return [*dense, *convolutions]


def _tensors(batch: dict[str, NDArray[Any]]) -> dict[str, Any]:
    import torch

    return {name: torch.from_numpy(values) for name, values in batch.items()}


def _n_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())

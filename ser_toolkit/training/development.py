"""What a network makes of the development part after an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ser_toolkit.training.agreement import agreements
from ser_toolkit.training.batches import Labelled, logits_of
from ser_toolkit.training.metrics import aggregate, score, softmax
from ser_toolkit.training.ratings import from_unit

if TYPE_CHECKING:
    from accelerate import Accelerator
    from numpy.typing import NDArray

    from ser_toolkit.training.config import TrainingConfig
    from ser_toolkit.training.network import StandardizedNetwork
    from ser_toolkit.training.objective import Objective

__all__ = ["development_scores"]


def development_scores(
    network: StandardizedNetwork, objective: Objective, dev: Labelled, config: TrainingConfig, accelerator: Accelerator
) -> dict[str, Any]:
    """Loss per window, and scores at both levels, of the development part: fields of `Epoch`."""
    with accelerator.autocast():
        outputs = logits_of(network, network.specs, dev, batch_size=config.batch_size, device=accelerator.device)
    logits, values = np.split(outputs, [len(dev.labels)], axis=1)
    parts = {"classes": logits, "dimensions": values} if dev.labels else {"dimensions": values}
    rated = dev.rated
    with torch.inference_mode():
        dev_loss = float(
            objective(
                {name: torch.from_numpy(part).to(accelerator.device) for name, part in parts.items()},
                torch.from_numpy(dev.targets).to(accelerator.device),
                None if rated is None else torch.from_numpy(rated).to(accelerator.device),
            )
        )
    owners, owner = np.unique(dev.owner, return_inverse=True)
    found = {"dev_loss": dev_loss, "dimensions": _dimension_scores(values, dev, owners, owner)}
    if not dev.labels:
        return found | dict.fromkeys(("dev_wa", "dev_ua", "dev_window_wa", "dev_window_ua"), math.nan)
    probabilities = softmax(logits)
    window = score(dev.truth, probabilities.argmax(axis=1), dev.labels)
    mean, _ = aggregate(probabilities, owner, len(owners))
    utterance = score(dev.classes[owners], mean.argmax(axis=1), dev.labels)
    return found | {
        "dev_wa": utterance.wa,
        "dev_ua": utterance.ua,
        "dev_window_wa": window.wa,
        "dev_window_ua": window.ua,
    }


def _dimension_scores(
    values: NDArray[np.float32], dev: Labelled, owners: NDArray[np.int64], owner: NDArray[np.int64]
) -> dict[str, float]:
    """CCC and RMSE of utterances, whose values are the means over their windows."""
    if dev.ratings is None:
        return {}
    means, _ = aggregate(from_unit(values, list(dev.scales.values())), owner, len(owners))
    each = agreements(dev.ratings[owners], means, tuple(dev.scales))
    return {f"dev_{kind}_{name}": getattr(a, kind) for name, a in each.items() for kind in ("ccc", "rmse")}

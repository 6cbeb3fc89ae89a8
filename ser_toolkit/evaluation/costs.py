"""What a fitted system costs: its size, and the time for one window."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.features import probe_signal
from ser_toolkit.inference.collate import collate
from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.noise.fitted import fold_model

if TYPE_CHECKING:
    from ser_toolkit.training.plan import Plan

__all__ = ["Costs", "costs_of"]

TRIALS = 3
"""Of each time the shortest of as many trials is taken, after one that does not count."""

WHOLE_S = 3.0
"""Seconds of sound where a system sees whole recordings."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Size and time of a system.

    Parameters
    ----------
    parameters : int or None
        That training fits; None of a classical learner.
    extraction_ms, inference_ms : float
        For one window of the system, or 3 s where it sees whole recordings, on the CPU of the machine that fitted it.
    """

    parameters: int | None
    extraction_ms: float
    inference_ms: float


def costs_of(plan: Plan, folder: Path) -> Costs:
    """Measure a system on a probe sound.

    Parameters
    ----------
    plan : Plan
        Its components.
    folder : Path
        Of one of its fold models.

    Returns
    -------
    Costs
        Times vary with what else the machine does.
    """
    features, specs = plan.features, plan.features.specs()
    y = probe_signal(features.sr, features.segmentation.window_s or WHOLE_S)
    (block,) = features.blocks(y)
    batch = collate({key: values[:1] for key, values in block.features.items()}, specs)
    ask = fold_model(folder, device="cpu", registry=plan.registry)
    return Costs(
        parameters=None if isinstance(plan.model, ClassicalModel) else _parameters(plan),
        extraction_ms=_milliseconds(lambda: list(features.blocks(y))),
        inference_ms=_milliseconds(lambda: ask(batch)),
    )


def _parameters(plan: Plan) -> int:
    import torch

    with torch.device("meta"):
        network = plan.model.build(plan.features.specs(), [plan.target])
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def _milliseconds(work: Callable[[], Any]) -> float:
    work()
    best = float("inf")
    for _ in range(TRIALS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return 1000 * best

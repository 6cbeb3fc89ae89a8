"""What a run says of itself before it begins, and who may run it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ser_toolkit.errors import ConfigError
from ser_toolkit.interfaces import ClassicalModel
from ser_toolkit.training.processes import process_count
from ser_toolkit.training.spec_augment import axes_of
from ser_toolkit.training.spectrogram_level import in_decibels

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ser_toolkit.data.manifest import Manifest
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.training.config import TrainConfig
    from ser_toolkit.training.plan import Plan

__all__ = ["check_alone", "device_name", "ignored_columns", "unused_settings"]

_ON_THE_FLY = (
    "freq_masks", "time_masks", "stretch", "shift_bands", "shift_frames", "level", "tilt", "noise", "mixup",
    "vector_noise", "input_dropout",
)  # fmt: skip
"""Settings of ``[augment]`` that alter batches; nothing unless above 0."""


def device_name(accelerator: Accelerator | None) -> str:
    """Where a network is trained, in words; estimators run on the CPU."""
    if accelerator is None:
        return "cpu"
    processes = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    precision = f", {accelerator.mixed_precision}" if accelerator.mixed_precision != "no" else ""
    device = "cpu" if accelerator.device.type == "cpu" else str(accelerator.device)
    return f"{device}{processes}{precision}"


def ignored_columns(manifest: Manifest, *, read: Collection[str] = ()) -> list[str]:
    """A caution if the manifest has columns that mean nothing here, and that no feature reads."""
    columns = ", ".join(repr(name) for name in manifest.ignored_columns if name not in read)
    return [f"columns of the manifest that are not used: {columns}"] if columns else []


def unused_settings(plan: Plan, config: TrainConfig, utterances: Sequence[Utterance] = ()) -> list[str]:
    """Cautions about settings that change nothing here.

    Parameters
    ----------
    plan : Plan
        Its model and inputs.
    config : TrainConfig
        Settings; those that differ from the defaults are looked at.
    utterances : sequence of Utterance, optional
        What is learnt from: soft labels need votes.

    Returns
    -------
    list of str
        Sentences.
    """
    training, augment = config.training, config.augment
    given = {
        "training.accumulate": training.accumulate > 1,
        "training.sampling": training.sampling != "all",
        "training.soft_labels": training.soft_labels,
        "training.schedule": training.schedule != "constant",
        "training.average": training.average != "none",
        "training.clip_norm": training.clip_norm,
        **{f"augment.{name}": getattr(augment, name) for name in _ON_THE_FLY},
        "distill": config.distill is not None,
    }
    names = [name for name, value in given.items() if value]
    if isinstance(plan.model, ClassicalModel):
        return [f"{', '.join(names)}: do not apply to {plan.model.name}, for networks only"] if names else []
    specs = plan.features.specs().values()
    roles = [spec.role for spec in specs]
    flat = (all(None in axes_of(spec) for spec in specs), "no input is a spectrogram")
    no_decibels = (not any(map(in_decibels, specs)), "no input is a spectrogram in decibels")
    useless = {
        **dict.fromkeys(("augment.stretch", "augment.shift_bands", "augment.shift_frames"), flat),
        **dict.fromkeys(("augment.level", "augment.tilt", "augment.noise"), no_decibels),
        "training.sampling": (not plan.target.labels, "no emotions are learnt"),
        "training.soft_labels": (not any(u.votes for u in utterances), "the manifest has no votes (vote_<label>)"),
        "augment.freq_masks": ("image" not in roles, "no input is a spectrogram"),
        "augment.time_masks": (set(roles) <= {"vector"}, "no input has a time axis"),
        "augment.vector_noise": ("vector" not in roles, "no input is a vector"),
        "augment.input_dropout": (len(roles) < 2, "the network has one input"),
    }
    said = [f"{name} changes nothing: {useless[name][1]}" for name in names if name in useless and useless[name][0]]
    if not plan.target.labels and config.loss != type(config)().loss:
        said.append("loss changes nothing: no emotions are learnt, and the loss of dimensions is targets.loss")
    return said


def check_alone(plan: Plan) -> None:
    """Refuse to fit a classical model in several processes, of which each would do all of it.

    Raises
    ------
    ConfigError
        Under torchrun or accelerate's launcher with more than one process.
    """
    processes = process_count()
    if isinstance(plan.model, ClassicalModel) and processes > 1:
        raise ConfigError(
            f"{plan.model.name} is fitted by one process, and {processes} were started: run the command without "
            "torchrun or accelerate launch"
        )

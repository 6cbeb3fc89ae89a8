"""Tables of the training configuration: split, training, augmentation, calibration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

__all__ = ["AugmentConfig", "CalibrationConfig", "Settings", "SplitConfig", "Table", "TrainingConfig"]

Seed = Annotated[int, Field(ge=0, lt=2**31)]

Table = dict[str, JsonValue]


class Settings(BaseModel):
    """A table whose keys are known and whose values are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitConfig(Settings):
    """How recordings are divided; the default keeps every speaker on one side.

    Parameters
    ----------
    protocol : str
        Name of a protocol of `ser_toolkit.training.protocols`: ``"hold-out"``, ``"leave-one-pair-out"``, ...
    folds : int
        Number of folds, for the protocols that let one choose.
    fold : int
        The fold that ``train`` trains, from 1; ``evaluate`` takes all.
    file : str or None
        A split file that decides instead of the protocol.
    seed : int or None
        Of the draw; None: the training seed.
    test, dev : float
        Share of speakers held out for the final scores (protocol ``hold-out``), and of the others for choosing the
        epoch. ``test = 0`` trains on all but the development speakers and gives no test scores.
    allow_speaker_overlap : bool
        Divide recordings regardless of speaker; every score then says so.
    allow_duplicates : bool
        Go on where the same audio is in training and held-out parts; every score then says so.
    """

    protocol: Annotated[str, StringConstraints(min_length=1, max_length=80)] = "hold-out"
    folds: Annotated[int, Field(ge=2, le=1000)] = 5
    fold: Annotated[int, Field(ge=1, le=100_000)] = 1
    file: str | None = None
    seed: Seed | None = None
    test: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    dev: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    allow_speaker_overlap: bool = False
    allow_duplicates: bool = False


class TrainingConfig(Settings):
    """How a network is fitted (paper_spec A.4: Adam, 1e-4, batches of 32; the paper states none of these).

    Of a classical model only `seed`, `seeds` and `workers` apply.

    Parameters
    ----------
    epochs : int
        At most this many passes.
    patience : int
        Stop after this many epochs without a better development score (see `select`); with ``"last"`` never.
    select : {"ua", "loss", "last"}
        Whose weights are kept: those of the epoch with the best UA on the development speakers, with the lowest loss
        there, or of the last epoch.
    batch_size : int
        Segments per step and process.
    lr : float
        Learning rate of Adam.
    weight_decay : float
        Decoupled weight decay (AdamW); 0 is plain Adam.
    schedule : {"constant", "cosine", "plateau"}
        Learning rate over time: as it is; falling to nothing over all epochs as half a cosine; or halved after
        `patience` / 3 epochs without a better development score.
    warmup_epochs : float
        Epochs over which the learning rate rises linearly from nothing.
    sampling : {"all", "balanced"}
        Each epoch sees every training window once; or as many windows, drawn so that all classes are as frequent.
    soft_labels : bool
        Learn from the shares of the raters' votes (``vote_<label>`` of the manifest) where there are any.
    mixed_precision : {"no", "fp16", "bf16"}
        Passed to accelerate; the loss is always computed in float32.
    tracker : {"none", "tensorboard"}
        Where accelerate logs losses and scores as well. ``evaluate`` has a folder of them for every fold.
    seed : int
        Of split, initial weights and order of segments.
    seeds : list of int or None
        Seeds of ``evaluate``, which gives their mean and spread, never the best; None: `seed` alone.
    workers : int
        Processes that extract features; 0 means one per core.
    """

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 100
    patience: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 32
    lr: Annotated[float, Field(gt=0, le=10)] = 1e-4
    select: Literal["ua", "loss", "last"] = "ua"
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)] = 0.0
    sampling: Literal["all", "balanced"] = "all"
    soft_labels: bool = False
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    tracker: Literal["none", "tensorboard"] = "none"
    seed: Seed = 0
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1000)] | None = None
    workers: Annotated[int, Field(ge=0, le=1024)] = 0

    @model_validator(mode="after")
    def _warms_up(self) -> TrainingConfig:
        if self.warmup_epochs >= self.epochs and self.warmup_epochs:
            raise ValueError(f"warmup_epochs = {self.warmup_epochs:g} is not less than epochs = {self.epochs}")
        return self


class AugmentConfig(Settings):
    """Variations of the training recordings; held-out recordings are never touched.

    Parameters
    ----------
    waveform : list of table
        Transforms of audiomentations, applied one after the other: ``{name = "AddGaussianSNR", min_snr_db = 10}``.
    copies : int
        Altered copies of each training recording, extracted once and cached; 0 or no `waveform`: none.
    freq_masks, time_masks : int
        SpecAugment: masks per window and epoch, over bands and over frames of every spectrogram.
    freq_width, time_width : int
        Most bands and frames that one mask covers.
    vector_noise : float
        Standard deviation of Gaussian noise on every vector feature, in units of each value's own deviation.
    input_dropout : float
        Share of windows in which an input is hidden, for each input of a network with several.

    References
    ----------
    Park et al., "SpecAugment", Interspeech 2019.
    """

    waveform: Annotated[list[Table], Field(max_length=32)] = []
    copies: Annotated[int, Field(ge=0, le=100)] = 2
    freq_masks: Annotated[int, Field(ge=0, le=100)] = 0
    freq_width: Annotated[int, Field(ge=1, le=10_000)] = 16
    time_masks: Annotated[int, Field(ge=0, le=100)] = 0
    time_width: Annotated[int, Field(ge=1, le=100_000)] = 40
    vector_noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    input_dropout: Annotated[float, Field(ge=0, lt=0.5)] = 0.0


class CalibrationConfig(Settings):
    """What is fitted on the development speakers after training.

    Parameters
    ----------
    method : {"lac", "class-conditional", "none"}
        Prediction sets: one threshold for all labels, one per label, or none.
    alpha : float
        Share of recordings whose set may lack the true label.
    """

    method: Literal["lac", "class-conditional", "none"] = "lac"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.1

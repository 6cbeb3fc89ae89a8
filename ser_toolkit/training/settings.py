"""Tables of the training configuration: targets, split, training, augmentation, calibration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

__all__ = [
    "AugmentConfig",
    "CalibrationConfig",
    "DistillConfig",
    "Settings",
    "SplitConfig",
    "Table",
    "TargetsConfig",
    "TrainingConfig",
]

Seed = Annotated[int, Field(ge=0, lt=2**31)]

Table = dict[str, JsonValue]

Decibels = Annotated[float, Field(ge=-100, le=100)]

Dimension = Literal["valence", "arousal", "dominance"]

Rating = Annotated[float, Field(ge=-1e9, le=1e9)]


class Settings(BaseModel):
    """A table whose keys are known and whose values are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TargetsConfig(Settings):
    """What is predicted beside emotions, or in place of them.

    Parameters
    ----------
    dimensions : list of str
        Columns of the manifest that hold ratings: ``"valence"``, ``"arousal"``, ``"dominance"``.
    emotions : bool
        Whether emotions are learnt too. Recordings that nobody rated still teach them.
    range : dict
        Least and greatest value of a dimension's scale: ``{valence = [1, 5]}``; default: those of the manifest.
    loss : dict
        ``name`` of the component and its own settings: ``"mse"``, ``"ccc"``.
    weight : float
        The loss of the dimensions counts so many times beside that of the emotions; without emotions it does nothing.
    """

    dimensions: Annotated[list[Dimension], Field(min_length=1)]
    emotions: bool = True
    range: dict[Dimension, tuple[Rating, Rating]] = {}
    loss: Table = {"name": "mse"}
    weight: Annotated[float, Field(gt=0, le=1e6)] = 0.5

    @model_validator(mode="after")
    def _dimensions_have_ranges(self) -> TargetsConfig:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError(f"targets.dimensions repeat: {self.dimensions}")
        if extra := [name for name in self.range if name not in self.dimensions]:
            raise ValueError(f"targets.range of {', '.join(extra)}: not among targets.dimensions, {self.dimensions}")
        for name, (low, high) in self.range.items():
            if not low < high:
                raise ValueError(f"targets.range.{name} = [{low:g}, {high:g}]: the least value comes first")
        if not isinstance(self.loss.get("name"), str):
            raise ValueError('[targets.loss] needs a name = "..." of a component (ser-toolkit plugins lists them)')
        return self


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
        Whose weights are kept: those of the epoch with the best UA on the development speakers (without emotions: the
        best mean CCC of the dimensions), with the lowest loss there, or of the last epoch.
    batch_size : int
        Segments per batch.
    accumulate : int
        Batches per step and process, whose gradients are averaged: a step sees ``batch_size * accumulate`` segments in
        each process.
    lr : float
        Learning rate of Adam.
    weight_decay : float
        Decoupled weight decay (AdamW); 0 is plain Adam.
    clip_norm : float
        Gradients whose Euclidean norm over all weights is larger are scaled down to it; 0 never.
    schedule : {"constant", "cosine", "plateau", "one-cycle"}
        Learning rate over time: as it is; falling to nothing over all epochs as half a cosine; halved after
        `patience` / 3 epochs without a better development score; or rising from ``lr / 25`` and falling to nothing
        with every step.
    warmup_epochs : float
        Epochs over which the learning rate rises linearly from nothing; with ``"one-cycle"`` from ``lr / 25``, and 0
        stands for 30 % of all epochs.
    sampling : {"all", "balanced", "corpus-balanced"}
        Each epoch sees every training window once; or as many windows, drawn so that all classes are as frequent, or
        so that all classes of all corpora are.
    average : {"none", "ema", "last"}
        Whose weights are scored, chosen among and kept: those that the optimizer ended at; their exponential moving
        average over the steps; or their mean over the steps of the last `average_epochs` epochs. Statistics of batch
        normalization are averaged likewise.
    average_decay : float
        What ``"ema"`` keeps of the average at each step; less in the first steps.
    average_epochs : int
        Of ``"last"``.
    soft_labels : bool
        Learn from the shares of the raters' votes (``vote_<label>`` of the manifest) where there are any.
    mixed_precision : {"no", "fp16", "bf16"}
        Passed to accelerate; the loss is always computed in float32, and so are the scores and the calibration of the
        finished model.
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
    accumulate: Annotated[int, Field(ge=1, le=65_536)] = 1
    lr: Annotated[float, Field(gt=0, le=10)] = 1e-4
    select: Literal["ua", "loss", "last"] = "ua"
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    clip_norm: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    schedule: Literal["constant", "cosine", "plateau", "one-cycle"] = "constant"
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)] = 0.0
    sampling: Literal["all", "balanced", "corpus-balanced"] = "all"
    average: Literal["none", "ema", "last"] = "none"
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    average_epochs: Annotated[int, Field(ge=1, le=100_000)] = 5
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
    stretch : float
        Most that time of a spectrogram is stretched or squeezed, relative to its length.
    shift_bands : int
        Most bands that a spectrogram is shifted by, up or down.
    shift_frames : int
        Most frames that a spectrogram is rotated by, to either side.
    level : float
        Most decibels that a spectrogram in decibels is made louder or softer by.
    tilt : float
        Most decibels by which the highest band is made louder and the lowest softer, or the other way round.
    noise : float
        Share of windows that get noise of a random colour, added to their spectrograms in decibels.
    noise_snr_db : tuple of float
        Least and largest ratio of speech to that noise in dB.
    mixup : float
        Both parameters of the beta distribution that says how much of another window is mixed into one; 0: none.
    vector_noise : float
        Standard deviation of Gaussian noise on every vector feature, in units of each value's own deviation.
    input_dropout : float
        Share of windows in which an input is hidden, for each input of a network with several.

    References
    ----------
    Park et al., "SpecAugment", Interspeech 2019.
    Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018.
    """

    waveform: Annotated[list[Table], Field(max_length=32)] = []
    copies: Annotated[int, Field(ge=0, le=100)] = 2
    freq_masks: Annotated[int, Field(ge=0, le=100)] = 0
    freq_width: Annotated[int, Field(ge=1, le=10_000)] = 16
    time_masks: Annotated[int, Field(ge=0, le=100)] = 0
    time_width: Annotated[int, Field(ge=1, le=100_000)] = 40
    stretch: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    shift_bands: Annotated[int, Field(ge=0, le=10_000)] = 0
    shift_frames: Annotated[int, Field(ge=0, le=100_000)] = 0
    level: Annotated[float, Field(ge=0, le=100)] = 0.0
    tilt: Annotated[float, Field(ge=0, le=100)] = 0.0
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    noise_snr_db: tuple[Decibels, Decibels] = (0.0, 30.0)
    mixup: Annotated[float, Field(ge=0, le=100)] = 0.0
    vector_noise: Annotated[float, Field(ge=0, le=10)] = 0.0
    input_dropout: Annotated[float, Field(ge=0, lt=0.5)] = 0.0

    @model_validator(mode="after")
    def _noise_has_a_range(self) -> AugmentConfig:
        low, high = self.noise_snr_db
        if low > high:
            raise ValueError(f"noise_snr_db = [{low:g}, {high:g}]: the least ratio comes first")
        return self


class DistillConfig(Settings):
    """Learning from finished models as well as from labels.

    Parameters
    ----------
    teachers : list of str
        Run folders, ``.onnx`` files, names of bundled models, and folders of ``evaluate``, of which those models teach
        that have not heard what is tested. The mean of their calibrated probabilities is learnt.
    weight : float
        Share of what the teachers say in the loss; the rest is the loss of the labels.
    temperature : float
        Of both probabilities that are compared; above 1 the teachers' doubts count for more.

    Notes
    -----
    With weight ``l`` and temperature ``T`` the loss is ``(1 - l) loss + l T^2 KL(p^T || q^T)``, ``p^T`` being the
    teachers' probabilities raised to ``1 / T``, and ``q^T`` the network's.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531, 2015.
    """

    teachers: Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1, max_length=100)]
    weight: Annotated[float, Field(gt=0, le=1)] = 0.7
    temperature: Annotated[float, Field(gt=0, le=100)] = 2.0


class CalibrationConfig(Settings):
    """What is fitted on held-out speakers after training.

    Parameters
    ----------
    on : {"development", "folds"}
        ``"development"``: the development speakers. ``"folds"``: the test speakers of a cross-validation, which are
        many more. ``evaluate`` calibrates each fold on the test parts of the others; ``train`` needs to be told of a
        finished one.
    method : {"lac", "class-conditional", "none"}
        Prediction sets: one threshold for all labels, one per label, or none.
    alpha : float
        Share of recordings whose set may lack the true label.
    """

    on: Literal["development", "folds"] = "development"
    method: Literal["lac", "class-conditional", "none"] = "lac"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.1

"""What separates a reproduction of the paper's table from the paper, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ser_toolkit.data.segments import PRESETS
from ser_toolkit.evaluation.reproduction import AUGMENT, FEATURES, FOUR, TRAINING
from ser_toolkit.training.settings import TrainingConfig

if TYPE_CHECKING:
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.config import TrainConfig

__all__ = ["differences"]

_PAPER: Mapping[str, int] = MappingProxyType({"anger": 289, "happiness": 284, "sadness": 608, "neutral": 1099})
_OTHERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "impro_merge (excitement counts as happiness)": {**_PAPER, "happiness": 947},
        "standard5531 (scripted turns too, and excitement counts as happiness)": {
            "anger": 1103, "happiness": 1636, "sadness": 1084, "neutral": 1708,
        },
        "no_merge4490 (scripted turns too)": {"anger": 1103, "happiness": 595, "sadness": 1084, "neutral": 1708},
    }
)  # fmt: skip
"""Utterances of IEMOCAP: the paper's improvised ones, and other conventions of the corpus reader."""


def differences(
    *, config: TrainConfig, counts: Mapping[str, int], iemocap: bool, classical: bool, registry: Registry
) -> tuple[str, ...]:
    """What separates a reproduction from the paper, for whoever compares the figures.

    Parameters
    ----------
    config : TrainConfig
        Of the job.
    counts : mapping of str to int
        Utterances that were scored, per label.
    iemocap : bool
        Whether the corpus is the paper's.
    classical : bool
        Whether there are classical learners.
    registry : Registry
        Knows the defaults of the network.

    Returns
    -------
    tuple of str
        Sentences, the largest departures first; never empty, because the paper leaves much unsaid.

    References
    ----------
    Toyoshima, Okada, Ishimaru, Uchiyama, Tada, "Multi-input speech emotion recognition model using mel spectrogram and
    GeMAPS", Sensors 23(3):1743, 2023.
    """
    found = [*_corpus(counts, iemocap=iemocap), *_division(config, tuple(counts))]
    found += _network(config, registry)
    found += _augmentation(config, classical=classical)
    found += [
        "A pair of the training speakers is set aside to calibrate; the last epoch is kept; the paper does not say how "
        "its epoch was chosen, and trained on all other speakers."
        if config.training.select == "last"
        else "A part of the training speakers is set aside to choose the epoch and to calibrate; the paper does not "
        "say how its epoch was chosen, and trained on all other speakers.",
        _optimiser(config.training),
    ]
    chosen = config.training.epochs == TRAINING["epochs"] or any(
        getattr(config.augment, key) == value for key, value in AUGMENT.items()
    )
    if chosen:
        found.append(
            "The augmentation and the number of epochs were chosen by looking at leave-one-pair-out results on emodb "
            "(a narrow network of 16 to 128 filters; seeds 0 and 1): figures on emodb are optimistic to that extent."
        )
    return tuple(found)


def _corpus(counts: Mapping[str, int], *, iemocap: bool) -> list[str]:
    here = _counted(counts)
    if not iemocap:
        return [
            f"The corpus is another: here {here}; the paper's figures are of IEMOCAP (improvised sessions, 10 actors, "
            "5,750 windows)."
        ]
    if dict(counts) == dict(_PAPER):
        return []
    name = next((name for name, known in _OTHERS.items() if dict(known) == dict(counts)), "")
    which = f", the convention {name}" if name else ""
    return [
        f"The utterances are not the paper's: here {here}{which}; the improvised turns without excitement, which its "
        f"window counts fit, are {_counted(_PAPER)}. The corpus reader gives them with labels = paper."
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values()):,} utterances ({', '.join(f'{label} {n:,}' for label, n in sorted(counts.items()))})"


def _division(config: TrainConfig, labels: Sequence[str]) -> list[str]:
    found = []
    if config.split.file or config.split.protocol not in (
        "leave-one-pair-out", "leave-one-session-out", "iemocap-sessions",
    ):  # fmt: skip
        name = "that of a split file" if config.split.file else config.split.protocol
        found.append(f"The protocol is {name}; the paper leaves one pair of speakers out (five folds).")
    windows = config.segmentation()
    if windows != PRESETS["paper"]:
        long = "whole recordings" if windows.window_s is None else f"{windows.window_s:g} s every {windows.hop_s:g} s"
        found.append(
            f"Windows are those of the preset {config.segments.get('preset', 'robust')} ({long}; short recordings: "
            f"{windows.short}; rest at the end: {windows.tail}); the paper takes 3 s every 0.75 s and drops utterances "
            "under 3 s and what remains after the last full window."
        )
    if set(labels) != set(FOUR):
        found.append(f"The classes are {', '.join(labels)}; the paper's are anger, happiness, neutral and sadness.")
    return found


def _network(config: TrainConfig, registry: Registry) -> list[str]:
    table = dict(config.model)
    name = str(table.pop("name"))
    found = []
    if name != "cnn-dnn":
        found.append(f"The network is {name}{_settings(table)}; the paper's is cnn-dnn.")
    else:
        default = registry.create("model", name)
        changed = {k: v for k, v in table.items() if _plain(getattr(default, k, None)) != _plain(v)}
        if changed:
            found.append(f"The network is changed{_settings(changed)}; the others of its settings are the paper's.")
    for key, base in FEATURES.items():
        given = {k: v for k, v in config.features.get(key, base).items() if base.get(k) != v}
        if given:
            found.append(f"The input {key} is changed{_settings(given)}.")
    if config.sr != 16_000:
        found.append(f"Sound is used at {config.sr} Hz; the paper's at 16000 Hz.")
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _settings(table: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{key} = {value}' for key, value in table.items())})" if table else ""


def _augmentation(config: TrainConfig, *, classical: bool) -> list[str]:
    a = config.augment
    done = []
    if a.vector_noise:
        done.append(f"Gaussian noise of {a.vector_noise:g} standard deviations on GeMAPS, wherever it is an input")
    if a.freq_masks or a.time_masks:
        done.append(f"{a.freq_masks} frequency and {a.time_masks} time masks on mel spectrograms")
    moved = {"stretched": a.stretch, "shifted": a.shift_bands or a.shift_frames, "at other levels": a.level or a.tilt}
    if named := [name for name, amount in moved.items() if amount]:
        done.append(f"mel spectrograms {', '.join(named)}")
    if a.noise:
        done.append(f"noise on the mel spectrograms of {a.noise:.0%} of the windows")
    if a.mixup:
        done.append("windows and labels mixed with each other")
    if a.waveform and a.copies:
        names = ", ".join(str(t.get("name")) for t in a.waveform)
        done.append(f"{a.copies} altered copies of each training recording ({names})")
    if a.input_dropout:
        done.append(
            f"with two inputs, each of them hidden in {a.input_dropout:.0%} of the windows; an extra regulariser that "
            "settings with one input cannot have, so that part of what both inputs gain over one may be its doing"
        )
    if not done:
        return []
    alone = " Classical learners get neither noise, masks nor hidden inputs." if classical else ""
    return [f"Networks are fitted with augmentation, of which the paper says nothing: {'; '.join(done)}.{alone}"]


def _optimiser(t: TrainingConfig) -> str:
    fixed = "" if t.select == "last" else "at most "
    said = [
        f"learning rate {t.lr:g}",
        f"batches of {t.batch_size}",
        f"{fixed}{t.epochs} epochs",
        f"schedule {t.schedule}",
    ]
    said += [f"weight decay {t.weight_decay:g}"] if t.weight_decay else []
    said += [f"warm-up of {t.warmup_epochs:g} epochs"] if t.warmup_epochs else []
    said += ["classes drawn equally often"] if t.sampling == "balanced" else []
    said += ["classes of every corpus drawn equally often"] if t.sampling == "corpus-balanced" else []
    said += [f"gradients clipped to a norm of {t.clip_norm:g}"] if t.clip_norm else []
    said += [f"weights averaged ({t.average})"] if t.average != "none" else []
    said += ["labels as shares of the raters' votes"] if t.soft_labels else []
    said += [f"mixed precision ({t.mixed_precision})"] if t.mixed_precision != "no" else []
    return f"Optimiser: Adam, {', '.join(said)}; the paper states none of it."

"""The test bench: what models say about degraded recordings."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.evaluation.predictions import Predictions, concatenate
from ser_toolkit.inference.collate import collate
from ser_toolkit.noise.extraction import NoisyExtraction, noisy_features
from ser_toolkit.noise.groups import Group, Subject
from ser_toolkit.noise.voices import voices_for
from ser_toolkit.training.metrics import score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.extraction import Rows
    from ser_toolkit.noise.fitted import Ask

__all__ = ["FOLDER", "BenchProgress", "Benched", "SilentBench", "run_bench"]

FOLDER = "noise"
"""Below the folder of an evaluation."""

BATCH = 64
"""Windows that a model sees at a time."""

_MODELS = 8
"""Models that are held at a time."""


@dataclass(frozen=True, kw_only=True)
class Benched:
    """What a bench gave.

    Parameters
    ----------
    clean : Predictions
        Of all models on clean recordings.
    noisy : dict
        Condition to predictions of the same models on the same utterances, in the same order.
    seed : int
        Of the noise.
    notes : tuple of str
        What a reader of the scores has to know.
    """

    clean: Predictions
    noisy: Mapping[Condition, Predictions]
    seed: int
    notes: tuple[str, ...] = ()


class BenchProgress(Protocol):
    """Observer of a bench."""

    def degrading(self, condition: Condition, done: int, total: int) -> None:
        """After each recording; counts all conditions together."""

    def condition_done(self, condition: Condition, ua: float, clean: float) -> None:
        """After each condition, and after a resume also for the earlier ones: UA with it and without, 0 to 1."""


class SilentBench:
    """Observer that shows nothing."""

    def degrading(self, condition: Condition, done: int, total: int) -> None:
        """Ignore."""

    def condition_done(self, condition: Condition, ua: float, clean: float) -> None:
        """Ignore."""


def run_bench(
    subjects: Sequence[Subject],
    conditions: Sequence[Condition],
    features: FeatureSet,
    *,
    folder: Path,
    seed: int = 0,
    workers: int = 0,
    progress: BenchProgress | None = None,
) -> Benched:
    """Ask models about degraded recordings.

    Parameters
    ----------
    subjects : sequence of Subject
        At least one.
    conditions : sequence of Condition
        What is done to the recordings.
    features : FeatureSet
        Front end of all models. Recordings are degraded before it.
    folder : Path
        Of the evaluation. Answers are kept below it, one file for each model and condition; what is there already
        and was made by the same model and noise is read.
    seed : int, optional
        Of the noise.
    workers : int, optional
        Processes; 0 takes one per core.
    progress : BenchProgress, optional
        Is told.

    Returns
    -------
    Benched
        Answers. Babble is left out, with a note, where an utterance has no other speaker beside it.

    Raises
    ------
    ConfigError
        If no condition is left, or the models say nothing of emotions.
    AudioError
        If a recording cannot be read any more.
    OutputError
        If answers cannot be written.
    """
    progress = progress or SilentBench()
    if not all(model.clean.labels for subject in subjects for model in subject.models):
        raise ConfigError("the noise bench scores emotions, of which this model says nothing: leave out --noise")
    cast = [tuple(voices_for(u, s.utterances, s.voices, seed=seed) for u in s.utterances) for s in subjects]
    conditions, notes = _possible(conditions, cast)
    groups = [
        Group(
            subject=subject,
            condition=condition,
            voices=voices if condition.kind == "babble" else [()] * len(voices),
            folder=folder / FOLDER,
            seed=seed,
        )
        for condition in conditions
        for subject, voices in zip(subjects, cast, strict=True)
    ]
    kept = {group: found for group in groups if (found := group.kept()) is not None}
    missing = [group for group in groups if group not in kept]
    total = sum(len(group.subject.utterances) for group in missing)
    loaded = functools.lru_cache(maxsize=_MODELS)(lambda model: model.load())
    clean = concatenate([model.clean for subject in subjects for model in subject.models])
    clean_ua, done = _ua(clean), 0
    noisy: dict[Condition, Predictions] = {}
    jobs = (job for group in missing for job in group.jobs())
    extraction = NoisyExtraction(features=features, seed=seed)
    with contextlib.closing(noisy_features(jobs, extraction, n_jobs=total, workers=workers)) as rows:
        for condition in conditions:
            for group in (group for group in missing if group.condition == condition):

                def count(condition: Condition = condition) -> None:
                    nonlocal done
                    done += 1
                    progress.degrading(condition, done, total)

                asks = [loaded(model) for model in group.subject.models]
                kept[group] = _answers(group, asks, rows, features, count)
                group.keep(kept[group])
            noisy[condition] = concatenate([p for group in groups if group.condition == condition for p in kept[group]])
            progress.condition_done(condition, _ua(noisy[condition]), clean_ua)
    return Benched(clean=clean, noisy=noisy, seed=seed, notes=notes)


def _possible(
    conditions: Sequence[Condition], cast: Sequence[Sequence[Sequence[Utterance]]]
) -> tuple[Sequence[Condition], tuple[str, ...]]:
    """Conditions that can be had, and notes on the others."""
    lonely = sum(not voices for of_subject in cast for voices in of_subject)
    if not lonely or not any(condition.kind == "babble" for condition in conditions):
        return conditions, ()
    said = f"babble is made of other people's recordings, and {lonely} utterances have no other speaker beside them"
    left = [condition for condition in conditions if condition.kind != "babble"]
    if not left:
        raise ConfigError(f"{said}: name other noise conditions")
    return left, (f"{said}: babble was left out",)


def _answers(
    group: Group, asks: Sequence[Ask], rows: Iterator[Rows], features: FeatureSet, count: Callable[[], None]
) -> list[Predictions]:
    """What each model says, some windows at a time; takes as many rows as there are utterances."""
    specs = features.specs()
    owner: list[int] = []
    logits: list[list[NDArray[np.float64]]] = [[] for _ in asks]
    waiting: dict[str, list[NDArray[np.float32]]] = {key: [] for key in specs}

    def flush() -> None:
        if any(waiting.values()):
            batch = collate(waiting, specs)
            for ask, parts in zip(asks, logits, strict=True):
                parts.append(ask(batch))
            for values in waiting.values():
                values.clear()

    for i in range(len(group.subject.utterances)):
        found = next(rows)
        n = len(next(iter(found.values())))
        owner += [i] * n
        for w in range(n):
            for key, values in found.items():
                waiting[key].append(values[w])
            if len(next(iter(waiting.values()))) == BATCH:
                flush()
        count()
    flush()
    made = []
    for model, parts in zip(group.subject.models, logits, strict=True):
        said = np.concatenate([np.zeros((0, len(model.clean.labels))), *parts])
        if not np.isfinite(said).all():
            raise ModelError(f"{model.name}: the model gave values that are not finite under {group.condition.name}")
        made.append(group.answer(model, np.array(owner, dtype=np.int64), said))
    return made


def _ua(predictions: Predictions) -> float:
    return score(predictions.truth, predictions.predicted(), predictions.labels).ua

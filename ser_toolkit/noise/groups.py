"""Recordings under one condition and the models that are asked about them; what is answered is kept as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.errors import ModelError, OutputError
from ser_toolkit.evaluation.predictions import Predictions
from ser_toolkit.noise.extraction import NoisyJob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.fitted import Ask

__all__ = ["VERSION", "FittedModel", "Group", "Subject"]

VERSION = 1
"""Of the noise: +1 whenever the same condition and seed would give other samples."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedModel:
    """A model and what it said about clean recordings.

    Parameters
    ----------
    name : str
        For files: ``seed-0-fold-1``.
    clean : Predictions
        Its answers.
    load : callable
        Gives the model: a function from a batch of features to logits.
    """

    name: str
    clean: Predictions
    load: Callable[[], Ask]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Recordings, and the models that are tested on them: of one fold with every seed, or a finished one.

    Parameters
    ----------
    utterances : tuple of Utterance
        Those of the items of each model's predictions, in that order.
    voices : tuple of Utterance
        Further ones that none of the models was fitted to, for babble.
    models : tuple of FittedModel
        At least one.
    """

    utterances: tuple[Utterance, ...]
    voices: tuple[Utterance, ...] = ()
    models: tuple[FittedModel, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Recordings under one condition.

    Parameters
    ----------
    subject : Subject
        Recordings and models.
    condition : Condition
        What is done to them.
    voices : sequence of tuple of Utterance
        For each recording, whose voices babble is made of; empty for other noise.
    folder : Path
        Where answers are kept.
    seed : int
        Of the noise.
    """

    subject: Subject
    condition: Condition
    voices: Sequence[tuple[Utterance, ...]]
    folder: Path
    seed: int

    def jobs(self) -> Iterator[NoisyJob]:
        """What is to be extracted, in the order of the recordings."""
        for utterance, voices in zip(self.subject.utterances, self.voices, strict=True):
            yield NoisyJob(utterance=utterance, condition=self.condition, voices=voices)

    def answer(self, model: FittedModel, owner: NDArray[np.int64], logits: NDArray[np.float64]) -> Predictions:
        """What a model said about these recordings, beside what is known of them."""
        return replace(model.clean, owner=owner, logits=logits, notes=(self._mark(model),))

    def keep(self, answers: Sequence[Predictions]) -> None:
        """Write the answers of all models.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        for model, answer in zip(self.subject.models, answers, strict=True):
            path = self._path(model)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{path.parent}: cannot be made: {error.strerror}") from error
            answer.save(path)

    def kept(self) -> list[Predictions] | None:
        """Answers of all models, if they are there, whole, and of these models and this noise."""
        found = []
        for model in self.subject.models:
            try:
                answer = Predictions.load(self._path(model))
            except ModelError:
                return None
            if answer.notes != (self._mark(model),) or answer.items != model.clean.items:
                return None
            found.append(answer)
        return found

    def _path(self, model: FittedModel) -> Path:
        return self.folder / self.condition.name.replace(":", "_") / f"{model.name}.parquet"

    def _mark(self, model: FittedModel) -> str:
        """Name of all that the answers depend on: a model is known by what it says about clean recordings."""
        said = hashlib.sha256(model.clean.logits.astype("<f8").tobytes()).hexdigest()
        heard = json.dumps([[(v.key, v.start_s) for v in voices] for voices in self.voices])
        parts = [VERSION, self.seed, said, hashlib.sha256(heard.encode()).hexdigest()]
        return f"{self.condition.name}, noise {hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"

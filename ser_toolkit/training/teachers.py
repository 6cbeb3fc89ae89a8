"""Finished models that a network learns from, and which of them may teach in a split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_toolkit.errors import ConfigError, ModelError
from ser_toolkit.features import FeatureSet
from ser_toolkit.recipe_components import extractors_of, steps_of
from ser_toolkit.training.audio_state import AudioState
from ser_toolkit.training.checkpoint import RECIPE, read_recipe
from ser_toolkit.training.folder import read_state
from ser_toolkit.training.seen import Seen, hash_speaker
from ser_toolkit.training.split_file import read_parts
from ser_toolkit.training.teacher_models import recipe_of

if TYPE_CHECKING:
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.recipe import Recipe
    from ser_toolkit.training.settings import DistillConfig
    from ser_toolkit.training.splits import Split

__all__ = ["Teacher", "Teachers", "read_teachers"]

_FOLD = re.compile(r"seed-\d+-fold-(\d+)")


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """One finished model.

    Parameters
    ----------
    name : str
        As it was given, for messages.
    path : Path
        A run folder, or an ``.onnx`` file.
    recipe : Recipe
        Its recipe.
    features : FeatureSet
        Its own front end.
    seen : Seen or None
        What it was trained on; None if it does not say.
    """

    name: str
    path: Path
    recipe: Recipe
    features: FeatureSet
    seen: Seen | None

    def check(self, features: FeatureSet, labels: Sequence[str]) -> None:
        """Refuse a model that cannot say anything about the windows and labels of a training.

        Parameters
        ----------
        features : FeatureSet
            Of the network that is to learn.
        labels : sequence of str
            Its labels.

        Raises
        ------
        ConfigError
            Says what does not fit.
        """
        if missing := [label for label in labels if label not in self.recipe.labels]:
            raise ConfigError(
                f"distill: the teacher {self.name} does not know {', '.join(map(repr, missing))}; it knows "
                f"{', '.join(map(repr, self.recipe.labels))}"
            )
        for what, own, wanted in (
            ("sample rate", self.features.sr, features.sr),
            ("steps before features", self.features.preprocess, features.preprocess),
        ):
            if own != wanted:
                raise ConfigError(f"distill: the teacher {self.name} has another {what} ({own}; here {wanted})")
        here = replace(features, extractors=self.features.extractors, scopes=self.features.scopes).specs()
        for key, spec in self.features.specs().items():
            if any(n is not None and n != m for n, m in zip(spec.shape, here[key].shape, strict=True)):
                raise ConfigError(
                    f"distill: the teacher {self.name} takes windows of {spec.shape} as {key!r}; the windows here give "
                    f"{here[key].shape}. Give [segments] the window of the teacher"
                )

    def knows(self, utterances: Sequence[Utterance], recordings: Sequence[int], *, speakers: bool) -> list[int]:
        """Positions of utterances that it was trained on, by recording, and by speaker if `speakers`."""
        seen = self.seen
        if seen is None:
            raise ConfigError(
                f"distill: the teacher {self.name} does not say what it was trained on, so that it cannot be known "
                "whether it has heard what is tested here"
            )
        return [
            i
            for i, (u, recording) in enumerate(zip(utterances, recordings, strict=True))
            if (recording and seen.has_recording(recording)) or (speakers and seen.has_speaker(u))
        ]


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """The models that one entry of ``distill.teachers`` stands for.

    Parameters
    ----------
    name : str
        The entry.
    models : tuple of Teacher
        One; or of a cross-validation those of all folds and seeds.
    folds : bool
        Whether it is a cross-validation, of whose models those teach that have not heard what is tested.
    """

    name: str
    models: tuple[Teacher, ...]
    folds: bool

    def allowed(
        self, utterances: Sequence[Utterance], recordings: Sequence[int], split: Split, *, speakers: bool
    ) -> tuple[Teacher, ...]:
        """The models that may teach in a split.

        Parameters
        ----------
        utterances : sequence of Utterance
            All of the training.
        recordings : sequence of int
            Hashes of their samples, 0 where unknown.
        split : Split
            Whose test part no teacher may have heard.
        speakers : bool
            Whether other recordings of the same speakers count.

        Returns
        -------
        tuple of Teacher
            At least one.

        Raises
        ------
        ConfigError
            If none may, or it cannot be known.
        """
        tested = split.indices("test")
        if not tested:
            return self.models
        asked, heard = [utterances[i] for i in tested], [recordings[i] for i in tested]
        known = [teacher.knows(asked, heard, speakers=speakers) for teacher in self.models]
        allowed = tuple(teacher for teacher, found in zip(self.models, known, strict=True) if not found)
        if allowed:
            return allowed
        if self.folds:
            raise ConfigError(
                f"distill: each model in {self.name} was trained on speakers or recordings that are tested here "
                f"({split.protocol}). Train teachers on the same folds: evaluate them with --split of this split"
            )
        first = asked[known[0][0]].key
        raise ConfigError(
            f"distill: the teacher {self.name} was trained on {len(known[0])} of the {len(asked)} utterances that are "
            f"tested here, or on others of their speakers ({first}, ...): scores would be inflated. Give a teacher "
            "that has not heard them, such as the folder of ser-toolkit evaluate on the same split"
        )


def read_teachers(config: DistillConfig | None, registry: Registry) -> tuple[Teachers, ...]:
    """Read the recipes of all teachers; no weights yet.

    Parameters
    ----------
    config : DistillConfig or None
        None: no teachers.
    registry : Registry
        Where components are looked up.

    Returns
    -------
    tuple of Teachers
        In the order of the configuration.

    Raises
    ------
    ModelError, RecipeError
        If one is missing or cannot be used here.
    """
    return tuple(_teachers(name, registry) for name in config.teachers) if config else ()


def _teachers(name: str, registry: Registry) -> Teachers:
    folder = Path(name)
    if not (folder / "folds").is_dir() or (folder / RECIPE).is_file():
        recipe, path = recipe_of(name)
        seen = Seen.of(recipe.training) if recipe.training else None
        return Teachers(name=name, models=(_teacher(name, path, recipe, registry, seen=seen),), folds=False)
    heard = _heard_by_fold(folder)
    models = []
    for path in sorted((folder / "folds").iterdir()):
        match = _FOLD.fullmatch(path.name)
        if match and (path / RECIPE).is_file():
            seen = heard.get(int(match[1]))
            models.append(_teacher(f"{name}, {path.name}", path, read_recipe(path), registry, seen=seen))
    if not models:
        raise ModelError(f"{name} holds no models of folds: evaluate again, with a version that keeps them")
    return Teachers(name=name, models=tuple(models), folds=True)


def _teacher(name: str, path: Path, recipe: Recipe, registry: Registry, *, seen: Seen | None) -> Teacher:
    features = FeatureSet(
        extractors=extractors_of(recipe, registry),
        segmentation=recipe.segments,
        sr=recipe.sr,
        scopes={key: entry.scope for key, entry in recipe.features.items()},
        preprocess=steps_of(recipe.preprocess, registry),
    )
    return Teacher(name=name, path=path, recipe=recipe, features=features, seen=seen)


def _heard_by_fold(folder: Path) -> Mapping[int, Seen]:
    """What the models of a cross-validation were trained on, by number of the fold: of its split file and audio."""
    audio = AudioState.load(folder, "work")
    speakers, folds = read_parts(folder / "split.csv")
    salt = read_state(folder).get("manifest_sha256")
    if audio is None or len(audio.recordings) != len(speakers) or not isinstance(salt, str):
        raise ModelError(f"{folder} does not say which recordings its folds were trained on: evaluate again")
    found = {}
    for number, parts in enumerate(folds, 1):
        rows = [i for i, part in enumerate(parts) if part in ("train", "dev")]
        found[number] = Seen(
            salt=salt,
            speakers=frozenset(hash_speaker(speakers[i], salt=salt) for i in rows if speakers[i]),
            recordings=frozenset(audio.recordings[i] for i in rows) - {0},
        )
    return found

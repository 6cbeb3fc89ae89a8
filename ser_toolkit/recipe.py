"""The recipe: everything about a trained model but its weights, as JSON that says what and never how.

A recipe names components and integer versions, never class paths; it holds no code, no pickle and no file paths.
It travels in the metadata of an exported model (key `METADATA_KEY`) and beside the weights of a run folder.
Reading one executes nothing, whoever wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator

import ser_toolkit
from ser_toolkit.components import describe
from ser_toolkit.data.files import display_path
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import RecipeError
from ser_toolkit.interfaces import Scope, TargetSpec
from ser_toolkit.recipe_calibration import Calibration, Conformal
from ser_toolkit.recipe_part import Part, Text
from ser_toolkit.untrusted_json import parse

__all__ = [
    "METADATA_KEY",
    "Calibration",
    "ComponentEntry",
    "Conformal",
    "FeatureEntry",
    "Recipe",
    "Steps",
    "Target",
    "Training",
]

METADATA_KEY = "ser_toolkit.recipe"
"""Key of the recipe in the metadata of an ONNX file."""

_MAX_CHARACTERS = 8_000_000
_MAX_DEPTH = 12

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Dist = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*)( [A-Za-z0-9.+!_-]+)?$", max_length=200)]


class ComponentEntry(Part):
    """One component: who it is and how it is configured.

    Parameters
    ----------
    name, version : str, int
        The component's own; the version must be the installed one's.
    dist : str
        Distribution that it came from, with version: ``"ser-toolkit 0.1.0"``.
    config : dict
        Every field, defaults included, as JSON values.
    """

    name: Name
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    dist: Dist
    config: dict[Annotated[str, StringConstraints(max_length=80)], JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_paths(self) -> ComponentEntry:
        for text in _strings(self.config):
            if "/" in text or "\\" in text or "\0" in text or text.lower().endswith(".conf"):
                raise ValueError(
                    f"the configuration of {self.name!r} holds a file path ({text[:80]!r}); a recipe may not"
                )
        return self


class FeatureEntry(ComponentEntry):
    """A feature extractor, and whether it sees each segment or the whole recording."""

    scope: Scope = "segment"


Steps = Annotated[tuple[ComponentEntry, ...], Field(max_length=8)]
"""Preprocessors, in order."""


class Target(Part):
    """What the model predicts; see `ser_toolkit.interfaces.TargetSpec`."""

    name: Key
    kind: Literal["class", "multilabel", "regression"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _distinct(self) -> Target:
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(f"a label holds control characters: {[label[:60] for label in self.labels]}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels repeat: {list(self.labels)}")
        return self

    def spec(self) -> TargetSpec:
        """The same as the dataclass that models and losses take."""
        return TargetSpec(name=self.name, kind=self.kind, labels=self.labels)


class Training(Part):
    """Where the weights come from, in a form that gives no speaker and no file away.

    Parameters
    ----------
    protocol : str
        Split and selection in words; printed beside every score.
    manifest_sha256 : str
        Digest of the manifest's content; also the salt of `speakers`.
    speakers : tuple of str
        Salted hashes of the training and development speakers.
    recordings : str
        Sorted 64-bit hashes of the decoded training and development recordings, base64.
    seed : int
        Seed of split, initial weights and order.
    metrics : dict
        Scores as in ``metrics.json``.
    """

    protocol: Text
    manifest_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    speakers: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")], ...] = ()
    recordings: str = ""
    seed: int
    metrics: dict[str, JsonValue] = Field(default_factory=dict)


class Recipe(Part):
    """What a model carries. Equal after any number of trips through `to_json` and `from_json`.

    Parameters
    ----------
    format : 1
        Version of this layout.
    ser_toolkit : str
        Version of the toolkit that wrote it.
    targets : tuple of Target
        What is predicted.
    sr : int
        Sample rate in Hz that features are computed at.
    preprocess : tuple
        Steps that change audio before features see it, in order; see `ser_toolkit.interfaces.Preprocessor`.
    segments : Segmentation
        Windows of a recording.
    features : dict
        Input name of the network to extractor, in the order of the network's inputs.
    model : ComponentEntry
        The network or estimator.
    loss : ComponentEntry or None
        The training loss; None for an estimator.
    calibration : Calibration or None
        None before calibration.
    training : Training or None
        None for a recipe that was never trained.
    libraries : dict
        Versions of the libraries that compute the features.
    probe : dict
        Statistics of each feature on a fixed chirp, see `ser_toolkit.features.probe`.
    license : str
        Terms of the weights.
    """

    format: Literal[1] = 1
    ser_toolkit: Annotated[str, StringConstraints(max_length=80)] = ser_toolkit.__version__
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=16)]
    sr: Annotated[int, Field(ge=4000, le=192_000)] = 16_000
    preprocess: Steps = ()
    segments: Segmentation
    features: Annotated[dict[Key, FeatureEntry], Field(min_length=1, max_length=32)]
    model: ComponentEntry
    loss: ComponentEntry | None = None
    calibration: Calibration | None = None
    training: Training | None = None
    libraries: dict[str, str] = Field(default_factory=dict)
    probe: dict[Key, Annotated[tuple[float, ...], Field(max_length=16)]] = Field(default_factory=dict)
    license: Text = ""

    @model_validator(mode="after")
    def _one_target_of_classes(self) -> Recipe:
        if len(self.targets) != 1 or self.targets[0].kind != "class":
            raise ValueError("this version of ser-toolkit runs models with one target of kind 'class'")
        return self

    @model_validator(mode="after")
    def _a_threshold_per_label(self) -> Recipe:
        if self.conformal is not None and len(self.conformal.thresholds) != len(self.labels):
            raise ValueError(
                f"calibration.conformal has {len(self.conformal.thresholds)} thresholds for {len(self.labels)} labels"
            )
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the class target."""
        return self.targets[0].labels

    @property
    def conformal(self) -> Conformal | None:
        """Thresholds of prediction sets, if the model has any."""
        return self.calibration.conformal if self.calibration else None

    def to_json(self) -> str:
        """Compact JSON text; `from_json` gives an equal recipe back."""
        return json.dumps(self.model_dump(mode="json"), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe that anybody may have written.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        Recipe
            Checked.

        Raises
        ------
        RecipeError
            If it is no JSON, too large, too deep, from a later format, or breaks any rule; says where.
        """
        try:
            data = parse(text, what="the recipe", max_characters=_MAX_CHARACTERS, max_depth=_MAX_DEPTH)
        except ValueError as error:
            raise RecipeError(str(error)) from error
        if isinstance(data, dict) and isinstance(data.get("format"), int) and data["format"] > 1:
            raise RecipeError(
                f"the recipe has format {data['format']}, this ser-toolkit {ser_toolkit.__version__} reads format 1: "
                "upgrade it (pip install -U ser-toolkit)"
            )
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RecipeError(f"the recipe is not valid: {display_path(describe(error))}") from error


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)

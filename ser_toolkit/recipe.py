"""The recipe: everything about a trained model but its weights, as JSON that says what and never how.

A recipe names components and integer versions, never class paths; it holds no code, no pickle and no file paths.
It travels in the metadata of an exported model (key `METADATA_KEY`) and beside the weights of a run folder.
Reading one executes nothing, whoever wrote it.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator

import ser_toolkit
from ser_toolkit.components import describe
from ser_toolkit.data.files import display_path
from ser_toolkit.data.segments import Segmentation
from ser_toolkit.errors import RecipeError
from ser_toolkit.recipe_calibration import Calibration, Conformal
from ser_toolkit.recipe_entry import ComponentEntry, FeatureEntry, Key, Steps
from ser_toolkit.recipe_part import Part, Text
from ser_toolkit.recipe_target import Scale, Target
from ser_toolkit.untrusted_json import parse

__all__ = [
    "METADATA_KEY",
    "Calibration",
    "ComponentEntry",
    "Conformal",
    "FeatureEntry",
    "Key",
    "Recipe",
    "Scale",
    "Steps",
    "Target",
    "Training",
]

METADATA_KEY = "ser_toolkit.recipe"
"""Key of the recipe in the metadata of an ONNX file."""

_MAX_CHARACTERS = 8_000_000
_MAX_DEPTH = 12


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
        What is predicted: classes, dimensions, or both in this order.
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
        The training loss of the classes; None for an estimator, and without classes.
    calibration : Calibration or None
        None before calibration, and without classes.
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
    def _targets_that_can_be_run(self) -> Recipe:
        kinds = [target.kind for target in self.targets]
        if kinds not in (["class"], ["regression"], ["class", "regression"]) or not all(t.runs for t in self.targets):
            raise ValueError(
                "this version of ser-toolkit runs models with one target of kind 'class', one of kind 'regression' "
                "with a scale for each dimension, or both in this order"
            )
        if len({target.name for target in self.targets}) != len(self.targets):
            raise ValueError(f"both targets are called {self.targets[0].name!r}")
        if self.calibration is not None and not self.labels:
            raise ValueError("a model without classes has no calibration")
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
        """Labels of the class target; empty without one."""
        return self._labels("class")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions; empty without a regression target."""
        return self._labels("regression")

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Scale of each dimension."""
        return tuple(scale for target in self.targets for scale in target.scales)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs; side by side they are the probabilities of `labels`, then values of `dimensions`."""
        return tuple(target.name for target in self.targets)

    def _labels(self, kind: str) -> tuple[str, ...]:
        return tuple(label for target in self.targets if target.kind == kind for label in target.labels)

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

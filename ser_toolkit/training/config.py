"""The training configuration: TOML checked by pydantic, with overrides from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ser_toolkit.components import create, describe
from ser_toolkit.data.segments import PRESETS, Segmentation
from ser_toolkit.errors import ConfigError, close_matches
from ser_toolkit.training.settings import (
    AugmentConfig,
    CalibrationConfig,
    DistillConfig,
    Settings,
    SplitConfig,
    Table,
    TargetsConfig,
    TrainingConfig,
)

__all__ = [
    "INPUT_NAMES",
    "AugmentConfig",
    "CalibrationConfig",
    "DistillConfig",
    "SplitConfig",
    "TargetsConfig",
    "TrainConfig",
    "TrainingConfig",
    "check_config",
    "read_changes",
    "read_config",
]


INPUT_NAMES = {"melspec": "mel", "egemaps": "gemaps"}
"""Short input names of the default features; others are called by their component."""


class TrainConfig(BaseModel):
    """Everything that ``ser-toolkit train`` can be told.

    Parameters
    ----------
    emotions : list of str or None
        Labels to keep, in the order of the network's outputs; None keeps all of the manifest, sorted.
    targets : TargetsConfig or None
        Dimensions to predict; None: emotions alone.
    sr : int
        Sample rate in Hz of all features.
    preprocess : list of dict
        Steps before features, in order, each the ``name`` of a preprocessor and its own settings.
    features : dict
        Input name to table: ``name`` of the extractor, optional ``scope``, and the extractor's own settings.
    model, loss : dict
        ``name`` of the component and its own settings.
    segments : dict
        ``preset`` (robust, paper, utterance) and settings of `ser_toolkit.data.segments.Segmentation` to change.
    split : SplitConfig
        Held-out speakers.
    training : TrainingConfig
        Optimisation.
    augment : AugmentConfig
        Variations of the training recordings.
    calibration : CalibrationConfig
        Prediction sets.
    distill : DistillConfig or None
        Finished models to learn from; None: none.
    license : str
        Terms of the weights, stored in the model.
    """

    model_config = Settings.model_config

    emotions: (
        Annotated[list[Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]], Field(min_length=2)]
        | None
    ) = None
    targets: TargetsConfig | None = None
    sr: Annotated[int, Field(ge=4000, le=192_000)] = 16_000
    preprocess: Annotated[list[Table], Field(max_length=8)] = []
    features: Annotated[dict[str, Table], Field(min_length=1, max_length=32)] = {
        "mel": {"name": "melspec"},
        "gemaps": {"name": "egemaps"},
    }
    model: Table = {"name": "cnn-dnn"}
    loss: Table = {"name": "focal"}
    segments: Table = {"preset": "robust"}
    split: SplitConfig = SplitConfig()
    training: TrainingConfig = TrainingConfig()
    augment: AugmentConfig = AugmentConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    distill: DistillConfig | None = None
    license: str = ""

    @model_validator(mode="after")
    def _components_are_named(self) -> TrainConfig:
        tables = {
            "model": self.model,
            "loss": self.loss,
            **{f"features.{k}": v for k, v in self.features.items()},
            **{f"preprocess {i}": v for i, v in enumerate(self.preprocess, start=1)},
        }
        for where, table in tables.items():
            if not isinstance(table.get("name"), str):
                raise ValueError(f'[{where}] needs a name = "..." of a component (ser-toolkit plugins lists them)')
        for key in self.features:
            if not (key.isidentifier() and key.islower() and key.isascii()):
                raise ValueError(f"[features.{key}]: an input name has lower-case letters, digits and underscores")
        if self.emotions is not None and len(set(self.emotions)) != len(self.emotions):
            raise ValueError(f"emotions repeat: {self.emotions}")
        return self

    @property
    def split_seed(self) -> int:
        """Seed of the draw of a split: its own, or else the training's."""
        return self.training.seed if self.split.seed is None else self.split.seed

    def segmentation(self) -> Segmentation:
        """The windows, from preset and changes.

        Returns
        -------
        Segmentation
            Checked.

        Raises
        ------
        ConfigError
            Unknown preset or setting, or a value out of bounds.
        """
        table = dict(self.segments)
        name = table.pop("preset", "robust")
        if name not in PRESETS:
            raise ConfigError(f"no segment preset is called {name!r}. {close_matches(str(name), PRESETS)}")
        base = PRESETS[str(name)]
        fields = {f: getattr(base, f) for f in base.__dataclass_fields__}
        if base.window_s is None and set(table) & {"hop_s", "short", "tail"}:
            raise ConfigError(
                "segments: the preset 'utterance' is one window per recording; hop_s, short and tail do not apply"
            )
        return create(Segmentation, {**fields, **table})


def read_config(path: Path | None = None, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a TOML file and apply ``key.path=value`` overrides.

    Parameters
    ----------
    path, overrides : Path, sequence of str, optional
        As for `read_changes`.

    Returns
    -------
    TrainConfig
        Checked, but for the components' own settings, which their plugins check.

    Raises
    ------
    ConfigError
        Missing file, TOML syntax, unknown key (with the nearest allowed one), or bad value.
    """
    return check_config(read_changes(path, overrides), where=str(path) if path else "configuration")


def read_changes(path: Path | None = None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read what a user wants otherwise than the defaults, as plain data that `check_config` takes.

    Parameters
    ----------
    path : Path, optional
        TOML file; without it the defaults are used, which are the paper's system.
    overrides : sequence of str
        As given to ``--set``: ``model.pooling=mean``, ``training.lr=3e-4``, ``features.mel.n_mels=64``. Values
        are read as TOML, and as plain text if they are none. Naming another component drops the settings of
        the one it replaces.

    Returns
    -------
    dict
        Not checked yet.

    Raises
    ------
    ConfigError
        Missing file, TOML syntax, or an override that is none.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is no TOML: {error}") from error
    for text in overrides:
        _apply(data, text)
    return data


def check_config(data: Mapping[str, Any], *, where: str = "configuration") -> TrainConfig:
    """Check plain data as a training configuration.

    Parameters
    ----------
    data : mapping
        As read from TOML or JSON.
    where : str, optional
        How errors call it.

    Returns
    -------
    TrainConfig
        The configuration.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    _check_keys(data, TrainConfig, where=where)
    data = _with_default_names(data)
    try:
        config = TrainConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe(error)}") from error
    config.segmentation()
    return config


def _with_default_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """Tables that only change settings of a default component get its name."""
    named = dict(data)
    for key, name in (("model", "cnn-dnn"), ("loss", "focal")):
        if isinstance(named.get(key), Mapping):
            named[key] = {"name": name, **named[key]}
    targets = named.get("targets")
    if isinstance(targets, Mapping) and isinstance(targets.get("loss"), Mapping):
        named["targets"] = {**targets, "loss": {"name": "mse", **targets["loss"]}}
    features = named.get("features")
    if isinstance(features, Mapping):
        defaults = {key: name for name, key in INPUT_NAMES.items()}
        named["features"] = {
            key: {"name": defaults[key], **table} if key in defaults and isinstance(table, Mapping) else table
            for key, table in features.items()
        }
    return named


def _check_keys(data: Mapping[str, Any], model: type[BaseModel], *, where: str, prefix: str = "") -> None:
    for key, value in data.items():
        if key not in model.model_fields:
            raise ConfigError(f"{where}: unknown key {prefix + key!r}. {close_matches(key, model.model_fields)}")
        inner = model.model_fields[key].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and isinstance(value, Mapping):
            _check_keys(value, inner, where=where, prefix=f"{key}.")


def _apply(data: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not equals or not all(path):
        raise ConfigError(f"--set {text!r}: write key.path=value, such as training.lr=3e-4")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    if path[0] == "features" and len(path) > 1 and "features" not in data:
        # a change to one of the default features keeps the others
        data["features"] = {key: {"name": name} for name, key in INPUT_NAMES.items()}
    table = data
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"--set {text!r}: {part!r} is a value, not a table")
    renamed = path[0] in ("model", "loss", "features") or path[:2] == ["targets", "loss"]
    if renamed and path[-1] == "name" and table.get("name") != parsed:
        table.clear()
    table[path[-1]] = parsed

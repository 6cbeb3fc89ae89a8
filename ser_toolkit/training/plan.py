"""The components of a run, made from its configuration and checked before any audio is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ser_toolkit.components import describe
from ser_toolkit.errors import ConfigError
from ser_toolkit.features import FeatureSet, probe, probe_signal
from ser_toolkit.interfaces import ClassicalModel, SlidingFeatureExtractor, TargetSpec
from ser_toolkit.recipe import (
    Calibration,
    ComponentEntry,
    FeatureEntry,
    Recipe,
    Target,
    Training,
)
from ser_toolkit.recipe_components import entry_of, library_versions
from ser_toolkit.training.regression import Regression
from ser_toolkit.training.stored_estimator import check_storable
from ser_toolkit.training.teachers import Teachers, read_teachers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.recipe import Scale
    from ser_toolkit.training.config import TrainConfig

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Features, model and loss of a run.

    Parameters
    ----------
    config : TrainConfig
        What they were made from.
    registry : Registry
        Where they come from.
    features : FeatureSet
        Extractors and windows.
    target : TargetSpec
        The classes; without labels if none are learnt.
    model : NeuralModel or ClassicalModel
        The model.
    loss : Loss or None
        Of the classes; None for a classical model, and without classes.
    teachers : tuple of Teachers, optional
        Finished models that a network learns from.
    regression : Regression or None, optional
        The dimensions that a network learns, beside the classes or in place of them.
    """

    config: TrainConfig
    registry: Registry
    features: FeatureSet
    target: TargetSpec
    model: Any
    loss: Any
    teachers: tuple[Teachers, ...] = ()
    regression: Regression | None = None

    @property
    def targets(self) -> list[TargetSpec]:
        """What the network is built for: the classes if there are any, then the dimensions."""
        return [
            *([self.target] if self.target.labels else []),
            *([self.regression.target] if self.regression else []),
        ]

    @classmethod
    def make(
        cls,
        config: TrainConfig,
        labels: tuple[str, ...],
        registry: Registry,
        *,
        scales: Mapping[str, Scale] | None = None,
    ) -> Plan:
        """Look up and make all components.

        Parameters
        ----------
        config : TrainConfig
            The configuration.
        labels : tuple of str
            Classes, in the order of the outputs.
        registry : Registry
            Where components are looked up.
        scales : mapping of str to Scale, optional
            Dimensions to be learnt, as of `ser_toolkit.training.dataset.Dataset`.

        Returns
        -------
        Plan
            Ready.

        Raises
        ------
        ConfigError, ComponentError
            Unknown component or setting, or features that the model cannot take.
        """
        extractors, scopes = {}, {}
        for key, table in config.features.items():
            settings = dict(table)
            scopes[key] = settings.pop("scope", "segment")
            if scopes[key] not in ("segment", "recording"):
                raise ConfigError(f"features.{key}.scope is {scopes[key]!r}; it takes 'segment' or 'recording'")
            extractors[key] = registry.create("feature", str(settings.pop("name")), settings)
        steps = []
        for table in config.preprocess:
            settings = dict(table)
            steps.append(registry.create("preprocessor", str(settings.pop("name")), settings))
        model_table, loss_table = dict(config.model), dict(config.loss)
        model = registry.create("model", str(model_table.pop("name")), model_table)
        loss, regression = None, Regression.of(config, scales or {}, registry)
        if isinstance(model, ClassicalModel):
            if regression:
                raise ConfigError(
                    f"targets.dimensions are learnt by networks; {model.name} learns emotions only: leave [targets] out"
                )
        elif labels:
            loss = registry.create("loss", str(loss_table.pop("name")), loss_table)
        if not labels and config.distill:
            raise ConfigError("distill: teachers teach emotions, and targets.emotions is false: leave [distill] out")
        return cls(
            config=config,
            registry=registry,
            features=FeatureSet(
                extractors=extractors,
                segmentation=config.segmentation(),
                sr=config.sr,
                scopes=scopes,  # type: ignore[arg-type]
                preprocess=tuple(steps),
            ),
            target=TargetSpec(name="emotion", kind="class", labels=labels),
            model=model,
            loss=loss,
            teachers=read_teachers(config.distill, registry) if loss else (),
            regression=regression,
        )

    def check(self, class_counts: Sequence[int]) -> Recipe:
        """Find now what would otherwise fail after hours: build everything once and throw it away.

        Parameters
        ----------
        class_counts : sequence of int
            Training utterances per class.

        Returns
        -------
        Recipe
            Of the untrained model.

        Raises
        ------
        ConfigError, ComponentError
            Model, loss and features do not fit each other, or a setting cannot be stored in a recipe.
        ModelError
            An estimator of types that cannot be stored safely.
        """
        specs = self.features.specs()
        if isinstance(self.model, ClassicalModel):
            estimator = self.model.estimator(specs, self.target, seed=0)
            n_features = sum(math.prod(n or 0 for n in spec.shape) for spec in specs.values())
            own = tuple(getattr(self.model, "stored_types", ()))
            check_storable(estimator, n_features=n_features, n_classes=len(self.target.labels), also=own)
        else:
            self.model.build(specs, self.targets)
            if self.loss:
                self.loss.build(self.target, class_counts)
            if self.regression:
                self.regression.loss.build(self.regression.target, [1] * len(self.regression.scales))
        taken = {name for key, s in specs.items() for name in ([key, f"{key}_length"] if s.varies else [key])}
        outputs = [target.name for target in self.targets]
        if taken & set(outputs) or len(taken) < len(specs) + sum(s.varies for s in specs.values()):
            raise ConfigError(
                f"the input names {sorted(specs)} clash with each other or with the output "
                f"{' or '.join(map(repr, outputs))}: call an input otherwise, [features.NAME]"
            )
        for key, extractor in self.features.extractors.items():
            window, hop = self.features.segmentation.window_s, self.features.segmentation.hop_s
            if isinstance(extractor, SlidingFeatureExtractor) and window and self.features.scopes[key] == "segment":
                # a hop that it cannot slide by shows now
                sr = self.config.sr
                extractor.sliding(
                    probe_signal(sr, window), sr, n_window=round(window * sr), n_hop=max(1, round(hop * sr))
                )
        for teacher in (model for each in self.teachers for model in each.models):
            teacher.check(self.features, self.target.labels)
        try:
            return self.recipe()
        except ValidationError as error:
            raise ConfigError(f"this configuration cannot be stored in a recipe: {describe(error)}") from error

    def recipe(self, *, calibration: Calibration | None = None, training: Training | None = None) -> Recipe:
        """Recipe of the trained model.

        Parameters
        ----------
        calibration, training : Calibration, Training, optional
            What the run found; None before.

        Returns
        -------
        Recipe
            With every setting, library versions, and a probe of each feature.
        """
        extractors, steps = self.features.extractors, self.features.preprocess
        terms = [self.config.license or "terms of the weights not stated"]
        terms += [e.license for e in (*extractors.values(), *steps) if hasattr(e, "license")]
        for teacher in (model for each in self.teachers for model in each.models):
            terms += teacher.recipe.license.split("; ")
        features = {
            key: FeatureEntry(**entry_of(self.registry, "feature", e), scope=self.features.scopes[key])
            for key, e in extractors.items()
        }
        return Recipe(
            targets=self._entries(),
            sr=self.config.sr,
            preprocess=tuple(ComponentEntry(**entry_of(self.registry, "preprocessor", step)) for step in steps),
            segments=self.features.segmentation,
            features=features,
            model=ComponentEntry(**entry_of(self.registry, "model", self.model)),
            loss=ComponentEntry(**entry_of(self.registry, "loss", self.loss)) if self.loss else None,
            calibration=calibration,
            training=training,
            libraries=library_versions(extractors, preprocess=steps),
            probe={key: probe(e, self.config.sr, preprocess=steps) for key, e in extractors.items()},
            license="; ".join(dict.fromkeys(terms)),
        )

    def _entries(self) -> tuple[Target, ...]:
        """Targets of the recipe, in the order of `targets`."""
        classes = self.target
        entries = [Target(name=classes.name, kind=classes.kind, labels=classes.labels)] if classes.labels else []
        return (*entries, *([self.regression.entry(self.registry)] if self.regression else []))

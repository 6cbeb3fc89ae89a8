"""What a model predicts, as its recipe says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer, model_validator

from ser_toolkit.interfaces import TargetSpec
from ser_toolkit.recipe_entry import ComponentEntry, Key
from ser_toolkit.recipe_part import Part

__all__ = ["Scale", "Target"]

Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]

Rating = Annotated[float, Field(ge=-1e9, le=1e9)]


class Scale(Part):
    """Range of a dimension, in the units of its ratings.

    Parameters
    ----------
    low, high : float
        Least and greatest value; a network learns them as -1 and 1.
    """

    low: Rating
    high: Rating

    @model_validator(mode="after")
    def _has_a_range(self) -> Scale:
        if not self.low < self.high:
            raise ValueError(f"a scale from {self.low:g} to {self.high:g} has no range")
        return self

    @property
    def centre(self) -> float:
        """What a network learns as 0."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> float:
        """Distance of the ends from the centre."""
        return (self.high - self.low) / 2


class Target(Part):
    """What the model predicts; see `ser_toolkit.interfaces.TargetSpec`.

    Parameters
    ----------
    name : str
        Name of the output.
    kind : {"class", "multilabel", "regression"}
        As of `TargetSpec`.
    labels : tuple of str
        Classes, or names of dimensions.
    scales : tuple of Scale
        Of a regression: one per dimension. The output ``u`` of the network becomes ``centre + half u`` inside the
        graph, cut off at both ends of the scale.
    loss : ComponentEntry or None
        Of a regression: the training loss. (That of classes is the recipe's.)
    weight : float or None
        Of a regression beside classes: its loss counts so many times in the sum.

    Notes
    -----
    What a target of classes does not have is left out of its JSON.
    """

    name: Key
    kind: Literal["class", "multilabel", "regression"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, max_length=1000)]
    scales: Annotated[tuple[Scale, ...], Field(max_length=1000)] = ()
    loss: ComponentEntry | None = None
    weight: Annotated[float, Field(gt=0, le=1e6)] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Target:
        if not all(label.isprintable() for label in self.labels):
            raise ValueError(f"a label holds control characters: {[label[:60] for label in self.labels]}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels repeat: {list(self.labels)}")
        return self

    @model_validator(mode="after")
    def _a_scale_per_dimension(self) -> Target:
        if self.kind != "regression" and (self.scales or self.loss or self.weight):
            raise ValueError(f"{self.name}: scales, loss and weight belong to a target of kind 'regression'")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if self.kind != "regression":
            for name in ("scales", "loss", "weight"):
                del data[name]
        return data

    @property
    def runs(self) -> bool:
        """Whether this version can run it: classes; or dimensions, each of them with its scale."""
        return self.kind == "class" or (self.kind == "regression" and len(self.scales) == len(self.labels))

    def spec(self) -> TargetSpec:
        """The same as the dataclass that models and losses take."""
        return TargetSpec(name=self.name, kind=self.kind, labels=self.labels)

"""The part of a recipe that turns logits into probabilities, and probabilities into sets of emotions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ser_toolkit.recipe_part import Part, Text

__all__ = ["Calibration", "Conformal"]


class Conformal(Part):
    """Thresholds of prediction sets: which emotions cannot be ruled out for a recording.

    Parameters
    ----------
    method : {"lac", "class-conditional"}
        One threshold for all labels, or one per label.
    alpha : float
        Share of recordings whose set may lack the true label, above 0 and below 1: over all labels with ``"lac"``,
        of each label with ``"class-conditional"``.
    thresholds : tuple of float
        One per label of the target, 0 to 1. A label is in the set if 1 - p is at most its threshold.
    n : int
        Recordings that the thresholds were computed from.
    fitted_on : str
        The data that they come from: ``"development speakers"``.
    note : str
        What the promise rests on, and which labels had too few recordings.

    See Also
    --------
    ser_toolkit.training.calibration.conformal : computes them.
    """

    method: Literal["lac", "class-conditional"]
    alpha: Annotated[float, Field(gt=0, lt=1)]
    thresholds: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=1000)]
    n: Annotated[int, Field(ge=1, le=1_000_000_000)]
    fitted_on: Text
    note: Text = ""

    @model_validator(mode="after")
    def _one_threshold_for_all(self) -> Conformal:
        if self.method == "lac" and len(set(self.thresholds)) != 1:
            raise ValueError(f"method 'lac' has one threshold for all labels, not {sorted(set(self.thresholds))[:5]}")
        return self

    def prediction_set(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """Labels that cannot be ruled out.

        Parameters
        ----------
        probabilities : mapping of str to float
            Label to probability, in the order of the target's labels.

        Returns
        -------
        tuple of str
            The likeliest first. Never empty: the likeliest label is always in it.
        """
        allowed = dict(zip(probabilities, self.thresholds, strict=True))
        first, *others = sorted(probabilities, key=lambda label: -probabilities[label])
        return first, *(label for label in others if 1 - probabilities[label] <= allowed[label])


class Calibration(Part):
    """How logits become probabilities, and probabilities sets of emotions.

    Parameters
    ----------
    temperature : float
        Logits are divided by it before the softmax, inside the graph. 1 leaves the model's own confidence; below 1
        sharpens, above 1 flattens.
    fitted_on : str
        The data that it was fitted on: ``"development speakers"``.
    conformal : Conformal or None
        Thresholds of prediction sets; None if the model has none.
    """

    temperature: Annotated[float, Field(ge=1e-3, le=1e3)]
    fitted_on: Text
    conformal: Conformal | None = None

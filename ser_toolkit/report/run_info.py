"""What a reader of results must know of the run that made them, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["NOTICE", "RunInfo", "StageTime"]

NOTICE = (
    "Expressed emotion as listeners tend to perceive it in the voice; not what a person feels. In the European Union "
    "inferring emotions at work and in education is prohibited, and people must be told elsewhere (AI Act, "
    "Art. 5(1)(f) and 50(3))."
)
"""Stands in every report."""


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """What one stage of the pipeline cost.

    Parameters
    ----------
    stage : str
        ``"decode"``, ``"check"``, ``"features: egemaps"``, ``"inference"``, ...
    seconds : float
        Summed over all processes.
    share : float
        Of the seconds of all stages, 0 to 1.
    """

    stage: str
    seconds: float
    share: float


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """One run of `analyze`.

    Parameters
    ----------
    model : str
        Name of the bundled model, or file name.
    about_model : mapping of str to str
        Lines for people: what it was trained on, protocol, scores, licence, languages; may be empty.
    labels : tuple of str
        Emotions of the model; empty if it has none.
    inputs : tuple of str
        Names of its feature extractors.
    window_s : float or None
        Length of a window in seconds; None: whole recordings.
    hop_s : float
        Seconds between the starts of windows.
    probabilities : str
        How probabilities came about: ``"calibrated on development speakers"``.
    aggregation : {"mean", "log-mean", "vote"}
        How windows became a file.
    smoothing_s : float
        Width over which timelines are smoothed, in seconds; 0: they are not.
    min_confidence : float
        See `FileResult`.
    sets : str
        What prediction sets promise, or why there are none.
    device : str
        Where inference really ran: ``"cpu"``, ``"cuda:0"``.
    fallback : str
        Why device ``auto`` took no GPU; empty if it did, or was not asked.
    workers : int
        Processes that decoded and extracted; 0: none but the command itself.
    started : str
        Local time in ISO 8601 with offset.
    seconds : float
        Wall time of the run.
    n_files : int
        Files that were asked for; fewer have a result if the run was interrupted.
    interrupted : bool
        Whether Ctrl-C ended it.
    warnings : tuple of str
        What may make the numbers differ from those the model was tested with.
    environment : mapping of str to str
        Versions of Python, ser-toolkit and the libraries behind the features, and the kind of machine.
    profile : tuple of StageTime
        By descending cost; empty if it was not measured.
    dimensions : dict of str to (float, float)
        Dimensions of the model, with the ends of their scales; empty for most models.
    """

    model: str
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    window_s: float | None
    hop_s: float
    probabilities: str
    sets: str
    device: str
    about_model: Mapping[str, str] = field(default_factory=dict)
    aggregation: str = "mean"
    smoothing_s: float = 0.0
    min_confidence: float = 0.0
    fallback: str = ""
    workers: int = 0
    started: str = ""
    seconds: float = 0.0
    n_files: int = 0
    interrupted: bool = False
    warnings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    profile: tuple[StageTime, ...] = ()
    dimensions: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, with the notice."""
        return {**asdict(self), "notice": NOTICE}

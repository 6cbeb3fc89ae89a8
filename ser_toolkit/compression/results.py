"""What a compression gave: the verdict, and size, speed and scores before and after."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ser_toolkit.compression.counting import count_macs, count_parameters
from ser_toolkit.compression.speed import Latency, latencies, memory
from ser_toolkit.evaluation.calibration_error import expected_calibration_error
from ser_toolkit.evaluation.results import plain

if TYPE_CHECKING:
    from ser_toolkit.compression.gate import Gate
    from ser_toolkit.compression.graphs import Batch
    from ser_toolkit.compression.mark import Method
    from ser_toolkit.evaluation.predictions import Predictions

__all__ = ["Compressed", "Figures", "ece_of", "figures"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A model in numbers.

    Parameters
    ----------
    n_bytes : int
        Size of the file.
    n_parameters : int
        Numbers in its weights.
    macs : int
        Multiplications with an addition a window.
    latency : tuple of Latency
        Of one window, network only, on CPU; for 1 and for 2 threads.
    memory_bytes : int
        Resident memory that the open model adds to a process.
    ua, wa : float
        Macro recall and accuracy per utterance, of held-out speakers.
    ece : float
        Expected calibration error, 15 bins, of the same.
    """

    n_bytes: int
    n_parameters: int
    macs: int
    latency: tuple[Latency, ...]
    memory_bytes: int
    ua: float
    wa: float
    ece: float


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """Outcome of `ser_toolkit.compression.compress.compress`.

    Parameters
    ----------
    method : {"int8", "fp16", "prune"}
        What was done.
    settings : dict of str to str
        How, in words.
    gate : Gate
        The verdict.
    before, after : Figures
        The model in float32 with all channels, and the compressed one.
    n_models : int
        Models that were compressed for the verdict: one, or one for each fold and seed.
    path : Path or None
        The file that was written; None if the gate refused it, or none was asked for.
    lossy : bool
        Whether it was written against the gate.
    cautions : tuple of str
        What a reader of the figures has to know.
    """

    method: Method
    settings: dict[str, str]
    gate: Gate
    before: Figures
    after: Figures
    n_models: int
    path: Path | None = None
    lossy: bool = False
    cautions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; without the path, which says where somebody keeps things."""
        return {
            "format": 1,
            "method": self.method,
            "settings": self.settings,
            "lossy": self.lossy,
            "gate": self.gate.to_json(),
            "before": plain(dataclasses.asdict(self.before)),
            "after": plain(dataclasses.asdict(self.after)),
            "models": self.n_models,
            "cautions": list(self.cautions),
        }


def ece_of(predictions: Predictions) -> float:
    """Expected calibration error of utterances, 15 bins; those without a window are left out."""
    mean, has = predictions.utterances()
    right = mean[has].argmax(axis=1) == predictions.truth[has]
    return expected_calibration_error(mean[has].max(axis=1), right)


def figures(
    paths: tuple[Path, Path], predictions: tuple[Predictions, Predictions], gate: Gate, *, output: str, window: Batch
) -> tuple[Figures, Figures]:
    """Measure two models side by side.

    Parameters
    ----------
    paths : pair of Path
        Their files: before and after.
    predictions : pair of Predictions
        What they, or their like in the folds, said of held-out speakers.
    gate : Gate
        Scores of these.
    output : str
        Name of the output of the graphs.
    window : dict of str to ndarray
        Features of one window, by input name.

    Returns
    -------
    before, after : Figures
        Timed in turns.
    """
    scores = ((gate.ua.b, gate.wa.b), (gate.ua.a, gate.wa.a))
    before, after = (
        Figures(
            n_bytes=path.stat().st_size,
            n_parameters=count_parameters(path),
            macs=count_macs(path, window),
            latency=latency,
            memory_bytes=memory(path, window),
            ua=ua,
            wa=wa,
            ece=ece_of(said),
        )
        for path, said, (ua, wa), latency in zip(
            paths, predictions, scores, latencies(paths, output, window), strict=True
        )
    )
    return before, after

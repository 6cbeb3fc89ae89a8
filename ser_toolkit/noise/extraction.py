"""Features of degraded recordings, in this process or in several, a bounded number at a time."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.data import audio
from ser_toolkit.data.files import display_path
from ser_toolkit.data.process_map import process_map
from ser_toolkit.errors import AudioError
from ser_toolkit.manifest_features import of_utterance
from ser_toolkit.noise.degradation import degrade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.features import FeatureSet
    from ser_toolkit.noise.conditions import Condition

    Rows = dict[str, list[NDArray[np.float32]]]

__all__ = ["NoisyExtraction", "NoisyJob", "noisy_features", "samples_of"]


@dataclass(frozen=True, kw_only=True)
class NoisyJob:
    """A recording, what is done to it, and who talks behind it."""

    utterance: Utterance
    condition: Condition
    voices: tuple[Utterance, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NoisyExtraction:
    """From a recording to the features of its degraded version; picklable.

    Parameters
    ----------
    features : FeatureSet
        Windows, steps before them and extractors: the recording is degraded before all of them.
    seed : int
        Of the noise.
    """

    features: FeatureSet
    seed: int = 0

    def __call__(self, job: NoisyJob) -> Rows:
        """Input name to one array a window; without windows if the recording is too short.

        Raises
        ------
        AudioError
            If a recording cannot be read any more; names it.
        """
        sr = self.features.sr
        y = samples_of(job.utterance, sr)
        voices = [samples_of(voice, sr) for voice in job.voices]
        noisy = degrade(y, sr, job.condition, seed=self.seed, voices=voices)
        rows: Rows = {key: [] for key in self.features.extractors}
        for block in of_utterance(self.features, job.utterance).blocks(noisy):
            for key, values in block.features.items():
                rows[key] += values
        return rows


@functools.lru_cache(maxsize=32)
def samples_of(utterance: Utterance, sr: int) -> NDArray[np.float32]:
    """Audio of an utterance; some are held, for those that are heard behind many others.

    Parameters
    ----------
    utterance : Utterance
        What to decode.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    ndarray of float32, shape (n_samples,)
        Mono.

    Raises
    ------
    AudioError
        If it cannot be read; names it.
    """
    try:
        return audio.decode(utterance.file, sr=sr, start_s=utterance.start_s, end_s=utterance.end_s).y
    except AudioError as error:
        raise AudioError(error.reason, f"{display_path(utterance.key)}: {error.detail}") from error


def noisy_features(
    jobs: Iterable[NoisyJob], extraction: NoisyExtraction, *, n_jobs: int, workers: int
) -> Generator[Rows, None, None]:
    """Do many jobs.

    Parameters
    ----------
    jobs : iterable of NoisyJob
        What to do; read as it is needed.
    extraction : NoisyExtraction
        How.
    n_jobs : int
        How many there are.
    workers : int
        Processes; 0 takes one per core, or this process for a few jobs.

    Yields
    ------
    dict
        As of `NoisyExtraction`, in the order of the jobs. A few jobs per process are held, however slow the caller is.

    Raises
    ------
    AudioError, ComponentError
        As a job raises it.
    SerToolkitError
        If a worker process dies.
    """
    return process_map(extraction, jobs, n_jobs=n_jobs, workers=workers, died=_died)


def _died(near: Sequence[NoisyJob]) -> str:
    job = near[0]
    return (
        f"a process that extracts features died, at {display_path(job.utterance.key)} with {job.condition.name} or "
        "soon after. Go on with --resume and --set training.workers=1 to see where"
    )

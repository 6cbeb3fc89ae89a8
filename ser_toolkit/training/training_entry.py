"""What a recipe says of the recordings that its model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ser_toolkit.recipe import Training
from ser_toolkit.training.seen import encode_recordings, hash_speaker

if TYPE_CHECKING:
    from ser_toolkit.training.dataset import Dataset
    from ser_toolkit.training.results import PartScores
    from ser_toolkit.training.splits import Part, Split
    from ser_toolkit.training.store import FeatureStore
    from ser_toolkit.training.teachers import Teacher

__all__ = ["training_entry"]


def training_entry(
    parts: Split,
    data: Dataset,
    store: FeatureStore,
    *,
    seed: int,
    scored: Mapping[Part, PartScores] | None = None,
    teachers: Sequence[Teacher] = (),
) -> Training:
    """Hashes of speakers and recordings of the training and development parts.

    Parameters
    ----------
    parts, data, store : Split, Dataset, FeatureStore
        What was trained on.
    seed : int
        Of the training.
    scored : mapping of str to PartScores, optional
        Scores of the held-out parts.
    teachers : sequence of Teacher, optional
        Models that were learnt from: their recordings count as trained on, and their speakers if they were trained on
        the same manifest, with whose digest names are salted.

    Returns
    -------
    Training
        For the recipe.
    """
    seen = [*parts.indices("train"), *parts.indices("dev")]
    salt = data.manifest.sha256
    speakers = {hash_speaker(name, salt=salt) for name in {data.utterances[i].speaker or "" for i in seen} - {""}}
    recordings = {store.recordings[i] for i in seen}
    for heard in (teacher.seen for teacher in teachers if teacher.seen):
        recordings |= heard.recordings
        speakers |= heard.speakers if heard.salt == salt else set()
    return Training(
        protocol=parts.protocol,
        manifest_sha256=salt,
        speakers=tuple(sorted(speakers)),
        recordings=encode_recordings(recordings),
        seed=seed,
        metrics={part: scores.to_json() for part, scores in (scored or {}).items()},
    )

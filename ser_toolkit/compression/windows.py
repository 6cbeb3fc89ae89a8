"""Features of the utterances that a compression needs: found again through the cache, and checked to be the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_toolkit.errors import ManifestError
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.front_end import front_end
from ser_toolkit.training.store import build_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.compression.members import Member, Source
    from ser_toolkit.data.cache import FeatureCache
    from ser_toolkit.data.utterance import Utterance
    from ser_toolkit.interfaces import FeatureSpec
    from ser_toolkit.plugin_registry import Registry
    from ser_toolkit.training.store import FeatureStore

__all__ = ["Features", "extract", "pick"]

_BATCH = 32
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Features:
    """Windows of some utterances of a data set.

    Parameters
    ----------
    store : FeatureStore
        Their windows.
    specs : dict of str to FeatureSpec
        Shapes of the inputs.
    place : dict of int to int
        Utterance of the data set to utterance of the store.
    """

    store: FeatureStore
    specs: dict[str, FeatureSpec]
    place: dict[int, int]

    def usable(self, utterances: Sequence[int]) -> list[int]:
        """Those whose audio can be used."""
        return [i for i in utterances if self.place[i] not in self.store.excluded]

    def windows(self, utterances: Sequence[int]) -> NDArray[np.int64]:
        """Windows of the store that belong to utterances of the data set, ascending."""
        return self.store.windows_of(self.place[i] for i in utterances)

    def batch(self, windows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Inputs of a network, by name."""
        return collate({key: [self.store.get(key, int(w)) for w in windows] for key in self.specs}, self.specs)

    def batches(self, windows: NDArray[np.int64]) -> Iterator[dict[str, NDArray[Any]]]:
        """The same, few windows at a time."""
        return (self.batch(windows[first : first + _BATCH]) for first in range(0, len(windows), _BATCH))


def extract(
    folder: Path,
    source: Source,
    utterances: Sequence[int],
    *,
    registry: Registry,
    cache: FeatureCache | None = None,
    workers: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Features of utterances, as the models were trained on them.

    Parameters
    ----------
    folder : Path
        Where the store is made.
    source : Source
        Models and data.
    utterances : sequence of int
        Which of the data.
    registry : Registry
        Where extractors are looked up.
    cache : FeatureCache, optional
        Features of earlier runs.
    workers : int, optional
        Processes that extract; 0 takes one per core.
    on_progress : callable, optional
        Called with (utterances done, all).

    Returns
    -------
    Features
        Of recordings that hold the same samples as at training, as far as the folder says.

    Raises
    ------
    ManifestError
        If the audio of a recording is another than at training.
    """
    front = front_end(source.members[0].recipe, hop_s=None, registry=registry, name=str(source.folder))
    wanted = sorted(utterances)
    chosen = [source.data.utterances[i] for i in wanted]
    store = build_store(folder, chosen, front.features, cache=cache, workers=workers, on_progress=on_progress)
    if source.recordings:
        changed = [
            u.key for i, u, now in zip(wanted, chosen, store.recordings, strict=True) if source.recordings[i] != now
        ]
        if changed:
            named = ", ".join(changed[:_SHOWN]) + (", ..." if len(changed) > _SHOWN else "")
            raise ManifestError(
                f"the audio of {len(changed)} recordings is not what {source.folder} was trained on: {named}"
            )
    return Features(store=store, specs=front.specs, place={i: row for row, i in enumerate(wanted)})


def pick(member: Member, utterances: Sequence[Utterance], *, n: int) -> list[int]:
    """Training utterances to calibrate on: every speaker and label in turn, the same ones every time.

    Parameters
    ----------
    member : Member
        Its split says who was trained on.
    utterances : sequence of Utterance
        Of the data set.
    n : int
        Most utterances; at least one window comes from each that can be used.

    Returns
    -------
    list of int
        Positions in `utterances`, in the order of the draw; those that come first are as mixed as all.
    """
    train = np.random.default_rng(0).permutation(member.split.indices("train")).tolist()
    groups: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for i in train:
        groups[utterances[i].speaker, utterances[i].emotion].append(i)
    turns = sorted((turn, order, i) for order, group in enumerate(groups.values()) for turn, i in enumerate(group))
    return [i for _, _, i in turns[:n]]

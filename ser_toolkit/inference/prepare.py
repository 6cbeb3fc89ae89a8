"""The stage that applies the steps of a model to whole recordings, before they are cut into windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser_toolkit.data.cache_key import samples_hash
from ser_toolkit.inference.columns import columns_of, done, only, refusal, rows_of
from ser_toolkit.preprocessing import Chain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.features import FeatureSet
    from ser_toolkit.inference.columns import Batch
    from ser_toolkit.inference.plan import Setup

__all__ = ["Prepare"]


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Samples as they were recorded to samples after the steps of scope ``"recording"``; holds two minutes at most."""

    setup: Setup
    name: ClassVar[str] = "preprocess"
    _begun: dict[int, _Begun] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """Rows with as many samples in all; where the steps wait for more of a recording, none for the time being."""
        features = self.setup.front_end().features
        for row in rows_of(batch):
            if done(row):
                yield columns_of([row])
                continue
            begun = only(self._begun, row["index"], lambda: _Begun(features, hashed=self.setup.cache() is not None))
            try:
                y = begun.add(row["y"], last=row["last"])
                if len(y) or row["last"]:
                    yield columns_of([row | {"y": y} | begun.source(last=row["last"])])
            except Exception as error:  # noqa: BLE001 - steps are plugins, and one file must not end the run
                yield columns_of([row | refusal(error)])
            if row["last"]:
                self._begun.clear()


class _Begun:
    """One recording on its way through the steps."""

    def __init__(self, features: FeatureSet, *, hashed: bool) -> None:
        self._chain = Chain(features.recording_steps, features.sr)
        self._sr = features.sr
        self._raw: list[NDArray[np.float32]] | None = [] if hashed else None  # while nothing has come out

    def add(self, y: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        """What is done of the recording with these samples."""
        if self._raw is not None:
            self._raw.append(y)
        made = self._chain.add(y)
        if len(made):
            self._raw = None
        return np.concatenate([made, self._chain.finish()]) if last else made

    def source(self, *, last: bool) -> dict[str, Any]:
        """Hash of the samples of a recording that came out at once, by which the cache of training knows it."""
        if not last or self._raw is None:
            return {}
        return {"source": samples_hash(np.concatenate(self._raw), self._sr)}

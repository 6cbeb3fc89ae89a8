"""The stage that leaves windows without speech out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser_toolkit.data.speech import MIN_SPEECH_S, holds_speech
from ser_toolkit.errors import AudioError
from ser_toolkit.inference.columns import columns_of, done, refusal, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.inference.columns import Batch
    from ser_toolkit.inference.plan import Setup

__all__ = ["Hear"]


@dataclass(frozen=True, kw_only=True)
class Hear:
    """Pieces to the same pieces; windows without speech are no longer among those that are heard."""

    setup: Setup
    name: ClassVar[str] = "speech"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows with ``speechless``: which windows are not silent, and yet hold no speech."""
        sr = self.setup.front_end().features.sr
        for row in rows_of(batch):
            if not done(row):
                if row["piece"] == 0 and row["last"] and row["n_samples"] < MIN_SPEECH_S * sr:
                    error = AudioError(
                        "too short",
                        f"{row['n_samples'] / sr:.2f} s; an emotion is named from {MIN_SPEECH_S:g} s "
                        "(with --speech off: of any sound from 0.1 s)",
                    )
                    row |= refusal(error)
                else:
                    speechless = row["heard"] & ~self._speech(row)
                    row |= {"heard": row["heard"] & ~speechless, "speechless": speechless}
            yield columns_of([row])

    def _speech(self, row: dict[str, Any]) -> NDArray[np.bool_]:
        features = self.setup.front_end().features
        n_window = features.segmentation.n_window(features.sr) or len(row["y"])
        found = np.zeros(len(row["starts"]), dtype=np.bool_)
        for i in np.flatnonzero(row["heard"]).tolist():
            start = int(row["starts"][i]) - row["offset"]
            found[i] = holds_speech(row["y"][start : start + n_window], features.sr)
        return found

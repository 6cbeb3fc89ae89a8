"""Stages of the pipeline: each takes and gives columns, and nothing else passes between them.

A stage is made of plain values, so that it can be sent to another process, and makes its state when it is first used.
Rows of one recording pass a stage in order. The local pool (`ser_toolkit.inference.pool`) runs them today; any engine
that maps a callable over batches of columns can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser_toolkit.data import quality
from ser_toolkit.data.audio import MAX_DURATION_S, MAX_STREAMED_S, open_recording, recording_hash
from ser_toolkit.data.cache_entry import read_entry
from ser_toolkit.data.pieces import Piece
from ser_toolkit.data.quality import Levels
from ser_toolkit.errors import AudioError, ModelError
from ser_toolkit.features import FeatureSet
from ser_toolkit.inference.collate import collate
from ser_toolkit.inference.columns import columns_of, done, only, refusal, rows_of
from ser_toolkit.inference.kept import kept_path, put
from ser_toolkit.inference.plan import Setup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ser_toolkit.data.audio import Reading
    from ser_toolkit.data.pieces import Cutter
    from ser_toolkit.inference.columns import Batch
    from ser_toolkit.inference.front_end import FrontEnd

__all__ = ["Check", "Decode", "Extract", "Infer", "Segment", "checked"]

_DECODED_S = 30.0
_BATCH = 4  # windows: on a CPU more at a time are no faster, and take memory


@dataclass(frozen=True, kw_only=True)
class Decode:
    """Files to samples: mono, at the rate of the model, half a minute at a time."""

    setup: Setup
    name: ClassVar[str] = "decode"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """One row or more of each file; the last has what is known of the whole recording."""
        for row in rows_of(batch):
            if done(row):
                yield columns_of([row])
                continue
            try:
                for part in self._parts(row["path"], row.get("start_s"), row.get("end_s")):
                    yield columns_of([row | part])
            except AudioError as error:
                yield columns_of([row | refusal(error)])

    def _parts(self, path: str, start_s: float | None, end_s: float | None) -> Iterator[dict[str, Any]]:
        features = self.setup.front_end().features
        limit_s = MAX_STREAMED_S if features.streams else MAX_DURATION_S
        enough = round(_DECODED_S * features.sr) if features.streams else None
        with open_recording(path, sr=features.sr, start_s=start_s, end_s=end_s, limit_s=limit_s) as reading:
            held: list[NDArray[np.float32]] = []
            n_held = 0
            for y in reading:
                if enough is not None and n_held >= enough:  # never all of it: the last row says that it is the last
                    yield {"y": np.concatenate(held), "last": False, "reading": None}
                    held, n_held = [], 0
                held.append(y)
                n_held += len(y)
            yield {"y": np.concatenate(held), "last": True, "reading": reading}


@dataclass(frozen=True, kw_only=True)
class Check:
    """Refuses recordings without speech; says what is odd about the others."""

    setup: Setup
    name: ClassVar[str] = "check"
    _levels: dict[int, Levels] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows; the last of a recording has its notes and duration."""
        features = self.setup.front_end().features
        for row in rows_of(batch):
            if done(row):
                yield columns_of([row])
                continue
            if self.setup.hashes and row["last"] and row["index"] not in self._levels:
                row["recording"] = recording_hash(row["y"])
            levels = only(self._levels, row["index"], lambda: Levels(features.sr))
            levels.add(row["y"])
            reading: Reading | None = row.pop("reading")
            if reading is not None:
                self._levels.clear()
                row |= {"duration_s": reading.duration_s, "notes": reading.notes}
                try:
                    row["notes"] = quality.judge(levels, reading, window_s=features.segmentation.window_s)
                except AudioError as error:
                    row |= refusal(error)
            yield columns_of([row])


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Samples to pieces: a few windows each, with the audio that they need; windows of silence are marked."""

    setup: Setup
    name: ClassVar[str] = "segments"
    _cuts: dict[int, _Cut] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """A row per piece; the last of a recording may have no window."""
        features = self.setup.front_end().features
        for row in rows_of(batch):
            if done(row):
                yield columns_of([row])
                continue
            cut = only(self._cuts, row["index"], lambda: _Cut(features))
            try:
                for piece in cut(row["y"], last=row["last"]):
                    yield columns_of([row | piece])
            except AudioError as error:
                yield columns_of([row | refusal(error)])
            if row["last"]:
                self._cuts.clear()


class _Cut:
    """One recording that is being cut."""

    def __init__(self, features: FeatureSet) -> None:
        self._features = features
        self._cutter: Cutter | None = features.cutter() if features.streams else None
        self._n_pieces = self._n_samples = self._n_heard = self._n_silent = 0
        self._new_s = 0.0  # of audio since the last piece

    def __call__(self, y: NDArray[np.float32], *, last: bool) -> Iterator[dict[str, Any]]:
        self._n_samples += len(y)
        self._new_s += len(y) / self._features.sr
        for piece in self._pieces(y, last=last):
            heard = self._heard(piece)
            self._n_heard += int(heard.sum())
            self._n_silent += int((~heard).sum())
            if piece.last and not self._n_heard:
                raise self._refusal()
            yield {
                "piece": self._n_pieces,
                "y": piece.y,
                "offset": piece.offset,
                "starts": piece.starts,
                "heard": heard,
                "last": piece.last,
                "n_samples": self._n_samples,
                "seconds": self._new_s,
                "silent_parts": self._n_silent > 0,
                "features": {},
            }
            self._n_pieces += 1
            self._new_s = 0.0

    def _refusal(self) -> AudioError:
        if self._n_silent:
            return AudioError("no speech", f"none of its windows reaches {quality.SILENT_DBFS:g} dBFS")
        need = self._features.segmentation.window_s
        seconds = self._n_samples / self._features.sr
        return AudioError("too short", f"{seconds:.2f} s; this model drops recordings under {need:g} s")

    def _pieces(self, y: NDArray[np.float32], *, last: bool) -> Iterator[Piece]:
        if self._cutter is not None:
            yield from self._cutter.add(y)
            if last:
                yield self._cutter.finish()
            return
        starts, size = self._features.segmentation.starts(len(y), self._features.sr), self._features.block_size
        for first in range(0, max(1, len(starts)), size):
            yield Piece(y=y, offset=0, starts=starts[first : first + size], last=first + size >= len(starts))

    def _heard(self, piece: Piece) -> NDArray[np.bool_]:
        n_window = self._features.segmentation.n_window(self._features.sr) or len(piece.y)
        at = (piece.starts - piece.offset).tolist()
        peaks = [quality.peak_dbfs(piece.y[start : start + n_window]) for start in at]
        return np.array([peak >= quality.SILENT_DBFS for peak in peaks], dtype=np.bool_)


@dataclass(frozen=True, kw_only=True)
class Extract:
    """One feature of all windows of a piece."""

    setup: Setup
    key: str
    _whole: dict[int, list[NDArray[np.float32]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """``"features: "`` and the name of the extractor."""
        return f"features: {self.setup.front_end().features.extractors[self.key].name}"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows with one feature more, of the windows that are heard."""
        for row in rows_of(batch):
            if not row.get("status") and self.key not in row["features"]:
                try:
                    row["features"] = row["features"] | {self.key: self._values(row)}
                except Exception as error:  # noqa: BLE001 - extractors are plugins, and one file must not end the run
                    row |= refusal(error)
            yield columns_of([row])

    def _values(self, row: dict[str, Any]) -> list[NDArray[np.float32]]:
        kept = kept_path(self.setup, row, self.key)
        values = kept and read_entry(kept)
        if values:
            return [value for value, heard in zip(values, row["heard"], strict=True) if heard]
        if kept and self.setup.cache_use == "write":
            values = self._computed(row, row["starts"])
            put(self.setup, kept, values)
            return [value for value, heard in zip(values, row["heard"], strict=True) if heard]
        return self._computed(row, row["starts"][row["heard"]])

    def _computed(self, row: dict[str, Any], starts: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        features = self.setup.front_end().features
        alone = replace(
            features, extractors={self.key: features.extractors[self.key]}, preprocess=features.segment_steps
        )
        if features.scopes.get(self.key) != "recording":
            piece = Piece(y=row["y"], offset=row["offset"], starts=starts, last=row["last"])
            return alone.of(piece).features[self.key]
        whole = only(self._whole, row["index"], lambda: next(alone.blocks(row["y"], size=1)).features[self.key])
        if row["last"]:
            self._whole.clear()
        return whole * len(starts)


@dataclass(frozen=True, kw_only=True)
class Infer:
    """Probabilities of the windows of a piece, and after them values of dimensions."""

    setup: Setup
    name: ClassVar[str] = "inference"

    def __call__(self, batch: Batch) -> Iterator[Batch]:
        """The same rows with outputs, (n_windows, n_labels + n_dimensions), in place of audio and features."""
        front = self.setup.front_end()
        for row in rows_of(batch):
            if not row.get("status") and row["heard"].any():
                try:
                    row["probabilities"] = np.concatenate(
                        [self._run(front, row["features"], first) for first in range(0, row["heard"].sum(), _BATCH)]
                    )
                except Exception as error:  # noqa: BLE001 - so is a network that somebody made
                    row |= refusal(error)
            yield columns_of([row | {"y": None, "features": {}}])

    def _run(self, front: FrontEnd, features: dict[str, list[NDArray[np.float32]]], first: int) -> NDArray[np.float32]:
        inputs = collate({key: rows[first : first + _BATCH] for key, rows in features.items()}, front.specs)
        return checked(self.setup.session().run(front.output, inputs))


def checked(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outputs as they are; refuses what is not finite."""
    if not np.isfinite(outputs).all():
        raise ModelError("the model gave values or probabilities that are not finite")
    return outputs

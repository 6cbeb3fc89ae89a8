"""Features of recordings in order, from the pipeline to the rows of a table, and what is counted of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ser_toolkit.inference.engines import pipeline_on
from ser_toolkit.inference.pipeline import DROPPED, in_process
from ser_toolkit.report.feature_layout import FeatureBlock, FeatureFile
from ser_toolkit.report.results import FileResult

if TYPE_CHECKING:
    from ser_toolkit.inference.engines import AnyPipeline, Engine
    from ser_toolkit.inference.extraction_items import Item
    from ser_toolkit.inference.extraction_parts import Kept, Part
    from ser_toolkit.inference.in_order import InOrder, Piece
    from ser_toolkit.inference.pipeline import Row
    from ser_toolkit.inference.plan import Plan

__all__ = ["Rows", "Watch", "file_of"]


class Watch(Protocol):
    """Is told how a run goes."""

    def begin(self, n_files: int) -> None:
        """The extractors are ready; so many files are to be done."""

    def file_done(self, result: FileResult) -> None:
        """A file is done, perhaps before one that comes before it."""

    def audio_done(self, seconds: float) -> None:
        """So many seconds of audio of any file are done."""

    def say(self, text: str) -> None:
        """Something happened that people should know."""


def file_of(item: Item, row: Row) -> FeatureFile:
    """What became of a recording, from the last row of it."""
    start_s, end_s = item.found.start_s or 0.0, item.found.end_s
    duration_s = row.get("duration_s")
    if duration_s is not None:
        end_s = start_s + duration_s
    return FeatureFile(
        result=FileResult(
            file=item.name,
            status=row.get("status") or "ok",
            reason=row.get("reason") or "",
            detail=row.get("detail") or "",
            notes=(*(row.get("notes") or ()), *(["silent parts"] if row.get("silent_parts") else [])),
            duration_s=duration_s,
        ),
        start_s=start_s,
        end_s=end_s,
        labels=item.labels(),
    )


@dataclass(eq=False)
class Rows:
    """Rows from the pipeline, and what is counted of them.

    Parameters
    ----------
    items : sequence of Item
        Recordings.
    plan : Plan
        For the stages.
    n_workers : int or None
        Processes; 0: this one; None, for a cluster: one per core of it.
    timeout_s : float
        See `ser_toolkit.inference.pipeline.Pipeline`.
    watch : Watch or None
        Is told how it goes.
    engine, address : str
        As for `ser_toolkit.inference.engines.pipeline_on`.
    seconds : dict
        Time of each stage.
    statuses, notes : Counter
        Files by status and by note.
    not_extracted : list of FileResult
        Files that gave nothing.
    audio_s : float
        Seconds of audio of the others.
    n_windows : int
        Windows so far.
    """

    items: Sequence[Item]
    plan: Plan
    n_workers: int | None
    timeout_s: float
    watch: Watch | None
    engine: Engine = "local"
    address: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    not_extracted: list[FileResult] = field(default_factory=list)
    audio_s: float = 0.0
    n_windows: int = 0
    _pipeline: AnyPipeline | None = None

    def say(self, text: str) -> None:
        """Tell people."""
        if self.watch is not None:
            self.watch.say(text)

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Start the processes; end them with the block."""
        with contextlib.ExitStack() as stack:
            if self.n_workers != 0:
                self._pipeline = stack.enter_context(
                    pipeline_on(
                        self.engine,
                        self.plan,
                        infer=False,
                        n_workers=self.n_workers,
                        timeout_s=self.timeout_s,
                        say=self.say,
                        address=self.address,
                    )
                )
                self._pipeline.open()
                self.n_workers = self._pipeline.n_workers
                self.seconds = self._pipeline.seconds
            if self.watch is not None:
                self.watch.begin(len(self.items))
            yield

    def rows(self, order: InOrder) -> Iterator[tuple[Row, Iterator[Piece]]]:
        """What is said of each file and its pieces, in the order of the files; see `InOrder.ready`."""
        files = ((i, item.found) for i, item in enumerate(self.items))
        made: Iterator[Row | None] = (
            self._pipeline.rows(files)
            if self._pipeline
            else in_process(self.plan, files, infer=False, seconds=self.seconds)
        )
        for row in made:
            if row is None:
                continue
            if DROPPED in row:
                order.drop(row["index"])
                continue
            done = order.add(row)
            if self.watch is not None:
                self.watch.audio_done(row.get("seconds", 0.0))
                if done is not None:
                    self.watch.file_done(file_of(self.items[done["index"]], done).result)
            yield from order.ready()

    def blocks(self, file: FeatureFile, row: Row, pieces: Iterator[Piece]) -> Iterator[FeatureBlock]:
        """Windows of a file, with their places in it."""
        if file.result.status != "ok":
            return
        features, n_samples = self.plan.front_end().features, row["n_samples"]
        sr, n_window = features.sr, features.segmentation.n_window(features.sr) or n_samples
        for piece in pieces:
            if not len(piece.starts):
                continue
            ends = np.minimum(piece.starts + n_window, n_samples)
            self.n_windows += len(ends)
            yield FeatureBlock(
                starts_s=file.start_s + piece.starts / sr, ends_s=file.start_s + ends / sr, features=piece.features
            )

    def count(self, result: FileResult) -> None:
        """Count a file that has been written."""
        self.statuses[result.status] += 1
        self.notes.update(result.notes)
        if result.status != "ok":
            self.not_extracted.append(result)
        else:
            self.audio_s += result.duration_s or 0.0

    def keep(self, part: Part, kept: Kept) -> None:
        """Count what an earlier run has written; its audio is not of this one."""
        for result in kept.without_features:
            self.count(result)
        self.statuses["ok"] += len(part.items) - len(kept.without_features)
        self.n_windows += kept.n_windows

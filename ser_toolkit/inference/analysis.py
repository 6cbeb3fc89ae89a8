"""A run over many files: model, processes, journal, and what is to be said of it."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ser_toolkit.compression.mark import mark_of
from ser_toolkit.data.files import Found, display_path
from ser_toolkit.errors import ConfigError
from ser_toolkit.inference.about import about_model, about_probabilities, about_sets, environment
from ser_toolkit.inference.aggregation import Summary
from ser_toolkit.inference.assemble import Assemble
from ser_toolkit.inference.batch_runner import BatchRunner
from ser_toolkit.inference.columns import columns_of
from ser_toolkit.inference.device_names import parse_device
from ser_toolkit.inference.engines import AnyPipeline, check_engine, pipeline_on
from ser_toolkit.inference.front_end import FrontEnd
from ser_toolkit.inference.graph import check_graph
from ser_toolkit.inference.journal import Journal, stamp_of
from ser_toolkit.inference.nvidia_driver import NO_DRIVER, has_driver
from ser_toolkit.inference.options import Options, usable_cores, workers_for
from ser_toolkit.inference.pipeline import DROPPED, Row, in_process
from ser_toolkit.inference.plan import Plan
from ser_toolkit.inference.session import Session, open_session, recipe_text
from ser_toolkit.inference.shared import infer
from ser_toolkit.models import bundled
from ser_toolkit.recipe import Recipe
from ser_toolkit.report.run_info import RunInfo, StageTime

if TYPE_CHECKING:
    from ser_toolkit.evaluation.folder_labels import Labelled
    from ser_toolkit.evaluation.truths import Truths
    from ser_toolkit.report.results import FileResult

__all__ = ["Analysis"]


class Analysis:
    """A run; a context manager.

    Parameters
    ----------
    files : sequence of Found
        From `ser_toolkit.data.files.find_audio`.
    options : Options, optional
        How.
    journal : Path, optional
        Where results are kept as they come, so that a run that was killed can be resumed; a temporary file by default.
    resume : bool, optional
        Keep what the journal holds; what failed is tried again.
    say : callable, optional
        Told in a sentence what happened to a process.
    on_audio : callable, optional
        Told the seconds of audio that have been done.

    Attributes
    ----------
    journal : Journal
        All results so far, in the order of the files.
    recipe : Recipe
        Of the model.
    n_resumed : int
        Files whose results an earlier run left.

    Raises
    ------
    ModelError, RecipeError, DeviceError
        On entering, if the model cannot be used, or the device does not run.
    OutputError
        If the journal cannot be written, or does not belong to this run.
    """

    def __init__(
        self,
        files: Sequence[Found],
        options: Options | None = None,
        *,
        journal: Path | None = None,
        resume: bool = False,
        say: Callable[[str], None] | None = None,
        on_audio: Callable[[float], None] | None = None,
    ) -> None:
        self.files = files
        self.options = options or Options()
        self.interrupted = False
        self._journal_path, self._resume = journal, resume
        self._say, self._on_audio = say or (lambda _: None), on_audio or (lambda _: None)
        self._seconds: dict[str, float] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with contextlib.ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *given: Any) -> None:
        self._stack.__exit__(*given)

    def _open(self, stack: contextlib.ExitStack) -> None:
        options = self.options
        check_engine(options.engine, options.address, workers=options.workers)
        path = bundled.resolve(options.model)
        self._name = bundled.display_name(path)
        hop = {"hop_s": options.hop_s} if isinstance(options.hop_s, float) else {}
        workers = options.workers
        if workers is None and options.engine == "local":
            workers = workers_for(self.files, **hop)
        self._session, self.fallback = _shared_session(path, options)
        self._plan = Plan(
            model=str(path),
            recipe=recipe_text(self._session, path) if self._session else "",
            name=str(path),
            hop_s=options.hop_s,
            threads=max(1, usable_cores() // (workers or 1)),
            cache_use=options.cache_use,
            hashes=options.hashes,
            speech=options.speech == "auto",
        )
        self._pipeline: AnyPipeline | None = None
        if workers != 0:
            self._pipeline = stack.enter_context(
                pipeline_on(
                    options.engine,
                    self._plan,
                    infer=self._session is None,
                    n_workers=workers,
                    timeout_s=options.timeout_s,
                    say=self._say,
                    address=options.address,
                    device=options.device,
                )
            )
            self._pipeline.open()
            self._plan = replace(self._plan, recipe=self._pipeline.recipe)
        self.workers = self._pipeline.n_workers if self._pipeline else 0
        self.front: FrontEnd = self._plan.front_end()
        recipe = self.front.recipe
        assert isinstance(recipe, Recipe)
        self.recipe = recipe
        self._mark = mark_of(path, self._session)
        self.warnings = self._pipeline.warnings if self._pipeline else self.front.warnings
        if self._session or not self._pipeline:
            check_graph(path, self._session or self._plan.session(), self.front.specs, recipe=recipe)
        window_s = self.front.features.segmentation.window_s
        smoothing_s = 3 * (window_s or 0.0) if options.smoothing_s is None else options.smoothing_s
        self.summary = Summary(
            labels=recipe.labels,
            sr=recipe.sr,
            n_window=self.front.features.segmentation.n_window(recipe.sr),
            conformal=recipe.conformal,
            aggregation=options.aggregation,
            smoothing_s=smoothing_s,
            min_confidence=options.min_confidence,
            dimensions=recipe.dimensions,
        )
        settings = {
            "model": f"{self._name} {_digest(path)}",
            "hop": self.front.features.segmentation.hop_s,
            "aggregate": options.aggregation,
            "smooth": smoothing_s,
            "min-confidence": options.min_confidence,
            "speech": options.speech,
        }
        self.journal = stack.enter_context(
            Journal(
                self._journal_path,
                [display_path(found.path) for found in self.files],
                settings=settings,
                conformal=recipe.conformal,
                resume=self._resume,
                stamps=lambda index: stamp_of(self.files[index].path),
            )
        )
        self.n_resumed = len(self.journal)

    def wait_for_workers(self) -> None:
        """Wait until all processes are ready, of which `results` needs one only; for measurements."""
        if self._pipeline is not None:
            self._pipeline.open(n_workers=self.workers)

    def results(self) -> Iterator[tuple[int, FileResult]]:
        """Analyze what has no result yet.

        Yields
        ------
        (int, FileResult)
            Place of the file, and its result, as they are finished; each is in `journal` by then.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        todo = ((i, found) for i, found in enumerate(self.files) if not self.journal.has(display_path(found.path)))
        stamps: dict[int, Any] = {}
        recordings: dict[int, int] = {}

        def begun() -> Iterator[tuple[int, Found]]:
            for index, found in todo:
                stamps[index] = stamp_of(found.path)  # before it is read: a change meanwhile shows
                yield index, found

        assemble = Assemble(summary=self.summary)
        for row in self._rows(begun()):
            # a process may end between the last row of a file and its word that it is done, and the file be tried again
            if row is None or self.journal.has(display_path(self.files[row["index"]].path)):
                continue
            if DROPPED in row:
                assemble.drop(row["index"])
                continue
            self._on_audio(row.get("seconds", 0.0))
            if "recording" in row:
                recordings[row["index"]] = row["recording"]
            for made in assemble(columns_of([row])):
                index, result = made["index"][0], made["result"][0]
                self.journal.add(index, result, stamp=stamps.pop(index, None), recording=recordings.pop(index, 0))
                yield index, result

    def _rows(self, files: Iterator[tuple[int, Found]]) -> Iterator[Row | None]:
        rows: Iterator[Row | None]
        if self._pipeline is None:
            rows = in_process(self._plan, files, infer=self._session is None, seconds=self._seconds)
        else:
            self._seconds = self._pipeline.seconds
            rows = self._pipeline.rows(files)
        if self._session is None:
            return rows
        runner = BatchRunner(self._session, self.front.output, self.front.specs)
        return infer(rows, runner, self.front.specs, seconds=self._seconds)

    def labelled(self, truths: Truths) -> Labelled:
        """Results against labels; see `ser_toolkit.evaluation.folder_labels.labelled`."""
        from ser_toolkit.evaluation.folder_labels import labelled

        recordings = self.journal.recordings()
        return labelled(truths, self.journal, self.recipe.labels, self.recipe, recordings=recordings)

    def info(self) -> RunInfo:
        """What is to be said of the run so far."""
        total = sum(self._seconds.values())
        profile = sorted(self._seconds.items(), key=lambda item: -item[1])
        segments = self.front.features.segmentation
        return RunInfo(
            model=self._name,
            about_model=about_model(self.recipe) | (self._mark.about() if self._mark else {}),
            labels=self.recipe.labels,
            dimensions={
                name: (scale.low, scale.high)
                for name, scale in zip(self.recipe.dimensions, self.recipe.scales, strict=True)
            },
            inputs=tuple(entry.name for entry in self.recipe.features.values()),
            window_s=segments.window_s,
            hop_s=segments.hop_s,
            probabilities=about_probabilities(self.recipe),
            aggregation=self.options.aggregation,
            smoothing_s=self.summary.smoothing_s,
            min_confidence=self.options.min_confidence,
            sets=about_sets(self.recipe, self.options.aggregation),
            device=self._session.device if self._session else self._pipeline.device if self._pipeline else "cpu",
            fallback=self.fallback,
            workers=self.workers,
            started=self._started,
            seconds=time.perf_counter() - self._began,
            n_files=len(self.files),
            interrupted=self.interrupted,
            warnings=self.warnings,
            environment=environment(self.front) | (self._pipeline.about if self._pipeline else {}),
            profile=tuple(StageTime(stage=name, seconds=s, share=s / total) for name, s in profile if total),
        )


def _digest(path: Path) -> str:
    """Hash of a model: of its file, or of all files in the run folder of a classical one."""
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return hashlib.blake2b(b"".join(p.read_bytes() for p in files), digest_size=8).hexdigest()


def _shared_session(path: Path, options: Options) -> tuple[Session | None, str]:
    """The session that all workers share, if it is not better that each has its own; why not a GPU."""
    if not 0 <= options.min_confidence <= 1:
        raise ConfigError(f"the least confidence is a probability, 0 to 1; got {options.min_confidence:g}")
    kind, _ = parse_device(options.device)
    session, fallback = None, ""
    if options.engine == "ray":
        return session, fallback
    if kind == "auto" and not has_driver():
        fallback = NO_DRIVER
    elif kind != "cpu":
        session = open_session(path, device=options.device)
        fallback = session.fallback
    if session is None or session.device == "cpu":
        session = open_session(path, device="cpu") if options.shared else None
    return session, fallback

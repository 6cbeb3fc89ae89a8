"""``ser-toolkit analyze``: emotions of files and folders."""

from __future__ import annotations

import contextlib
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_toolkit.cli.outputs import refuse_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ser_toolkit.inference.model import Model
    from ser_toolkit.report.results import FileResult


class Format(StrEnum):
    """Output formats."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


def analyze(
    paths: Annotated[
        list[Path], typer.Argument(help="Audio files and folders (searched recursively).", metavar="PATH")
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Exported .onnx file, or name of a bundled model.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N. cuda fails if it is not there.")] = "auto",
    hop: Annotated[
        float | None, typer.Option(help="Seconds between windows; default: the window length (no overlap).", min=0.01)
    ] = None,
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="Default: by the suffix of --output, else table.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table there.", dir_okay=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output, one object per file.")] = False,
) -> None:
    """Analyze the emotion in recordings.

    Every file gets a row: its emotion with calibrated probabilities, or why it has none. A bad file never ends the
    run. Exit code: 0 all done, 1 nothing could be done, 2 usage, 3 some files failed.

    **Examples**

    - `ser-toolkit analyze recordings/`
    - `ser-toolkit analyze call.wav --hop 0.75 --json`
    - `ser-toolkit analyze recordings/ --model model.onnx --device cuda -o results.csv`
    """
    from ser_toolkit.data.files import find_audio
    from ser_toolkit.inference.model import Model
    from ser_toolkit.inference.pipeline import analyze_files
    from ser_toolkit.report import terminal
    from ser_toolkit.report.tables import open_writer

    kind = _format(format, output, json=json)
    began = time.perf_counter()
    stderr = terminal.console(stderr=True)
    with stderr.status("opening the model (the first time, librosa compiles for some 20 s)"):
        opened = Model.open(model, device=device, hop_s=hop or "window")
    for warning in opened.warnings:
        stderr.print(f"warning: {warning}", style="yellow", markup=False)
    files = find_audio(paths)
    refuse_input(output, [found.path for found in files] + ([Path(model)] if model else []))
    results: list[FileResult] = []
    interrupted = False
    try:
        with contextlib.ExitStack() as stack:
            writer = None if kind == "table" else stack.enter_context(open_writer(kind, output, opened.labels))
            for result in _with_progress(analyze_files(opened, files), len(files)):
                results.append(result)
                if writer:
                    writer.write(result)
    except KeyboardInterrupt:
        interrupted = True
    if kind == "table" or output is not None:
        about = describe(opened, time.perf_counter() - began, len(results), len(files))
        stdout = terminal.console(stderr=kind != "table")
        shown = terminal.analysis(results, opened.labels, about=about, width=stdout.width, brief=kind != "table")
        stdout.print(shown)
        if output is not None:
            stderr.print(f"wrote {output}", markup=False)
    if interrupted:
        stderr.print(f"interrupted after {len(results)} of {len(files)} files; what was done is kept", style="yellow")
        raise typer.Exit(130)
    raise typer.Exit(_exit_code(results))


def _format(given: Format | None, output: Path | None, *, json: bool) -> str:
    if json and (given not in (None, Format.jsonl) or output is not None):
        raise typer.BadParameter("--json writes JSON lines to standard output; it takes no --format and no --output")
    if json:
        return "jsonl"
    if given is None:
        by_suffix = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
        if output is None:
            return "table"
        if output.suffix.lower() not in by_suffix:
            raise typer.BadParameter(f"--output {output.name}: give --format, or a name in {', '.join(by_suffix)}")
        return by_suffix[output.suffix.lower()]
    if given is Format.table and output is not None:
        raise typer.BadParameter("a table is for people; files are written as jsonl, csv or parquet")
    if given is Format.parquet and output is None:
        raise typer.BadParameter("parquet is a file: give it a name with --output")
    return given.value


def _with_progress(results: Iterator[FileResult], total: int) -> Iterator[FileResult]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ser_toolkit.report.terminal import console

    columns = (TextColumn("analyzing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    stderr = console(stderr=True)
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task("files", total=total)
        for result in results:
            progress.advance(task)
            yield result


def describe(model: Model, seconds: float, done: int, total: int) -> dict[str, str]:
    """Lines of the summary: what ran, on which windows, how probabilities came about, where, and how long."""
    segments = model.features.segmentation
    windows = "whole recordings" if segments.window_s is None else f"{segments.window_s:g} s, hop {segments.hop_s:g} s"
    calibration = model.recipe.calibration
    calibrated = f"calibrated on {calibration.fitted_on}" if calibration else "raw (never calibrated)"
    inputs = " + ".join(entry.name for entry in model.recipe.features.values())
    return {
        "model": f"{model.name} ({inputs}, {model.recipe.model.name})",
        "windows": windows,
        "probabilities": f"{calibrated}; a file's are the mean over its windows",
        **_sets(model),
        "device": model.device + (f" ({model.session.fallback})" if model.session.fallback else ""),
        "time": f"{seconds:.1f} s" + (f" ({done} of {total} files)" if done < total else ""),
    }


def _sets(model: Model) -> dict[str, str]:
    """What the sets promise, and where from."""
    sets = model.recipe.conformal
    if sets is None:
        return {"sets": "none (the model has no thresholds)"}
    share = f"{100 * (1 - sets.alpha):.3g} % of recordings"
    each = " of each emotion" if sets.method == "class-conditional" else ""
    return {
        "sets": f"hold the true emotion in {share}{each} like the {sets.n} that they were calibrated on "
        f"({sets.fitted_on}); for other voices and rooms less often"
    }


def _exit_code(results: Sequence[FileResult]) -> int:
    if not any(r.status == "ok" for r in results):
        return 1
    return 3 if any(r.status == "failed" for r in results) else 0

"""``ser-toolkit analyze``: emotions of files and folders."""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.option_values import hop_seconds, worker_count
from ser_toolkit.cli.outputs import STREAM, check_url, refuse_input, refuse_stream

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.inference.analysis import Analysis
    from ser_toolkit.report.analysis_progress import AnalysisProgress
    from ser_toolkit.report.tables import Kind, Writer


Format = Literal["table", "jsonl", "csv", "parquet"]

_WRITTEN, _TUNED, _ROBUST = "Output", "Windows and emotions", "Speed and robustness"


def analyze(
    paths: Annotated[
        list[str],
        typer.Argument(help="Audio files and folders (searched recursively), or their URLs (s3://, gs://, sftp://, "
                       "https://).", metavar="PATH", path_type=str),
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Exported .onnx file or its URL, or name of a bundled model.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write a table there: .csv, .parquet, .jsonl; -: standard output.",
                     path_type=str, rich_help_panel=_WRITTEN),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(help="Write a page to look at, with its data as .json beside it.", dir_okay=False, path_type=str,
                     rich_help_panel=_WRITTEN, callback=refuse_stream),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: by the suffix of --output, else table.",
                     rich_help_panel=_WRITTEN),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="JSON lines on standard output.", rich_help_panel=_WRITTEN)
    ] = False,
    files_per_part: Annotated[
        int | None,
        typer.Option(help="Make --output a folder with a table for every so many recordings.", min=1, metavar="N",
                     rich_help_panel=_WRITTEN),
    ] = None,
    level: Annotated[
        Literal["file", "window"], typer.Option(help="A row per file or per window.", rich_help_panel=_WRITTEN)
    ] = "file",
    textgrid: Annotated[
        str | None,
        typer.Option(help="Folder for Praat label tracks.", file_okay=False, path_type=str, rich_help_panel=_WRITTEN),
    ] = None,
    audacity: Annotated[
        str | None,
        typer.Option(help="Folder for Audacity label tracks.", file_okay=False, path_type=str,
                     rich_help_panel=_WRITTEN),
    ] = None,
    labels: Annotated[
        str,
        typer.Option(help="True emotions to compare with: a manifest, auto (one in a folder that is given, or folders "
                     "named like emotions), or none.", rich_help_panel=_WRITTEN),
    ] = "auto",
    no_paths: Annotated[
        bool, typer.Option("--no-paths", help="Hash the names of files in all outputs.", rich_help_panel=_WRITTEN)
    ] = False,
    hop: Annotated[
        str,
        typer.Option(help="Seconds between windows; window: no overlap; recipe: as in training.", metavar="SECONDS",
                     rich_help_panel=_TUNED),
    ] = "window",
    aggregate: Annotated[
        Literal["mean", "log-mean", "vote"],
        typer.Option(help="From the windows of a file to the file.", rich_help_panel=_TUNED),
    ] = "mean",
    smooth: Annotated[
        float | None,
        typer.Option(help="Width in seconds over which timelines are smoothed; 0: not. Default: three windows.", min=0,
                     rich_help_panel=_TUNED),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(help='Below this probability a file is "uncertain".', min=0, max=1, rich_help_panel=_TUNED)
    ] = 0.0,
    speech: Annotated[
        Literal["auto", "off"],
        typer.Option(help="auto: windows without speech do not count, files without any are skipped; off: any sound, "
                     "such as laughs and cries.", rich_help_panel=_TUNED),
    ] = "auto",
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda[:N], tensorrt[:N]; a device that is named must work.",
                     rich_help_panel=_ROBUST),
    ] = "auto",
    workers: Annotated[
        str,
        typer.Option(help="Processes: auto, or a number; 0: this process alone.", metavar="N", rich_help_panel=_ROBUST),
    ] = "auto",
    cache: Annotated[
        bool | None,
        typer.Option("--cache/--no-cache", help="Keep features for the next run / do not look for any. Default: use "
                     "what is there, keep nothing.", rich_help_panel=_ROBUST),
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Give a file up if nothing comes of it for so many seconds.", min=1,
                            rich_help_panel=_ROBUST)
    ] = 300.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was broken off.", rich_help_panel=_ROBUST)
    ] = False,
    engine: options.Engine = "local",
    address: options.Address = "",
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the time went.", rich_help_panel=_ROBUST)
    ] = False,
) -> None:  # fmt: skip
    """Analyze the emotion in recordings.

    Every file gets a row: its emotion with calibrated probabilities, or why it has none. A bad file never ends the
    run. Exit code: 0 all done, 1 nothing could be done, 2 usage, 3 some files failed, 130 interrupted.

    **Examples**

    - `ser-toolkit analyze recordings/`
    - `ser-toolkit analyze recordings/ -o results.csv --report report.html`
    - `ser-toolkit analyze call.wav --hop 0.75 --textgrid tracks/`
    - `ser-toolkit analyze laughs/ --speech off`
    - `ser-toolkit analyze recordings/ --model model.onnx --device cuda --profile`
    - `ser-toolkit analyze recordings/ -o results.parquet --resume`
    - `ser-toolkit analyze s3://bucket/calls/ -o s3://bucket/results.parquet`
    - `ser-toolkit analyze /shared/calls -o results.parquet --engine ray --address auto --resume`
    """
    from ser_toolkit.data.files import find_audio
    from ser_toolkit.data.locations import Url, locate
    from ser_toolkit.errors import OutputError
    from ser_toolkit.evaluation.truths import find_labels
    from ser_toolkit.inference.analysis import Analysis
    from ser_toolkit.inference.journal import journal_path
    from ser_toolkit.inference.options import Options
    from ser_toolkit.report import terminal
    from ser_toolkit.report.analysis_progress import AnalysisProgress
    from ser_toolkit.report.folders import make_folder
    from ser_toolkit.report.outputs import Outputs, hidden, write_outputs
    from ser_toolkit.report.tables import stream_writer
    from ser_toolkit.report.terminal_analysis import show_analysis

    if output == str(STREAM):
        output, format = None, format or "jsonl"
    table, page = None if output is None else locate(output), None if report is None else locate(report)
    kind = _format(format, table, json=json)
    if files_per_part is not None and table is None:
        raise typer.BadParameter("--files-per-part needs the folder of the parts: give --output")
    if files_per_part is None and isinstance(table, Path) and table.is_dir():
        raise typer.BadParameter(f"--output {output} is a directory: give a file, or --files-per-part for a folder")
    kept = next((path for path in (table, page) if path is not None), None)
    if resume and kept is None:
        raise typer.BadParameter("--resume needs the --output or --report of the run that was broken off")
    stderr = terminal.console(stderr=True)
    places = [locate(path) for path in paths]
    for path in (None if files_per_part else table, page):
        check_url(path)
    tracks = [None if given is None else locate(given) for given in (textgrid, audacity)]
    for folder in (table if files_per_part else None, *tracks):
        if isinstance(folder, Url):
            make_folder(folder)
    files = find_audio(places)
    for path in (table, page):
        refuse_input(path, [found.path for found in files] + ([locate(model)] if model else []))
    chosen = Options(
        model=model,
        device=device,
        hop_s=None if (hop_s := hop_seconds(hop)) == "recipe" else hop_s,
        aggregation=aggregate,
        smoothing_s=smooth,
        min_confidence=min_confidence,
        speech=speech,
        workers=worker_count(workers),
        cache_use="read" if cache is None else "write" if cache else "off",
        timeout_s=timeout,
        hashes=labels != "none",
        engine=engine,
        address=address,
    )
    outputs = Outputs(
        table=table,
        files_per_part=files_per_part,
        kind="csv" if kind == "table" else kind,
        level=level,
        report=page,
        textgrid=tracks[0],
        audacity=tracks[1],
        key=secrets.token_bytes(32) if no_paths else b"",
    )
    progress = AnalysisProgress(stderr, len(files))
    run = Analysis(
        files,
        chosen,
        journal=journal_path(kept) if kept else None,
        resume=resume,
        # not the methods: a run that goes on has a bar for what is left
        say=lambda text: progress.say(text),  # noqa: PLW0108
        on_audio=lambda seconds: progress.audio_done(seconds),  # noqa: PLW0108
    )
    with contextlib.ExitStack() as stack:
        with stderr.status("opening the model (the first time, Numba compiles for some 20 s)"):
            stack.enter_context(run)
        for warning in run.warnings:
            stderr.print(f"warning: {warning}", style="yellow", markup=False)
        if not run.recipe.labels:
            _refuse_emotions(labels, tracks=any(tracks))
        truths = find_labels(places, labels, run.recipe.labels) if run.recipe.labels else None
        if run.n_resumed:
            stderr.print(f"{run.n_resumed} of {len(files)} files were done before", markup=False)
            progress = AnalysisProgress(stderr, len(files) - run.n_resumed)
        writer = None
        if _streams(kind, table):
            writer = stream_writer(
                outputs.kind, run.recipe.labels, level=outputs.level, dimensions=run.recipe.dimensions
            )
        _analyze(run, progress, writer, outputs.key)
        about, labelled = run.info(), run.labelled(truths) if truths else None
        if not _streams(kind, table) or profile:
            shown, names = hidden(run.journal, labelled, outputs.key)
            show_analysis(terminal.console(stderr=kind != "table"), shown, about, brief=kind != "table",
                          labelled=names, profile=profile)  # fmt: skip
        try:
            written = write_outputs(outputs, run.journal, about, labelled=labelled)
        except OutputError:
            if kept:
                remembers = f"({journal_path(kept)} remembers what was done)"
                stderr.print(f"stopped; when there is room, the same command with --resume goes on {remembers}",
                             markup=False, soft_wrap=True)  # fmt: skip
            raise
        for phrase in written:
            stderr.print(f"wrote {phrase}", markup=False, soft_wrap=True)
        statuses = Counter(result.status for result in run.journal)
        if not run.interrupted and not statuses["failed"]:
            run.journal.remove()
        elif kept:
            then = "goes on" if run.interrupted else "tries the failed files again"
            stderr.print(f"the same command with --resume {then} ({journal_path(kept)} remembers)", markup=False,
                         soft_wrap=True)  # fmt: skip
    if run.interrupted:
        raise typer.Exit(130)
    raise typer.Exit(1 if not statuses["ok"] else 3 if statuses["failed"] else 0)


def _refuse_emotions(labels: str, *, tracks: bool) -> None:
    """Refuse what only a model of emotions can do."""
    if tracks:
        raise typer.BadParameter("label tracks are of emotions, of which this model says nothing: leave them out")
    if labels not in ("auto", "none"):
        raise typer.BadParameter(
            "--labels compares emotions, of which this model says nothing: ser-toolkit evaluate scores dimensions"
        )


def _streams(kind: str, output: Location | None) -> bool:
    """Whether rows go to standard output as they come."""
    return kind != "table" and output is None


def _analyze(run: Analysis, progress: AnalysisProgress, writer: Writer | None, key: bytes) -> None:
    """Analyze with a progress bar; a writer gets results in the order of the files, as soon as it can."""
    from ser_toolkit.report.anonymous import Anonymous

    hide = Anonymous(key) if key else None
    n_written = 0
    with progress:
        try:
            for _, result in run.results():
                progress.file_done(result)
                while writer and n_written < len(run.files) and (ready := run.journal.result(n_written)):
                    writer.write(hide(ready) if hide else ready)
                    n_written += 1
        except KeyboardInterrupt:
            run.interrupted = True
            progress.say(f"interrupted after {len(run.journal)} of {len(run.files)} files; what was done is kept")
    if writer:  # what was done before, or lies behind a file that is not done
        for ready in filter(None, map(run.journal.result, range(n_written, len(run.files)))):
            writer.write(hide(ready) if hide else ready)


def _format(given: Format | None, output: Location | None, *, json: bool) -> Format:
    if json and (given not in (None, "jsonl") or output is not None):
        raise typer.BadParameter("--json writes JSON lines to standard output; it takes no --format and no --output")
    if json:
        return "jsonl"
    if given is None:
        by_suffix: dict[str, Kind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
        if output is None:
            return "table"
        if output.suffix.lower() not in by_suffix:
            raise typer.BadParameter(f"--output {output.name}: give --format, or a name in {', '.join(by_suffix)}")
        return by_suffix[output.suffix.lower()]
    if given == "table" and output is not None:
        raise typer.BadParameter("a table is for people; files are written as jsonl, csv or parquet")
    if given == "parquet" and output is None:
        raise typer.BadParameter("parquet is a file: give it a name with --output")
    return given

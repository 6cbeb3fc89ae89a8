"""``ser-toolkit extract``: features of files, folders and manifests."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.outputs import refuse_input, refuse_stream

_WHAT, _ROBUST = "Features and windows", "Speed and robustness"


def extract(
    paths: Annotated[
        list[str],
        typer.Argument(help="Audio files and folders (searched recursively), or manifests (.csv), or their URLs.",
                       metavar="PATH", path_type=str),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="File to write: .parquet, .npz, or .csv for features that are vectors; "
                     "or the folder of --files-per-part.", path_type=str, callback=refuse_stream),
    ],
    features: Annotated[
        str | None,
        typer.Option("--features", "-f", help="Feature components, separated by commas: egemaps,melspec "
                     "(ser-toolkit plugins lists them). Default: egemaps.", rich_help_panel=_WHAT),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Features, windows and sample rate of this model instead: an .onnx file, or "
                     "the name of a bundled one.", rich_help_panel=_WHAT),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting of a feature, as in features.mel.n_mels=64; "
                     "repeatable.", rich_help_panel=_WHAT),
    ] = None,
    windows: Annotated[
        Literal["utterance", "robust", "paper"] | None,
        typer.Option(help="One window a recording (default), or windows as `train` cuts them.", rich_help_panel=_WHAT),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(help="Length of a window, 0.1 to 60; cuts like robust.", metavar="SECONDS",
                     rich_help_panel=_WHAT),
    ] = None,
    hop: Annotated[
        str | None,
        typer.Option(help="Seconds between windows; window: no overlap (default with --window); recipe: as in the "
                     "preset or the model (default without).", metavar="SECONDS", rich_help_panel=_WHAT),
    ] = None,
    sr: Annotated[
        int | None, typer.Option(help="Sample rate in Hz. Default: 16000.", metavar="HZ", rich_help_panel=_WHAT)
    ] = None,
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
    files_per_part: Annotated[
        int | None,
        typer.Option(help="Make --output a folder with a .parquet file for every so many recordings.", min=1,
                     metavar="N", rich_help_panel=_ROBUST),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the parts that are whole, and go on.", rich_help_panel=_ROBUST)
    ] = False,
    engine: options.Engine = "local",
    address: options.Address = "",
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the time went.", rich_help_panel=_ROBUST)
    ] = False,
) -> None:  # fmt: skip
    """Extract features from recordings into one table, with their names and the recipe.

    Every file has its place in the output, also one that cannot be used: its row says why. The file appears when all is
    done; Ctrl-C leaves nothing behind, or with --files-per-part the parts that are whole. Exit code: 0 all done,
    1 nothing could be done, 2 usage, 3 some files failed, 130 interrupted.

    **Examples**

    - `ser-toolkit extract recordings/ -o features.csv`
    - `ser-toolkit extract corpus/manifest.csv -o features.parquet --features egemaps,melspec --windows robust`
    - `ser-toolkit extract recordings/ -o features.npz --window 1 --hop 0.5 --cache`
    - `ser-toolkit extract recordings/ -o inputs.npz --model model.onnx`
    - `ser-toolkit extract archive/ -o features --files-per-part 10000 --resume`
    """
    from pathlib import Path

    from ser_toolkit.cli.option_values import hop_seconds, worker_count
    from ser_toolkit.cli.train import names
    from ser_toolkit.data.locations import locate
    from ser_toolkit.inference.extraction_run import extract as run
    from ser_toolkit.report import terminal
    from ser_toolkit.report.extraction_progress import ExtractionProgress
    from ser_toolkit.report.terminal_extraction import show_extraction

    console = terminal.console(stderr=True)
    target = locate(output)
    if files_per_part is None and isinstance(target, Path) and target.is_dir():
        raise typer.BadParameter(f"--output {output} is a directory: give a file, or --files-per-part for a folder")
    refuse_input(target, [*paths, *([model] if model else [])])
    with ExtractionProgress(console) as progress:
        try:
            done = run(
                paths,
                output,
                features=None if features is None else names(features),
                settings=set_ or (),
                windows=windows,
                window_s=window,
                hop_s=None if hop is None else hop_seconds(hop),
                sr=sr,
                model=model,
                workers=worker_count(workers),
                cache_use="read" if cache is None else "write" if cache else "off",
                timeout_s=timeout,
                watch=progress,
                engine=engine,
                address=address,
                files_per_part=files_per_part,
                resume=resume,
            )
        except KeyboardInterrupt:
            kept = "; what was computed is in the cache" if cache else ""
            after = f" after {progress.n_done} of {progress.n_files} files" if progress.n_files else ""
            left = "nothing was written" if files_per_part is None else "the parts that are whole stay, for --resume"
            progress.say(f"interrupted{after}; {left}{kept}")
            raise typer.Exit(130) from None
    show_extraction(terminal.console(), done, profile=profile)
    raise typer.Exit(1 if not done.statuses.get("ok") else 3 if done.statuses.get("failed") else 0)

"""``ser-toolkit export-onnx``: a run folder as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.compress import Evaluation, Force, compressed
from ser_toolkit.cli.outputs import refuse_stream


def export_onnx(
    run_dir: Annotated[Path, typer.Argument(help="Run folder of a finished training.", metavar="RUN_DIR")],
    manifests: Annotated[
        list[Path] | None,
        typer.Argument(help="For fp16 and int8: the manifests that it was trained on.", metavar="[MANIFEST]..."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The .onnx file to write.", dir_okay=False, callback=refuse_stream)
    ] = Path("model.onnx"),
    precision: Annotated[str, typer.Option(help="fp32, fp16 (for GPUs) or int8; see `compress`.")] = "fp32",
    evaluation: Evaluation = None,
    force: Force = False,
    cache: options.Cache = True,
    speaker_pattern: options.SpeakerPattern = None,
) -> None:
    """Export a trained model to one ONNX file that carries everything.

    Standardization, network, softmax and calibration are inside; the recipe in its metadata says how audio becomes
    its inputs. The file is re-opened and compared with the trained model on real features before it is kept.
    In fp16 and int8 it has to pass the no-loss gate of `ser-toolkit compress`, which needs the training's manifests.

    **Examples**

    - `ser-toolkit export-onnx runs/first -o model.onnx`
    - `ser-toolkit export-onnx runs/first corpus/manifest.csv --precision int8 -o small.onnx`
    - `ser-toolkit analyze recordings/ --model model.onnx`
    """
    from ser_toolkit.report import terminal
    from ser_toolkit.training.export import export

    if precision not in ("fp32", "fp16", "int8"):
        raise typer.BadParameter(f"--precision is fp32, fp16 or int8, not {precision!r}")
    if precision != "fp32":
        if not manifests:
            raise typer.BadParameter(
                f"--precision {precision} is checked on held-out speakers: name the manifests that {run_dir} was "
                "trained on, after the run folder"
            )
        compressed(
            run_dir, manifests, output, json=False, cache=cache, method=precision, evaluation=evaluation, force=force,
            speaker_pattern=speaker_pattern,
        )  # fmt: skip
        return
    if manifests or evaluation or force or speaker_pattern:
        raise typer.BadParameter("manifests, --evaluation, --force and --speaker-pattern are for fp16 and int8")
    result = export(run_dir, output)
    stdout = terminal.console()
    stdout.print(
        f"wrote {output} ({result.n_bytes / 1e6:.1f} MB, {result.n_parameters:,} weights in the graph)", markup=False
    )
    stdout.print(
        f"checked against the trained model on {result.n_checked} windows, batches of {result.batches}: "
        f"largest difference {result.difference:.1e}",
        markup=False,
    )

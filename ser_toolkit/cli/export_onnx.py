"""``ser-toolkit export-onnx``: a run folder as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ser_toolkit.cli.outputs import refuse_stream


def export_onnx(
    run_dir: Annotated[Path, typer.Argument(help="Run folder of a finished training.", metavar="RUN_DIR")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The .onnx file to write.", dir_okay=False, callback=refuse_stream)
    ] = Path("model.onnx"),
) -> None:
    """Export a trained model to one ONNX file that carries everything.

    Standardization, network, softmax and calibration are inside; the recipe in its metadata says how audio becomes
    its inputs. The file is re-opened and compared with the trained model on real features before it is kept.

    **Examples**

    - `ser-toolkit export-onnx runs/first -o model.onnx`
    - `ser-toolkit analyze recordings/ --model model.onnx`
    """
    from ser_toolkit.report import terminal
    from ser_toolkit.training.export import export

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

"""``ser-toolkit compress``: a smaller model, written if held-out speakers show no loss."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.outputs import refuse_stream

Evaluation = Annotated[
    Path | None,
    typer.Option(
        "--evaluation",
        help="Cross-validation of the same configuration: its folds judge.",
        file_okay=False,
        exists=True,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write what the gate refuses, marked as lossy.")]


def compress(
    run_dir: Annotated[
        Path, typer.Argument(help="Run folder; or an evaluation, for the verdict alone.", metavar="RUN_OR_EVALUATION")
    ],
    manifests: Annotated[
        list[Path], typer.Argument(help="The manifests or folders that it was trained on.", metavar="MANIFEST")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The .onnx file to write; without: the verdict alone.",
            dir_okay=False,
            callback=refuse_stream,
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="int8, fp16 (for GPUs) or prune.")] = "int8",
    evaluation: Evaluation = None,
    force: Force = False,
    share: Annotated[float, typer.Option(help="prune: channels of each layer to take out, 0 to 0.9.")] = 0.3,
    steps: Annotated[int, typer.Option(min=1, max=50, help="prune: times that some are taken out.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="prune: passes of training after each step, at most.")] = 3,
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    cache: options.Cache = True,
    speaker_pattern: options.SpeakerPattern = None,
) -> None:
    """Make a trained network smaller and faster, if that costs nothing.

    Before anything is written, the compressed model is compared with the original on speakers that neither was
    trained on: those of the run's test part, or with --evaluation all speakers of a cross-validation, whose models are
    compressed in the same way. The lower end of the 95 % interval of the change in UA has to be above -1 point, and no
    recall may fall by 2 points. Otherwise nothing is written, and the exit code is 1.

    **Examples**

    - `ser-toolkit compress runs/first corpus/manifest.csv -o small.onnx`
    - `ser-toolkit compress runs/final corpus/manifest.csv --evaluation runs/cv -o small.onnx`
    - `ser-toolkit compress runs/first corpus/manifest.csv --method prune --share 0.4 -o pruned.onnx`
    - `ser-toolkit compress runs/cv corpus/manifest.csv --json`
    """
    from ser_toolkit.components import create
    from ser_toolkit.compression.prune import Pruning

    if method not in ("int8", "fp16", "prune"):
        raise typer.BadParameter(f"--method is int8, fp16 or prune, not {method!r}")
    pruning = create(Pruning, {"share": share, "steps": steps, "epochs": epochs})
    compressed(
        run_dir, manifests, output, json=json_, cache=cache, method=method, evaluation=evaluation, force=force,
        pruning=pruning, speaker_pattern=speaker_pattern,
    )  # fmt: skip


def compressed(
    run_dir: Path, manifests: list[Path], output: Path | None, *, json: bool, cache: bool, **settings: Any
) -> None:
    """Compress, show what that gave, and end with an error if the gate refused it."""
    import json as json_module

    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.compression.compress import compress as run
    from ser_toolkit.errors import ModelError
    from ser_toolkit.report import terminal
    from ser_toolkit.report.compression_terminal import compression, watching
    from ser_toolkit.training.memory import keep_freed_memory

    keep_freed_memory()
    with watching() as (tell, on_progress):
        result = run(
            run_dir, manifests, output, cache=wanted_cache(cache), tell=tell, on_progress=on_progress, **settings
        )
    if json:
        typer.echo(json_module.dumps(result.to_json(), indent=2))
    else:
        stdout = terminal.console()
        stdout.print(compression(result))
        if result.path is not None:
            stdout.print(f"wrote {result.path}", markup=False, soft_wrap=True)
    if not (result.gate.passed or result.lossy):
        raise ModelError(result.gate.refusal())

"""``ser-toolkit compare``: is one model better than another?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ser_toolkit.cli.outputs import refuse_stream


def compare(
    a: Annotated[Path, typer.Argument(help="Folder of an evaluation, or its predictions.parquet.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="The other one.", metavar="B")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for comparison.json and comparison.md.", file_okay=False, callback=refuse_stream
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    bootstraps: Annotated[int, typer.Option(min=100, help="Resamples of the speakers.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Compare two evaluations on the utterances that both hold.

    Speakers are resampled for both models at once; a model is called better if the 95 % interval of the difference in
    UA leaves out zero. McNemar's test on the same utterances stands beside it. The exit code is 0 whichever way.

    **Examples**

    - `ser-toolkit compare runs/fused runs/gemaps`
    - `ser-toolkit compare runs/focal runs/cross-entropy --out runs/focal-or-not`
    - `ser-toolkit compare runs/a/predictions.parquet runs/b/predictions.parquet --json`
    """
    import json

    from ser_toolkit.evaluation.comparison import compare as compare_predictions
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.report import terminal
    from ser_toolkit.report.evaluation_page import write_comparison
    from ser_toolkit.report.evaluation_terminal import comparison as rendered

    tables = [Predictions.load(_predictions(path)) for path in (a, b)]
    found = compare_predictions(tables[0], tables[1], bootstraps=bootstraps, seed=seed)
    if out is not None:
        write_comparison(found, out, a=str(a), b=str(b))
    if json_:
        typer.echo(json.dumps({"a_name": str(a), "b_name": str(b), **found.to_json()}, indent=1, allow_nan=False))
        return
    stdout = terminal.console()
    stdout.print(rendered(found, a=str(a), b=str(b)))
    if out is not None:
        stdout.print(f"report: {out / 'comparison.md'}", markup=False)


def _predictions(path: Path) -> Path:
    """The table of an evaluation's folder, or the file itself."""
    from ser_toolkit.errors import ModelError
    from ser_toolkit.evaluation.predictions import PREDICTIONS

    file = path / PREDICTIONS if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"{path}: there is no evaluation ({PREDICTIONS}); make one with `ser-toolkit evaluate`")
    return file

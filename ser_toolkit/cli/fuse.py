"""``ser-toolkit fuse``: several cross-validated models as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ser_toolkit.cli import options


def fuse(
    folders: Annotated[list[Path], typer.Argument(help="Folders of evaluations of the same split.", metavar="FOLDER")],
    method: Annotated[
        Literal["confidence", "mean", "product", "stacking"],
        typer.Option(
            help="confidence (each model counts as far as it is right on development speakers), mean or product of "
            "their probabilities, or stacking (a logistic regression, fitted to development speakers)."
        ),
    ] = "confidence",
    out: options.JobFolder = Path("runs/fused"),
) -> None:
    """Fuse models that were cross-validated apart, and score what they say together.

    Weights come from the development speakers of each fold; nothing of the test speakers is looked at. The models may
    see different features and windows: their probabilities are joined per utterance. The folder gets
    `predictions.parquet` and the report of an evaluation, which `ser-toolkit compare` takes.

    **Examples**

    - `ser-toolkit fuse runs/hsf runs/ms runs/lld --out runs/yao-2020`
    - `ser-toolkit fuse runs/mel runs/gemaps --method mean --out runs/mean`
    """
    from ser_toolkit.cli.outputs import check_report_tier
    from ser_toolkit.evaluation.evaluation import evaluate
    from ser_toolkit.evaluation.fusion import fuse_folders
    from ser_toolkit.report import terminal
    from ser_toolkit.report.evaluation_page import write_report
    from ser_toolkit.report.evaluation_terminal import evaluation as rendered
    from ser_toolkit.training.folder import new_folder

    check_report_tier()
    predictions = fuse_folders(folders, method=method)
    new_folder(out, hint="give another --out")
    predictions.save(out / "predictions.parquet")
    found = evaluate(predictions)
    about = {"models": ", ".join(map(str, folders)), "fusion": method}
    write_report(found, out, title="Evaluation", about=about)
    stdout = terminal.console()
    stdout.print(rendered(found, about=about))
    stdout.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)

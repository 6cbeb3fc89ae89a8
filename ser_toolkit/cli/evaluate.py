"""``ser-toolkit evaluate``: cross-validation of a configuration, or a finished model on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ser_toolkit.cli import options

if TYPE_CHECKING:
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.evaluation.results import Evaluation


def evaluate(
    manifests: options.Manifests,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A finished model (.onnx or run folder) instead of training.")
    ] = None,
    config: options.ConfigFile = None,
    protocol: Annotated[
        str | None, typer.Option(help="leave-one-pair-out, leave-one-speaker-out, grouped-k-fold (default), ...")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Number of folds of grouped-k-fold.")] = None,
    split: Annotated[
        Path | None, typer.Option(help="Split file that `ser-toolkit split` wrote.", dir_okay=False)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="How many seeds (3: 0, 1 and 2), or which (0,1,2).")] = None,
    emotions: Annotated[str | None, typer.Option(help="Labels to keep, separated by commas.")] = None,
    set_: options.Set = None,
    seen: Annotated[
        str | None,
        typer.Option(help="With --model, speakers that it was trained on: refuse (default), drop, or mark (and keep)."),
    ] = None,
    out: options.JobFolder = Path("runs/evaluate"),
    resume: options.Resume = False,
    device: options.Device = "auto",
    cache: options.Cache = True,
    speaker_pattern: options.SpeakerPattern = None,
    allow_speaker_overlap: options.AllowSpeakerOverlap = False,
) -> None:
    """Score a configuration by cross-validation, or a finished model on labelled recordings.

    Cross-validation fits every fold with every seed on speakers that are not tested, as one job that goes on with
    --resume. Scores have 95 % intervals by bootstrap over speakers; seeds give mean and spread, never the best.
    A finished model is refused on speakers and recordings that it was trained on.

    **Examples**

    - `ser-toolkit evaluate corpus/manifest.csv --protocol leave-one-pair-out --seeds 3 --out runs/cv`
    - `ser-toolkit evaluate corpus/manifest.csv --set model.name=svm --set features.gemaps.name=egemaps`
    - `ser-toolkit evaluate other/manifest.csv --model model.onnx --out runs/other`
    """
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.outputs import check_report_tier
    from ser_toolkit.cli.train import names
    from ser_toolkit.report import terminal
    from ser_toolkit.report.evaluation_terminal import evaluation as rendered

    check_report_tier()
    same = {"device": device, "speaker_pattern": speaker_pattern, "cache": wanted_cache(cache)}
    if model is None:
        if seen is not None:
            raise typer.BadParameter("--seen is for a finished model (--model); cross-validation tests on new speakers")
        changes = options.changes(
            config, set_, emotions, protocol=protocol, folds=folds, file=split and str(split),
            allow_speaker_overlap=allow_speaker_overlap,
        )  # fmt: skip
        wanted = None if seeds is None else options.seed_list(seeds)
        done = _cross_validated(manifests, out, config=changes, seeds=wanted, resume=resume, **same)
    else:
        if any(x is not None for x in (config, protocol, folds, split, seeds)) or set_ or resume:
            raise typer.BadParameter("--model scores a finished model; settings of a training do not apply to it")
        if allow_speaker_overlap:
            raise typer.BadParameter("--allow-speaker-overlap divides nothing with --model; give --seen drop or mark")
        if seen not in (None, "refuse", "drop", "mark"):
            raise typer.BadParameter(f"--seen is refuse, drop or mark, not {seen!r}")
        labels = None if emotions is None else names(emotions)
        done = _of_model(manifests, out, model, emotions=labels, seen=seen or "refuse", **same)
    if done is not None:
        evaluation, about = done
        stdout = terminal.console()
        stdout.print(rendered(evaluation, about=about))
        stdout.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)


def _cross_validated(
    manifests: list[Path], out: Path, *, config: dict[str, Any], **settings: Any
) -> tuple[Evaluation, dict[str, str]] | None:
    """Scores, and what they are of; None in all but one of the processes of a job."""
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.evaluation.crossval import cross_validate
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.training.memory import keep_freed_memory

    keep_freed_memory()
    if isinstance(config.get("split", {}), dict):
        config["split"] = {"protocol": "grouped-k-fold", **config.get("split", {})}
    with RichJob() as progress, resumable(progress, out):
        done = cross_validate(manifests, config=config, out=out, progress=progress, **settings)
        if not progress.is_main_process:
            return None
        _write(done.evaluation, done.predictions, out, done.about())
    return done.evaluation, done.about()


def _of_model(manifests: list[Path], out: Path, model: Path, **settings: Any) -> tuple[Evaluation, dict[str, str]]:
    """Scores of a finished model, and its name."""
    from ser_toolkit.data.files import display_path
    from ser_toolkit.evaluation.evaluation import evaluate as evaluate_predictions
    from ser_toolkit.evaluation.finished import evaluate_model
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.training.folder import new_folder

    new_folder(out)
    name = str(model) if model.exists() or model.suffix else model.name  # a bundled model goes by its name
    with RichJob() as progress:
        progress.print(f"asking {display_path(name)} about {', '.join(map(display_path, manifests))}")
        predictions = evaluate_model(name, manifests, on_progress=progress.extracting, **settings)
        evaluation, about = evaluate_predictions(predictions), {"model": str(model)}
        _write(evaluation, predictions, out, about)
    return evaluation, about


def _write(evaluation: Evaluation, predictions: Predictions, out: Path, about: dict[str, str]) -> None:
    from ser_toolkit.report.evaluation_page import write_report

    predictions.save(out / "predictions.parquet")
    write_report(evaluation, out, title="Evaluation", about=about)

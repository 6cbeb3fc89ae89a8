"""``ser-toolkit evaluate``: cross-validation of a configuration, or a finished model on labelled recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.noise_option import EvaluateCommand

if TYPE_CHECKING:
    from ser_toolkit.evaluation.dimension_results import DimensionEvaluation
    from ser_toolkit.evaluation.results import Evaluation
    from ser_toolkit.noise.conditions import Condition
    from ser_toolkit.noise.scores import NoiseScores

    Done = tuple[Evaluation | DimensionEvaluation, NoiseScores | None, dict[str, str]]


__all__ = ["EvaluateCommand", "evaluate"]


def evaluate(
    manifests: options.Manifests,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A finished model (.onnx or its URL, or a run folder) instead of training.",
            path_type=str,
        ),
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
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="[CONDITIONS]",
            help="Also score degraded recordings: the full set, or a list (white:10,babble:5,reverb:0.6,telephone).",
        ),
    ] = None,
    keep_models: Annotated[
        bool, typer.Option("--keep-models/--no-keep-models", help="Keep each fold's model; --noise needs them.")
    ] = True,
    out: options.JobFolder = Path("runs/evaluate"),
    resume: options.Resume = False,
    device: options.Device = "auto",
    cache: options.Cache = True,
    engine: options.ExtractionEngine = "local",
    address: options.Address = "",
    speaker_pattern: options.SpeakerPattern = None,
    allow_speaker_overlap: options.AllowSpeakerOverlap = False,
) -> None:
    """Score a configuration by cross-validation, or a finished model on labelled recordings.

    Cross-validation fits every fold with every seed on speakers that are not tested, as one job that goes on with
    --resume. Scores have 95 % intervals by bootstrap over speakers; seeds give mean and spread, never the best.
    A finished model is refused on speakers and recordings that it was trained on. With --noise the same recordings are
    degraded and scored again; a finished folder gets that by --noise --resume.

    **Examples**

    - `ser-toolkit evaluate corpus/manifest.csv --protocol leave-one-pair-out --seeds 3 --out runs/cv`
    - `ser-toolkit evaluate corpus/manifest.csv --set model.name=svm --set features.gemaps.name=egemaps`
    - `ser-toolkit evaluate other/manifest.csv --model model.onnx --out runs/other`
    - `ser-toolkit evaluate other/manifest.csv --model model.onnx --noise white:10,babble:10 --out runs/other --resume`
    """
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.outputs import check_report_tier
    from ser_toolkit.cli.train import names
    from ser_toolkit.noise.conditions import parse_conditions
    from ser_toolkit.report import terminal
    from ser_toolkit.report.evaluation_terminal import scores as rendered
    from ser_toolkit.report.terminal_noise import noise_table

    check_report_tier()
    conditions = () if noise is None else parse_conditions(noise)
    same = {
        "device": device, "speaker_pattern": speaker_pattern, "cache": wanted_cache(cache), "resume": resume,
    }  # fmt: skip
    with options.extraction_on(engine, address):
        if model is None:
            if conditions and not keep_models:
                raise typer.BadParameter("--noise asks each fold's model again: leave out --no-keep-models")
            if seen is not None:
                raise typer.BadParameter(
                    "--seen is for a finished model (--model); cross-validation tests on new speakers"
                )
            changes = options.changes(
                config, set_, emotions, protocol=protocol, folds=folds, file=split and str(split),
                allow_speaker_overlap=allow_speaker_overlap,
            )  # fmt: skip
            wanted = None if seeds is None else options.seed_list(seeds)
            models = "need" if conditions else "keep" if keep_models else "drop"
            done = _cross_validated(manifests, out, conditions, config=changes, seeds=wanted, models=models, **same)
        else:
            if any(x is not None for x in (config, protocol, folds, split, seeds)) or set_ or not keep_models:
                raise typer.BadParameter("--model scores a finished model; settings of a training do not apply to it")
            if allow_speaker_overlap:
                raise typer.BadParameter(
                    "--allow-speaker-overlap divides nothing with --model; give --seen drop or mark"
                )
            if seen not in (None, "refuse", "drop", "mark"):
                raise typer.BadParameter(f"--seen is refuse, drop or mark, not {seen!r}")
            labels = None if emotions is None else names(emotions)
            done = _of_model(manifests, out, conditions, model, emotions=labels, seen=seen or "refuse", **same)
    if done is not None:
        evaluation, noisy, about = done
        stdout = terminal.console()
        stdout.print(rendered(evaluation, about=about))
        if noisy is not None:
            stdout.print(noise_table(noisy))
        stdout.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)


def _cross_validated(
    manifests: list[str], out: Path, conditions: Sequence[Condition], *, config: dict[str, Any], **settings: Any
) -> Done | None:
    """Scores, and what they are of; None in all but one of the processes of a job."""
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.evaluation.crossval import cross_validate
    from ser_toolkit.evaluation.predictions import PREDICTIONS
    from ser_toolkit.noise.folds import bench_folds
    from ser_toolkit.report.evaluation_page import write_report
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.report.terminal_noise import RichBench
    from ser_toolkit.training.memory import keep_freed_memory

    keep_freed_memory()
    if isinstance(config.get("split", {}), dict):
        config["split"] = {"protocol": "grouped-k-fold", **config.get("split", {})}
    noisy = None
    with RichJob() as progress, resumable(progress, out):
        done = cross_validate(manifests, config=config, out=out, progress=progress, **settings)
        if not progress.is_main_process:
            return None
        done.predictions.save(out / PREDICTIONS)
        write_report(done.evaluation, out, title="Evaluation", about=done.about())
    if conditions:
        with RichBench() as bench, resumable(bench, out):
            noisy = bench_folds(done, conditions, device=settings["device"], progress=bench)
            write_report(done.evaluation, out, title="Evaluation", about=done.about(), noise=noisy)
    return done.evaluation, noisy, done.about()


def _of_model(manifests: list[str], out: Path, conditions: Sequence[Condition], model: str, **settings: Any) -> Done:
    """Scores of a finished model, and its name."""
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.locations import locate
    from ser_toolkit.evaluation.evaluation import evaluate_all
    from ser_toolkit.evaluation.finished_job import finished_job
    from ser_toolkit.report.evaluation_page import write_report
    from ser_toolkit.report.terminal_noise import RichBench

    path = locate(model)
    is_bundled = isinstance(path, Path) and not path.exists() and not path.suffix
    name = path.name if is_bundled else str(path)  # a bundled model goes by its name
    about, noisy = {"model": display_path(path)}, None
    with RichBench() as progress, resumable(progress, out):
        progress.print(f"asking {display_path(name)} about {', '.join(map(display_path, manifests))}")
        with finished_job(name, manifests, out=out, on_progress=progress.extracting, **settings) as job:
            evaluation = evaluate_all(job.predictions)
            write_report(evaluation, out, title="Evaluation", about=about)
            if conditions:
                noisy = job.bench(conditions, progress=progress)
                write_report(evaluation, out, title="Evaluation", about=about, noise=noisy)
    return evaluation, noisy, about

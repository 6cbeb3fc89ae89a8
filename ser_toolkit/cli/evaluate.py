"""``ser-toolkit evaluate``: cross-validation of a configuration, or a finished model on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ser_toolkit.evaluation.crossval import CrossValidation
    from ser_toolkit.evaluation.predictions import Predictions
    from ser_toolkit.evaluation.results import Evaluation

_DIGITS, _MOST = 10, 1000


def evaluate(
    manifests: Annotated[
        list[Path], typer.Argument(help="Manifest CSV files or folders; see `train`.", metavar="MANIFEST")
    ],
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A finished model (.onnx or run folder) instead of training.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; see docs/train.md.")] = None,
    protocol: Annotated[
        str | None, typer.Option(help="leave-one-pair-out, leave-one-speaker-out, grouped-k-fold (default), ...")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Number of folds of grouped-k-fold.")] = None,
    split: Annotated[
        Path | None, typer.Option(help="Split file that `ser-toolkit split` wrote.", dir_okay=False)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="How many seeds (3: 0, 1 and 2), or which (0,1,2).")] = None,
    emotions: Annotated[str | None, typer.Option(help="Labels to keep, separated by commas.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable.")
    ] = None,
    seen: Annotated[
        str | None,
        typer.Option(help="With --model, speakers that it was trained on: refuse (default), drop, or mark (and keep)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for scores and report.", file_okay=False)] = Path(
        "runs/evaluate"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use the feature cache (ser-toolkit cache).")
    ] = True,
    speaker_pattern: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in a file's path, for folders per emotion.")
    ] = None,
    allow_speaker_overlap: Annotated[
        bool, typer.Option("--allow-speaker-overlap", help="Scores are inflated and say so.")
    ] = False,
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
    from ser_toolkit.cli.train import names
    from ser_toolkit.report import terminal
    from ser_toolkit.report.evaluation_page import write_report
    from ser_toolkit.report.evaluation_terminal import evaluation as rendered

    check_tier()
    wanted = names(emotions) if emotions is not None else None
    if model is not None:
        if any(x is not None for x in (config, protocol, folds, split, seeds)) or set_ or resume:
            raise typer.BadParameter("--model scores a finished model; settings of a training do not apply to it")
        if allow_speaker_overlap:
            raise typer.BadParameter("--allow-speaker-overlap divides nothing with --model; give --seen drop or mark")
        evaluation, predictions = _finished(
            manifests,
            model,
            emotions=wanted,
            seen=seen or "refuse",
            device=device,
            cache=cache,
            out=out,
            speaker_pattern=speaker_pattern,
        )
        about = {"model": str(model)}
    else:
        if seen is not None:
            raise typer.BadParameter("--seen is for a finished model (--model); cross-validation tests on new speakers")
        changes = _changes(config, set_ or (), protocol, folds, split, emotions=wanted, overlap=allow_speaker_overlap)
        done = _cross_validated(
            manifests, changes, seeds, out=out, resume=resume, device=device, cache=cache, pattern=speaker_pattern
        )
        if done is None:  # another process of this job has written and shows
            return
        evaluation, predictions, about = done.evaluation, done.predictions, done.about()
    predictions.save(out / "predictions.parquet")
    write_report(evaluation, out, title="Evaluation", about=about)
    stdout = terminal.console()
    stdout.print(rendered(evaluation, about=about))
    stdout.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)


def seed_list(text: str) -> list[int]:
    """Seeds from ``"3"`` (0, 1 and 2) or ``"0,5,7"``; each once."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"seeds are a number of seeds (3) or their list (0,1,2), not {text!r}")
    numbers = [int(part) if len(part) <= _DIGITS else 2**31 for part in parts]
    if "," not in text:
        if not 1 <= numbers[0] <= _MOST:
            raise typer.BadParameter(
                f"{parts[0][:40]} is a number of seeds: give at least one and at most {_MOST}; "
                f"one seed by its name is written with a comma ({parts[0][:40]},)"
            )
        return list(range(numbers[0]))
    if wrong := [part for part, number in zip(parts, numbers, strict=True) if number >= 2**31]:
        raise typer.BadParameter(f"a seed is a number from 0 to {2**31 - 1}, not {wrong[0][:40]}")
    return list(dict.fromkeys(numbers))


def check_tier() -> None:
    """Refuse at the start what would fail at the end."""
    from importlib.util import find_spec

    from ser_toolkit.errors import MissingTierError

    for module, package in (("sklearn", "scikit-learn"), ("matplotlib", "matplotlib")):
        if find_spec(module) is None:
            raise MissingTierError("scores and their report", "train", package)


def _changes(
    config: Path | None,
    set_: Sequence[str],
    protocol: str | None,
    folds: int | None,
    split: Path | None,
    *,
    emotions: list[str] | None,
    overlap: bool,
) -> dict[str, Any]:
    """Configuration with what the options say; without any protocol, grouped k-fold."""
    from ser_toolkit.training.config import read_changes

    changes = read_changes(config, set_)
    if emotions is not None:
        changes["emotions"] = emotions
    chosen = {"protocol": protocol, "folds": folds, "file": str(split) if split else None}
    table = {"protocol": "grouped-k-fold", **changes.get("split", {}), **{k: v for k, v in chosen.items() if v}}
    changes["split"] = {**table, **({"allow_speaker_overlap": True} if overlap else {})}
    return changes


def _cross_validated(
    manifests: list[Path],
    changes: dict[str, Any],
    seeds: str | None,
    *,
    out: Path,
    resume: bool,
    device: str,
    cache: bool,
    pattern: str | None,
) -> CrossValidation | None:
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.evaluation.crossval import cross_validate
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.training.memory import keep_freed_memory

    keep_freed_memory()
    with RichJob() as progress, resumable(progress, out):
        done = cross_validate(
            manifests,
            config=changes,
            out=out,
            seeds=seed_list(seeds) if seeds is not None else None,
            device=device,
            resume=resume,
            speaker_pattern=pattern,
            progress=progress,
            cache=wanted_cache(cache),
        )
    return done if progress.is_main_process else None


def _finished(
    manifests: list[Path],
    model: Path,
    *,
    emotions: list[str] | None,
    seen: str,
    device: str,
    cache: bool,
    out: Path,
    speaker_pattern: str | None,
) -> tuple[Evaluation, Predictions]:
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.evaluation.evaluation import evaluate as evaluate_predictions
    from ser_toolkit.evaluation.finished import evaluate_model
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.training.folder import new_folder

    if seen not in ("refuse", "drop", "mark"):
        raise typer.BadParameter(f"--seen is refuse, drop or mark, not {seen!r}")
    new_folder(out)
    known = str(model) if model.exists() or model.suffix else model.name  # a bundled model goes by its name
    with RichJob() as progress:
        predictions = evaluate_model(
            known,
            manifests,
            emotions=emotions,
            seen=seen,  # type: ignore[arg-type]
            device=device,
            cache=wanted_cache(cache),
            speaker_pattern=speaker_pattern,
            on_progress=progress.extracting,
        )
    return evaluate_predictions(predictions), predictions

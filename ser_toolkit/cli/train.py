"""``ser-toolkit train``: from labelled recordings to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ser_toolkit.cli import options
from ser_toolkit.cli.outputs import refuse_stream


def train(
    manifests: Annotated[
        list[str],
        typer.Argument(
            help="Manifest CSV files or their URLs, folders with a folder per emotion, or audiofolders.",
            metavar="MANIFEST",
            path_type=str,
        ),
    ],
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; see docs/train.md.")] = None,
    emotions: Annotated[str | None, typer.Option(help="Labels to keep, separated by commas; also their order.")] = None,
    model: Annotated[str | None, typer.Option(help="Model component: cnn-dnn, svm, ... (ser-toolkit plugins).")] = None,
    loss: Annotated[str | None, typer.Option(help="Loss component: focal, cross-entropy, ...")] = None,
    features: Annotated[
        str | None, typer.Option(help="Feature components, separated by commas: melspec,egemaps.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most passes over the training windows.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of split, weights and order.")] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="Split file that `ser-toolkit split` wrote; split.fold says which.", dir_okay=False),
    ] = None,
    calibrate_on: Annotated[
        Path | None,
        typer.Option(help="Folder of `evaluate` with this configuration: probabilities are calibrated on its folds."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Run folder to make.", file_okay=False, callback=refuse_stream)
    ] = Path("runs/train"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Use the feature cache.")] = True,
    engine: options.ExtractionEngine = "local",
    address: options.Address = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable.")
    ] = None,
    speaker_pattern: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in a file's path, for folders per emotion.")
    ] = None,
    allow_speaker_overlap: Annotated[
        bool, typer.Option("--allow-speaker-overlap", help="Split by recording; scores are inflated and say so.")
    ] = False,
) -> None:
    """Train a model on labelled recordings.

    Whole speakers are held out: the epoch is chosen on development speakers, scores come from test speakers. Without
    a configuration this trains the paper's system: mel spectrogram and eGeMAPS, cnn-dnn, focal loss.

    **Examples**

    - `ser-toolkit train corpus/manifest.csv --emotions anger,happiness,neutral,sadness --out runs/first`
    - `ser-toolkit train a/manifest.csv b/manifest.csv --set model.pooling=mean --set training.lr=3e-4`
    - `ser-toolkit train corpus/ --features egemaps --model svm --out runs/svm`
    - `ser-toolkit train corpus/manifest.csv --config my.toml --calibrate-on runs/evaluate --out runs/final`
    """
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.evaluation.fold_calibration import calibration_of
    from ser_toolkit.report import terminal
    from ser_toolkit.report.training_progress import RichProgress
    from ser_toolkit.training.config import read_config
    from ser_toolkit.training.memory import keep_freed_memory
    from ser_toolkit.training.run import train as run

    overrides = []
    if features is not None:
        overrides += _features(features)
    for key, value in (
        ("model.name", model),
        ("loss.name", loss),
        ("training.epochs", epochs),
        ("training.seed", seed),
        ("split.file", split),
    ):
        if value is not None:
            overrides.append(f"{key}={value}")
    if emotions is not None:
        overrides.append(f"emotions={_toml_list(emotions)}")
    if allow_speaker_overlap:
        overrides.append("split.allow_speaker_overlap=true")
    if calibrate_on is not None:
        overrides.append('calibration.on="folds"')
    settings = read_config(config, [*overrides, *(set_ or [])])
    keep_freed_memory()
    with RichProgress() as progress, resumable(progress, out), options.extraction_on(engine, address):
        result = run(
            manifests,
            config=settings,
            out=out,
            device=device,
            resume=resume,
            speaker_pattern=speaker_pattern,
            progress=progress,
            cache=wanted_cache(cache),
            calibration=None if calibrate_on is None else calibration_of(calibrate_on, settings),
        )
    if progress.is_main_process:
        terminal.console().print(terminal.training(result))


def names(text: str) -> list[str]:
    """Names in a list that is separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _toml_list(text: str) -> str:
    import json

    return json.dumps(names(text))


def _features(text: str) -> list[str]:
    """Overrides that put one table per feature component in place of the default ones."""
    from ser_toolkit.training.config import INPUT_NAMES

    wanted = names(text)
    keys = [INPUT_NAMES.get(name, name.replace("-", "_")) for name in wanted]
    return ["features={}", *(f'features.{key}.name="{name}"' for key, name in zip(keys, wanted, strict=True))]

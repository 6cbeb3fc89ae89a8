"""``ser-toolkit split``: who trains, chooses and tests, as a file, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.guard import Heard


def split(
    manifests: Annotated[
        list[str],
        typer.Argument(help="Manifest CSV files or folders; see `train`.", metavar="MANIFEST", path_type=str),
    ],
    protocol: Annotated[
        str,
        typer.Option(
            help="hold-out, leave-one-pair-out, leave-one-speaker-out, leave-one-session-out, iemocap-sessions, "
            "grouped-k-fold, leave-one-corpus-out, ravdess-5, ravdess-6, split-column, random."
        ),
    ] = "grouped-k-fold",
    folds: Annotated[int, typer.Option(min=2, max=1000, help="Folds of grouped-k-fold and random.")] = 5,
    dev: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the training side that chooses the epoch.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    emotions: Annotated[str | None, typer.Option(help="Labels to keep, separated by commas.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV file to write, - for standard output.", dir_okay=False)
    ] = None,
    check_audio: Annotated[
        bool, typer.Option("--check-audio", help="Decode everything and look for the same audio on both sides.")
    ] = False,
    speaker_pattern: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in a file's path, for folders per emotion.")
    ] = None,
    allow_speaker_overlap: Annotated[
        bool, typer.Option("--allow-speaker-overlap", help="Scores are inflated and say so.")
    ] = False,
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Go on with the same audio on both sides; scores say so.")
    ] = False,
) -> None:
    """Divide recordings by a protocol: folds, speakers, counts and a hash; with --out also as a file.

    `train` and `evaluate` take the file (split.file); its hash stands beside their scores.

    **Examples**

    - `ser-toolkit split corpus/manifest.csv --protocol leave-one-pair-out -o split.csv`
    - `ser-toolkit split a/manifest.csv b/manifest.csv --protocol leave-one-corpus-out --check-audio`
    """
    from ser_toolkit.cli.outputs import STREAM, refuse_input, written
    from ser_toolkit.data.manifest import read_manifest
    from ser_toolkit.report import splits, terminal
    from ser_toolkit.training.config import SplitConfig
    from ser_toolkit.training.guard import check_folds, mark
    from ser_toolkit.training.protocols import folds_of
    from ser_toolkit.training.split_file import write_split

    refuse_input(out, manifests)
    manifest = read_manifest(manifests, speaker_pattern=speaker_pattern)
    if emotions is not None:
        manifest = manifest.select(name.strip() for name in emotions.split(",") if name.strip())
    config = SplitConfig(protocol=protocol, folds=folds, dev=dev, allow_speaker_overlap=allow_speaker_overlap)
    divided = folds_of(manifest.utterances, config, seed=seed)
    cautions: tuple[str, ...] = ()
    if check_audio:
        heard = _listen(manifest.utterances)
        report = check_folds(
            manifest.utterances,
            divided,
            recordings=heard.recordings,
            fingerprints=heard.fingerprints,
            allow_duplicates=allow_duplicates,
        )
        divided = mark(divided, report)
        cautions = tuple(f"{file} cannot be used: {reason}" for file, reason in heard.unusable.items())
    if out is not None:
        with written(out) as path:
            write_split(path, manifest.utterances, divided)
    terminal.console(stderr=out == STREAM).print(splits.split(manifest.utterances, divided, cautions=cautions))


def _listen(utterances: tuple[Utterance, ...]) -> Heard:
    """Decode all, with a bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ser_toolkit.report import terminal
    from ser_toolkit.training.guard import listen

    console = terminal.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("listening", total=len(utterances))
        return listen(utterances, on_progress=lambda done, _: bar.update(task, completed=done))

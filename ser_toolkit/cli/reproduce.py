"""``ser-toolkit reproduce``: the paper's Table 1 on any corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def reproduce(
    manifests: Annotated[
        list[Path], typer.Argument(help="Manifest CSV files or folders; see `train`.", metavar="MANIFEST")
    ],
    seeds: Annotated[str, typer.Option(help="How many seeds (3: 0, 1 and 2), or which (0,1,2).")] = "3",
    image_seeds: Annotated[
        str | None, typer.Option(help="Seeds of the settings with mel spectrograms, which take long; default: --seeds.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="leave-one-pair-out (default), ravdess-5, grouped-k-fold, ... (ser-toolkit split)."),
    ] = None,
    classical: Annotated[
        bool, typer.Option("--classical", help="Also SVM, random forest, k-NN and gradient boosting.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two epochs, two folds, one seed: does everything work?")
    ] = False,
    emotions: Annotated[
        str | None, typer.Option(help="Labels, separated by commas; default: anger,happiness,neutral,sadness.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; see docs/train.md.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the job.", file_okay=False)] = Path(
        "runs/reproduce"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use the feature cache (ser-toolkit cache).")
    ] = True,
    speaker_pattern: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Finds the speaker in a file's path, for folders per emotion.")
    ] = None,
) -> None:
    """Reproduce Table 1 of the paper: mel spectrogram, GeMAPS, both, and both with focal loss.

    All settings share windows, folds and seeds. The paper's figures stand beside ours, with every difference of the
    protocol, and a paired bootstrap over speakers answers whether both inputs beat the best single one, whether focal
    loss beats cross entropy (also for each class), and with --classical whether the system beats an SVM, whichever way
    it comes out. The folder gets `reproduction.html`, `.md`, `.png` and `.json`.

    Settings of `[model]`, such as `--set model.filters=[16,16,32,64,128]`, are those of the networks; classical
    learners have their own. `[loss]` is not used: the table says which setting has which loss.

    **Examples**

    - `ser-toolkit reproduce corpus/manifest.csv --quick`
    - `ser-toolkit reproduce corpus/manifest.csv --seeds 5 --image-seeds 2 --classical --out runs/table1`
    - `ser-toolkit reproduce ravdess/manifest.csv --protocol ravdess-5 --resume`
    """
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.evaluate import check_tier, seed_list
    from ser_toolkit.cli.outputs import resumable
    from ser_toolkit.cli.train import names
    from ser_toolkit.evaluation.reproduce import reproduce as run
    from ser_toolkit.report import terminal
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.report.reproduction import as_terminal, write_reproduction
    from ser_toolkit.training.config import read_changes
    from ser_toolkit.training.memory import keep_freed_memory

    check_tier()
    changes = read_changes(config, set_ or ())
    if emotions is not None:
        changes["emotions"] = names(emotions)
    if protocol is not None:
        changes["split"] = {**changes.get("split", {}), "protocol": protocol}
    keep_freed_memory()
    with RichJob() as progress, resumable(progress, out):
        result = run(
            manifests,
            changes=changes,
            out=out,
            seeds=seed_list(seeds),
            image_seeds=seed_list(image_seeds) if image_seeds is not None else None,
            classical=classical,
            quick=quick,
            device=device,
            resume=resume,
            speaker_pattern=speaker_pattern,
            progress=progress,
            cache=wanted_cache(cache),
        )
    if progress.is_main_process:
        write_reproduction(result)
        terminal.console().print(as_terminal(result))

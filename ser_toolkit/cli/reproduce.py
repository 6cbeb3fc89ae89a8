"""``ser-toolkit reproduce``: the paper's tables on any corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ser_toolkit.cli import options


def reproduce(
    manifests: options.Manifests,
    table: Annotated[
        int,
        typer.Option(min=1, max=2, help="1: inputs and losses; 2: the systems that the paper quotes, and learners."),
    ] = 1,
    seeds: Annotated[
        str | None, typer.Option(help="How many seeds (3: 0, 1 and 2), or which (0,1,2); default: 3, for table 2 one.")
    ] = None,
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
    config: options.ConfigFile = None,
    set_: options.Set = None,
    out: options.JobFolder = Path("runs/reproduce"),
    resume: options.Resume = False,
    device: options.Device = "auto",
    cache: options.Cache = True,
    speaker_pattern: options.SpeakerPattern = None,
) -> None:
    """Reproduce Table 1 of the paper: mel spectrogram, GeMAPS, both, and both with focal loss; or its Table 2.

    All settings share windows, folds and seeds. The paper's figures stand beside ours, with every difference of the
    protocol, and a paired bootstrap over speakers answers whether both inputs beat the best single one, whether focal
    loss beats cross entropy (also for each class), and with --classical whether the system beats an SVM, whichever way
    it comes out. The folder gets `reproduction.html`, `.md`, `.png` and `.json`.

    Settings of `[model]`, such as `--set model.filters=[16,16,32,64,128]`, are those of the networks; classical
    learners have their own. `[loss]` is not used: the table says which setting has which loss.

    With `--table 2` every system that the paper quotes, and classical learners, are fitted on the same folds, networks
    for as many epochs. A row has our scores, the figure that the paper quotes, the original's, and why the two cannot
    be compared; and parameters and times. The folder gets `systems.md` and `.json`.

    **Examples**

    - `ser-toolkit reproduce corpus/manifest.csv --quick`
    - `ser-toolkit reproduce corpus/manifest.csv --seeds 5 --image-seeds 2 --classical --out runs/table1`
    - `ser-toolkit reproduce ravdess/manifest.csv --protocol ravdess-5 --resume`
    - `ser-toolkit reproduce corpus/manifest.csv --table 2 --out runs/table2`
    """
    from ser_toolkit.cli.cache import wanted_cache
    from ser_toolkit.cli.outputs import check_report_tier, resumable
    from ser_toolkit.evaluation.reproduce import reproduce as run
    from ser_toolkit.evaluation.reproduce_systems import reproduce_systems
    from ser_toolkit.report import terminal
    from ser_toolkit.report.job_progress import RichJob
    from ser_toolkit.report.reproduction import as_terminal, write_reproduction
    from ser_toolkit.report.systems import as_terminal as systems_as_terminal
    from ser_toolkit.report.systems import write_systems
    from ser_toolkit.training.memory import keep_freed_memory

    check_report_tier()
    keep_freed_memory()
    changed = options.changes(config, set_, emotions, protocol=protocol)
    chosen = options.seed_list(seeds or ("3" if table == 1 else "1"))
    same: dict[str, Any] = {
        "changes": changed, "out": out, "seeds": chosen, "quick": quick, "device": device, "resume": resume,
        "speaker_pattern": speaker_pattern, "cache": wanted_cache(cache),
    }  # fmt: skip
    if table == 2:
        if classical or image_seeds is not None:
            raise typer.BadParameter("--classical and --image-seeds belong to table 1; table 2 has all learners")
        with RichJob() as progress, resumable(progress, out):
            systems = reproduce_systems(manifests, progress=progress, **same)
            write_systems(systems)
        terminal.console().print(systems_as_terminal(systems))
        return
    with RichJob() as progress, resumable(progress, out):
        result = run(
            manifests,
            image_seeds=None if image_seeds is None else options.seed_list(image_seeds),
            classical=classical,
            progress=progress,
            **same,
        )
        if not progress.is_main_process:
            return
        write_reproduction(result)
    terminal.console().print(as_terminal(result))

"""What the stages of a run cost, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ser_toolkit.report.terminal_style import Look, bar
from ser_toolkit.report.terminal_text import safe, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from ser_toolkit.report.run_info import RunInfo, StageTime

__all__ = ["show_profile"]

_BUSY = 0.8
_FEATURES = "features: "


def show_profile(console: Console, run: RunInfo) -> None:
    """Print the stages with their seconds, the one that limits the run with what helps, and how busy the workers were.

    Parameters
    ----------
    console : Console
        Where to.
    run : RunInfo
        With a profile; without one a line says so.
    """
    if not run.profile:
        console.print(Padding(Text("no profile: the stages were not measured"), (1, 0, 0, 1), expand=False))
        return
    look = Look.of(console)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("stage", overflow="fold")
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    width = 30 if look.width >= 80 else 10
    for i, stage in enumerate(run.profile):
        drawn = bar(stage.share, width, blocks=look.blocks)
        name = Text(shorten(stage.stage, 40))
        table.add_row(name, f"{stage.seconds:.2f}", f"{stage.share:.0%}", drawn, style="bold" if not i else "")
    console.print(Padding(table, (1, 0, 0, 1), expand=False))
    first = max(run.profile, key=lambda stage: stage.seconds)
    busy = _busy(run)
    sentence = Text.assemble((safe(first.stage), "bold"), f" is {first.share:.0%} of the work")
    advice = _advice(first, run, busy=busy)
    sentence.append(f": {'; '.join(advice)}" if advice else "")
    console.print(Padding(sentence, (1, 0, 0, 1), expand=False))
    console.print(Padding(Text(_said(run, busy)), (0, 0, 0, 1), expand=False))


def _busy(run: RunInfo) -> float | None:
    """Share of the time of all workers that the stages took; None if nothing took time."""
    available = max(1, run.workers) * run.seconds
    return sum(stage.seconds for stage in run.profile) / available if available > 0 else None


def _said(run: RunInfo, busy: float | None) -> str:
    total = sum(stage.seconds for stage in run.profile)
    said = f"all stages: {total:.1f} s"
    if busy is None:
        return said
    if run.workers == 0:
        return f"{said} in one process over {run.seconds:.1f} s: busy {min(busy, 1.0):.0%} of the time"
    which = f"{run.workers} worker{'' if run.workers == 1 else 's'}"
    said += f" in {which} over {run.seconds:.1f} s: the workers were busy {min(busy, 1.0):.0%} of the time"
    if busy > 1:
        said += "; the command itself worked beside them"
    elif busy < _BUSY:
        said += "; the rest is starting, waiting for files, and writing"
    return said


def _advice(stage: StageTime, run: RunInfo, *, busy: float | None) -> list[str]:
    """What makes this stage cheaper, as far as this run tells."""
    said = []
    on_gpu = stage.stage == "inference" and not run.device.startswith("cpu")
    if not on_gpu and busy is not None and busy >= _BUSY:
        said.append("more --workers help up to the number of cores")
    if stage.stage.startswith((_FEATURES, "inference")) and run.window_s is not None and run.hop_s < run.window_s:
        times = run.window_s / run.hop_s
        said.append(f"--hop {run.window_s:g} (no overlap) computes some {times:.2g} times fewer windows")
    if stage.stage.startswith(_FEATURES):
        if len(run.inputs) > 1:
            name = safe(stage.stage.removeprefix(_FEATURES))
            said.append(f"a model without {name} does not need it")
        said.append("--cache keeps the features for the next run over the same files")
    elif stage.stage == "inference" and not on_gpu:
        said.append("--device cuda moves it to a GPU, if there is one; a smaller model is faster")
    elif stage.stage == "decode":
        said.append("compressed files and other sample rates than the model's cost more than WAV at its own")
    return said

"""What commands write: nothing that is read is replaced, and what was done before Ctrl-C is not lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ser_toolkit.report.training_progress import RichProgress

__all__ = ["refuse_existing", "refuse_input", "resumable"]


def refuse_input(output: Path | None, read: Sequence[Path]) -> None:
    """Refuse to write over what is read, folders standing for the manifest in them."""
    if output is None or not output.exists():
        return
    files = [path for given in read for path in (given, given / "manifest.csv", given / "metadata.csv")]
    if any(path.exists() and path.samefile(output) for path in files):
        raise typer.BadParameter(f"--output {output} is one of the files that are read; give another name")


def refuse_existing(output: Path | None, *, force: bool) -> None:
    """Refuse to replace a file without being told to."""
    if output is not None and output.exists() and not force:
        raise typer.BadParameter(f"{output} is there; give another name, or --force to replace it")


@contextlib.contextmanager
def resumable(progress: RichProgress, out: Path) -> Iterator[None]:
    """On Ctrl-C, say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if out.exists():
            progress.print(f"interrupted; go on with the same command and --resume (what is done is in {out})")
        raise

"""Nothing that is read, and nothing that somebody may have edited, is written over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

__all__ = ["refuse_existing", "refuse_input"]


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

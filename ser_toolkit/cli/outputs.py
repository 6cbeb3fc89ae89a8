"""What commands write: nothing that is read is replaced, what was done is not lost, ``-`` is standard output."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from ser_toolkit.data.locations import Location
    from ser_toolkit.report.training_progress import RichProgress

__all__ = [
    "STREAM",
    "check_report_tier",
    "check_url",
    "refuse_existing",
    "refuse_input",
    "refuse_stream",
    "refuse_url",
    "resumable",
    "written",
]

_Output = TypeVar("_Output", Path | None, str | None)

STREAM = Path("-")
"""Stands for standard output in options that name a text file."""


def refuse_input(output: Location | None, read: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse to write over what is read, folders standing for the manifest in them."""
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.locations import Url, locate

    if output is None or output == STREAM:
        return
    if isinstance(output, Url):
        same = output in (locate(given) for given in read)
    else:
        places = [path for path in map(locate, read) if isinstance(path, Path)] if output.exists() else []
        files = [path for given in places for path in (given, given / "manifest.csv", given / "metadata.csv")]
        same = any(path.exists() and path.samefile(output) for path in files)
    if same:
        raise typer.BadParameter(
            f"--output {display_path(output)} is one of the files that are read; give another name"
        )


def refuse_existing(output: Path | None, *, force: bool) -> None:
    """Refuse to replace a file without being told to."""
    if output is not None and output != STREAM and output.exists() and not force:
        raise typer.BadParameter(f"{output} is there; give another name, or --force to replace it")


def refuse_stream(output: _Output) -> _Output:
    """Refuse ``-``; the callback of options that name a folder or a binary file."""
    if output is not None and str(output) == str(STREAM):
        raise typer.BadParameter("- is standard output, which takes text only; give a name")
    return refuse_url(output)


def refuse_url(output: _Output) -> _Output:
    """Refuse a URL where it would become the name of a folder: the callback of options that take a path only."""
    from ser_toolkit.data.locations import SCHEMES

    if isinstance(output, Path) and output.parts and output.parts[0].lower() in {f"{scheme}:" for scheme in SCHEMES}:
        raise typer.BadParameter("it is written on this machine only: give a path, no URL")
    return output


def check_url(output: Location | None) -> None:
    """Find out at the start whether a URL can be written to."""
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.locations import Url
    from ser_toolkit.errors import OutputError, RemoteError

    if isinstance(output, Url):
        from ser_toolkit.data.remote import check_writable

        try:
            check_writable(output)
        except RemoteError as error:
            raise OutputError(f"{display_path(output)}: {error}") from None


@contextlib.contextmanager
def written(output: Path) -> Iterator[Path]:
    """Where to write a text file: `output`, or for ``-`` a temporary file that goes to standard output in the end."""
    import tempfile

    if output != STREAM:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="ser-toolkit-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "output"
        typer.echo((Path(folder) / "output").read_bytes(), nl=False)


def check_report_tier() -> None:
    """Refuse at the start what would fail at the end: scores and their pictures."""
    from importlib.util import find_spec

    from ser_toolkit.errors import MissingTierError

    for module, package in (("sklearn", "scikit-learn"), ("matplotlib", "matplotlib")):
        if find_spec(module) is None:
            raise MissingTierError("scores and their report", "train", package)


@contextlib.contextmanager
def resumable(progress: RichProgress, out: Path) -> Iterator[None]:
    """On Ctrl-C, when a launcher ends its processes, or when the disk is full, say how to go on."""
    from ser_toolkit.errors import OutputError
    from ser_toolkit.training.folder import CONFIG
    from ser_toolkit.training.processes import first_here, process_count

    try:
        with _heard() if process_count() > 1 else contextlib.nullcontext():
            yield
    except KeyboardInterrupt:
        if out.exists() and first_here():
            progress.print(f"interrupted; go on with the same command and --resume (what is done is in {out})")
        raise
    except (OSError, OutputError):
        if (out / CONFIG).is_file():  # else nothing was begun that could be continued
            progress.print(f"stopped; when {out} can be written again, go on with the same command and --resume")
        raise


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """Take the SIGTERM of a launcher, whose other process has failed, like Ctrl-C while the body runs."""
    import signal

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

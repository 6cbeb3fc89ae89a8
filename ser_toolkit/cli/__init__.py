"""The command line: one command per file; each parses, calls one function, and renders.

Nothing heavy is imported here or at the top of a command's module, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from ser_toolkit import __version__
from ser_toolkit.cli import (
    analyze,
    cache,
    compare,
    compress,
    corpus,
    doctor,
    evaluate,
    export_onnx,
    extract,
    fuse,
    listen,
    models,
    plugins,
    reproduce,
    split,
    train,
)
from ser_toolkit.errors import ConfigError, SerToolkitError
from ser_toolkit.training.processes import first_here, give_way

__all__ = ["app", "main"]

app = typer.Typer(
    name="ser-toolkit",
    help="Speech emotion recognition: train, export to one ONNX file, analyze folders. Everything is a plugin.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("analyze", no_args_is_help=True)(analyze.analyze)
app.command("listen")(listen.listen)
app.command("extract", no_args_is_help=True)(extract.extract)
app.command("train", no_args_is_help=True)(train.train)
app.command("export-onnx", no_args_is_help=True)(export_onnx.export_onnx)
app.command("compress", no_args_is_help=True)(compress.compress)
app.command("models")(models.models)
app.command("corpus")(corpus.corpus)
app.command("split", no_args_is_help=True)(split.split)
app.command("evaluate", no_args_is_help=True, cls=evaluate.EvaluateCommand)(evaluate.evaluate)
app.command("compare", no_args_is_help=True)(compare.compare)
app.command("fuse", no_args_is_help=True)(fuse.fuse)
app.command("reproduce", no_args_is_help=True)(reproduce.reproduce)
app.command("doctor")(doctor.doctor)
app.add_typer(cache.app, name="cache")
app.add_typer(plugins.app, name="plugins")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"ser-toolkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; an expected error is one line on standard error, with exit code 1, or 2 for usage."""
    try:
        app()
    except ConfigError as error:
        _complain(error)
        sys.exit(2)
    except SerToolkitError as error:
        _complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        if first_here():
            sys.stderr.write("interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        # the reader of our output has gone (| head): nothing is left to say, and nobody to say it to
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        # the machine's doing, not the program's: a full disk or device behind standard output, a lost mount
        _complain(SerToolkitError(f"{error.filename or 'output'}: {error.strerror or error}"))
        # what is still buffered goes nowhere: Python would flush it at exit and fail once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    finally:
        # everything is written: a second Ctrl-C would only disturb Python on its way out
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _complain(error: SerToolkitError) -> None:
    from rich.text import Text

    from ser_toolkit.report.terminal import console

    text = Text.assemble(("error: ", "bold red"), give_way(), str(error))
    console(stderr=True).print(text, soft_wrap=True)

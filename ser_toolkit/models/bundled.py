"""Bundled models by name."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from ser_toolkit.data.locations import Url, locate
from ser_toolkit.errors import ModelError, RemoteError, close_matches

__all__ = ["DEFAULT", "FOLDER", "display_name", "names", "resolve"]

FOLDER = Path(__file__).parent
"""Where bundled models are; a plain folder of the installed package."""

DEFAULT = "trilingual"
"""The model that is taken where none is named. The names themselves are those of the files in `FOLDER`."""


def names() -> list[str]:
    """Names of the bundled models, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.onnx"))


def resolve(model: str | os.PathLike[str] | None) -> Path:
    """Path of a model that is given by name, path or URL.

    Parameters
    ----------
    model : str, path or None
        A bundled name, a path, the URL of an .onnx file, or None for the default. A file that exists wins: where a file
        ``emodb`` lies in the working directory, ``"emodb"`` is that file. A folder does not: beside a corpus in
        ``emodb/`` it is the model.

    Returns
    -------
    Path
        The .onnx file, or the run folder of a classical model. That of a URL is fetched once, and its copy goes with
        the process.

    Raises
    ------
    ModelError
        If there is no such name and no such file, or the path is the run folder of a network.
    """
    known = names()
    if model is None:
        return FOLDER / f"{DEFAULT}.onnx"
    if not str(model):
        raise ModelError(f"the name of the model is empty. {close_matches('', known)}")
    path = locate(model)
    if isinstance(path, Url):
        return _fetched(path)
    if path.is_dir() and str(model) not in known:
        from ser_toolkit.training.checkpoint import is_classical

        if is_classical(path):
            return path
        raise ModelError(f"{path} is a folder: export the run first (ser-toolkit export-onnx {path} -o model.onnx)")
    if path.exists() and not path.is_dir():
        return path
    if str(model) in known:
        return FOLDER / f"{model}.onnx"
    raise ModelError(
        f"{path}: no such file, and no bundled model of that name. {close_matches(str(model).lower(), known)}"
    )


@functools.cache
def _fetched(url: Url) -> Path:
    from ser_toolkit.data.files import display_path
    from ser_toolkit.data.remote import fetched

    try:
        with fetched(url) as copy:
            folder = Path(tempfile.mkdtemp(prefix="ser-toolkit-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            return Path(shutil.copyfile(copy, folder / (url.name or "model.onnx")))
    except RemoteError as error:
        raise ModelError(f"{display_path(url)}: {error}") from None


def display_name(path: Path) -> str:
    """What people call a model: the name of a bundled one, or the name of the file.

    Parameters
    ----------
    path : Path
        From `resolve`.
    """
    return path.stem if path.is_relative_to(FOLDER) else path.name

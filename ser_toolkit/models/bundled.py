"""Bundled models by name."""

from __future__ import annotations

from pathlib import Path

from ser_toolkit.errors import ModelError, close_matches

__all__ = ["DEFAULT", "FOLDER", "display_name", "names", "resolve"]

FOLDER = Path(__file__).parent
"""Where bundled models are; a plain folder of the installed package."""

DEFAULT = "emodb"
"""The model that ``analyze`` takes when none is named."""


def names() -> list[str]:
    """Names of the bundled models."""
    return sorted(path.stem for path in FOLDER.glob("*.onnx"))


def resolve(model: str | Path | None) -> Path:
    """Path of a model that is given by name or path.

    Parameters
    ----------
    model : str, path or None
        A bundled name, a path, or None for the default.

    Returns
    -------
    Path
        The .onnx file.

    Raises
    ------
    ModelError
        If there is no such name and no such file, or the path is a run folder.
    """
    if model is None or str(model) in names():
        return FOLDER / f"{model or DEFAULT}.onnx"
    if not str(model):
        raise ModelError(f"the name of the model is empty. {close_matches('', names())}")
    path = Path(model)
    if path.is_dir():
        raise ModelError(f"{path} is a folder: export the run first (ser-toolkit export-onnx {path} -o model.onnx)")
    if not path.exists():
        raise ModelError(
            f"{path}: no such file, and no bundled model of that name. {close_matches(str(model), names())}"
        )
    return path


def display_name(path: Path) -> str:
    """What people call a model: the name of a bundled one, or the name of the file.

    Parameters
    ----------
    path : Path
        From `resolve`.
    """
    return path.stem if path.is_relative_to(FOLDER) else path.name

"""Many files through one model; a file that cannot be used is a row, never the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ser_toolkit.data import audio
from ser_toolkit.data.files import Found, display_path
from ser_toolkit.data.quality import SKIPPED_REASONS
from ser_toolkit.errors import AudioError
from ser_toolkit.report.results import FileResult

if TYPE_CHECKING:
    from ser_toolkit.inference.model import Model

__all__ = ["analyze_file", "analyze_files"]


def analyze_files(model: Model, files: Iterable[Found]) -> Iterator[FileResult]:
    """Results of files in their order, each as soon as it is there.

    Parameters
    ----------
    model : Model
        The model.
    files : iterable of Found
        From `ser_toolkit.data.files.find_audio`.

    Yields
    ------
    FileResult
        One per file, whatever happens to it.
    """
    for found in files:
        yield analyze_file(model, found)


def analyze_file(model: Model, found: Found) -> FileResult:
    """Result of one file.

    Parameters
    ----------
    model : Model
        The model.
    found : Found
        The file, or why there is none.

    Returns
    -------
    FileResult
        Status ``ok``; ``skipped`` with reason ``too short`` or ``silent``; or ``failed`` with the reason of the
        `AudioError`, or ``crashed`` if a plugin or library raised anything else.
    """
    name = display_path(found.path)
    try:
        if found.error is not None:
            raise found.error
        recording = audio.decode(found.path, sr=model.recipe.sr)
    except AudioError as error:
        return _refused(FileResult(file=name, status="failed"), error)
    except Exception as error:  # noqa: BLE001 - one file must not end the run, and the row says what happened
        return _crashed(FileResult(file=name, status="failed"), error)
    row = FileResult(file=name, status="failed", duration_s=recording.duration_s, notes=recording.notes)
    try:
        return model.predict_recording(recording, name=name)
    except AudioError as error:
        return _refused(row, error)
    except Exception as error:  # noqa: BLE001 - as above: extractors are plugins
        return _crashed(row, error)


def _refused(row: FileResult, error: AudioError) -> FileResult:
    status = "skipped" if error.reason in SKIPPED_REASONS else "failed"
    return replace(row, status=status, reason=error.reason, detail=error.detail)  # type: ignore[arg-type]


def _crashed(row: FileResult, error: Exception) -> FileResult:
    return replace(row, reason="crashed", detail=f"{type(error).__name__}: {error}"[:500])

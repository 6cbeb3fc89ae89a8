"""Live view of `extract` on standard error."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from ser_toolkit.report.analysis_progress import AnalysisProgress

if TYPE_CHECKING:
    from rich.console import Console

    from ser_toolkit.report.results import FileResult

__all__ = ["ExtractionProgress"]


class ExtractionProgress:
    """Says that the extractors are being opened, then shows a bar; a context manager.

    Parameters
    ----------
    console : Console
        Standard error.

    Attributes
    ----------
    n_done, n_files : int
        Files that are done, and all.
    """

    def __init__(self, console: Console) -> None:
        self.n_done = self.n_files = 0
        self._console = console
        self._stack = contextlib.ExitStack()
        self._bar: AnalysisProgress | None = None

    def __enter__(self) -> Self:
        """Begin to wait."""
        opening = "opening the extractors (the first time, Numba compiles for some 20 s)"
        self._stack.enter_context(self._console.status(opening))
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._stack.close()

    def begin(self, n_files: int) -> None:
        """Start the bar."""
        self._stack.close()
        self.n_files = n_files
        self._bar = self._stack.enter_context(AnalysisProgress(self._console, n_files, doing="extract"))

    def file_done(self, result: FileResult) -> None:
        """Count a file."""
        self.n_done += 1
        if self._bar is not None:
            self._bar.file_done(result)

    def audio_done(self, seconds: float) -> None:
        """Count audio."""
        if self._bar is not None:
            self._bar.audio_done(seconds)

    def say(self, text: str) -> None:
        """Print a line."""
        from rich.text import Text

        from ser_toolkit.report.terminal_text import safe

        self._console.print(Text(safe(text)), soft_wrap=True)

"""What the values of options mean that several commands share."""

from __future__ import annotations

from typing import Literal

import typer

__all__ = ["hop_seconds", "worker_count"]

_MOST_WORKERS = 1024


def hop_seconds(text: str) -> float | Literal["window", "recipe"]:
    """Seconds of ``--hop``, or ``"window"`` or ``"recipe"``."""
    if text in ("window", "recipe"):
        return "window" if text == "window" else "recipe"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise typer.BadParameter(f"--hop takes 0.01 to 60 seconds, window or recipe, not {text!r}")
    return seconds


def worker_count(text: str) -> int | None:
    """Processes of ``--workers``; None: ``auto``."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) > _MOST_WORKERS:
        raise typer.BadParameter(f"--workers takes auto or a number from 0 to {_MOST_WORKERS}, not {text!r}")
    return int(text)

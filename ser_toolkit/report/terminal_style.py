"""How emotions and shares look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ser_toolkit.report.results import UNCERTAIN

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["COLOURS", "Look", "bar", "colour"]

COLOURS = {
    "anger": "red", "happiness": "yellow", "neutral": "bright_black", "sadness": "blue", "fear": "magenta",
    "disgust": "green", "surprise": "cyan", "boredom": "bright_blue", "calm": "bright_cyan",
}  # fmt: skip
"""Colour of an emotion; others take turns."""
_OTHERS = ("bright_green", "bright_magenta", "bright_yellow", "bright_red", "white")
_BLOCKS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a console can show.

    Parameters
    ----------
    width : int
        Columns.
    colour : bool
        Whether colours reach the reader.
    blocks : bool
        Whether block characters do; otherwise ASCII is drawn.
    """

    width: int
    colour: bool = False
    blocks: bool = True

    @classmethod
    def of(cls, console: Console) -> Look:
        """What this console can show; ``NO_COLOR``, pipes and dumb terminals have no colour."""
        colour = console.color_system is not None and not console.no_color
        return cls(width=console.width, colour=colour, blocks=not console.options.ascii_only)


def bar(share: float, width: int, *, blocks: bool = True) -> str:
    """Horizontal bar of a share from 0 to 1, in eighths of a character, or in ``#`` where there are no blocks."""
    share = max(0.0, min(1.0, share))
    if not blocks:
        return ("#" * round(share * width)).ljust(width)
    full, rest = divmod(round(share * width * 8), 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)


def colour(label: str, labels: Sequence[str]) -> str:
    """Colour of a label."""
    if label == UNCERTAIN and label not in labels:
        return "italic"
    return COLOURS.get(label, _OTHERS[list(labels).index(label) % len(_OTHERS)])

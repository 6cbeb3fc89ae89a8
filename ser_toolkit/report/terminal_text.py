"""Text of strangers on a terminal: harmless, and no longer than there is room; lengths of time for people."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

__all__ = ["clock", "safe", "shorten", "span"]

# control characters, line and paragraph separators, bidirectional controls, bytes that are not UTF-8
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str) -> str:
    r"""Text that cannot move the cursor or turn the direction of writing: an escape becomes ``\x1b``, visibly.

    Parameters
    ----------
    text : str
        Any text. Markup of rich is not escaped: put the text into a `rich.text.Text`.

    Returns
    -------
    str
        One line.
    """
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def shorten(text: str, width: int) -> str:
    """Safe text of at most `width` columns: what is longer loses its middle.

    Parameters
    ----------
    text : str
        Any text.
    width : int
        Columns, at least 3.

    Returns
    -------
    str
        See `safe`.
    """
    text = safe(text[: 16 * width] + text[-16 * width :] if len(text) > 32 * width else text)
    if cell_len(text) <= width:
        return text
    head = (width - 1) // 2
    tail = set_cell_size(text[::-1], width - 1 - head)[::-1]
    return f"{set_cell_size(text, head).rstrip()}…{tail.lstrip()}"


def clock(seconds: float) -> str:
    """``0:42``, ``12:07``, ``10:00:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(seconds: float) -> str:
    """``12.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds < 119.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"

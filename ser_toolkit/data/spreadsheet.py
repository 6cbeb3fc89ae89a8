"""Text in CSV cells that people open in a spreadsheet, which would run what looks like a formula."""

from __future__ import annotations

import re

__all__ = ["cell_text", "safe_cell"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def safe_cell(text: str) -> str:
    """Text that a spreadsheet shows and does not run.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same, with an apostrophe before a leading ``=``, ``+``, ``-``, ``@``, tab or carriage return, or before
        apostrophes that stand before one. `cell_text` gives the text back.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def cell_text(cell: str) -> str:
    """The text that `safe_cell` wrote as `cell`; other cells stay as they are.

    Parameters
    ----------
    cell : str
        Cell of a CSV file.

    Returns
    -------
    str
        Without the apostrophe of `safe_cell`.
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

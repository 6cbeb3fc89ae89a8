"""Any text, so that Markdown shows it as it is."""

from __future__ import annotations

import re

__all__ = ["escape"]

_SPECIAL = re.compile(r"([\\`*_\[\]#|<>~&$]|:(?=//))")


def escape(text: str) -> str:
    """Escape what Markdown would take for markup, also within a table; no line breaks.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        One line.
    """
    return _SPECIAL.sub(r"\\\1", "".join(c if c.isprintable() else " " for c in text))

"""JSON that anybody may have written: bounded in length and depth before anything looks at it."""

from __future__ import annotations

import json

__all__ = ["parse"]


def parse(text: str | bytes, *, what: str, max_characters: int, max_depth: int) -> object:
    """Read JSON.

    Parameters
    ----------
    text : str or bytes
        JSON; bytes are UTF-8.
    what : str
        What it is, as the subject of a sentence: ``"the recipe"``.
    max_characters, max_depth : int
        More than this is refused; a number alone has depth 1.

    Returns
    -------
    object
        JSON values.

    Raises
    ------
    ValueError
        If it is no JSON (NaN and Infinity are none), too long or too deep. The message is one line.
    """
    if len(text) > max_characters:
        raise ValueError(f"{what} has {len(text):,} characters; no real one has over {max_characters:,}")
    try:
        data: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is no JSON: {type(error).__name__}: {str(error)[:200]}") from error
    if _deeper(data, max_depth):
        raise ValueError(f"{what} nests deeper than {max_depth} levels")
    return data


def _deeper(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            item
            for part in level
            if isinstance(part, dict | list)
            for item in (part.values() if isinstance(part, dict) else part)
        ]
        if not level:
            return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")

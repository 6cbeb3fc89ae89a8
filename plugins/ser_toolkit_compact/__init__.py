"""A network small enough to ship: what the bundled models are made of."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_compact.compact import Compact

__all__ = ["Compact"]


@hookimpl
def ser_register_models() -> list[type]:
    """The compact network."""
    return [Compact]

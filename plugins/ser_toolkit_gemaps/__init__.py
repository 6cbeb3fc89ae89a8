"""Geneva minimalistic acoustic parameters, native: eGeMAPSv02 without openSMILE."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_gemaps.egemaps_fast import EgemapsFast

__all__ = ["EgemapsFast"]


@hookimpl
def ser_register_features() -> list[type]:
    """The fast eGeMAPS."""
    return [EgemapsFast]

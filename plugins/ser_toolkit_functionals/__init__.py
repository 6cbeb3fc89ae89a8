"""Functionals of many descriptors: what a recording is like, in one long vector."""

from __future__ import annotations

from ser_toolkit import hookimpl
from ser_toolkit_functionals.speech_functionals import SpeechFunctionals

__all__ = ["SpeechFunctionals"]


@hookimpl
def ser_register_features() -> list[type]:
    """Functionals of spectrum, cepstrum, pitch and voice."""
    return [SpeechFunctionals]

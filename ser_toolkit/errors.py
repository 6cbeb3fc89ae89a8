"""Errors that users meet. Each message says which thing, what is there, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AudioError",
    "ComponentError",
    "ConfigError",
    "DeviceError",
    "ManifestError",
    "MissingTierError",
    "ModelError",
    "OutputError",
    "RecipeError",
    "RemoteError",
    "SerToolkitError",
    "SplitError",
    "UnknownComponentError",
    "close_matches",
]


class SerToolkitError(Exception):
    """Root of all errors that ser-toolkit raises on purpose."""


class AudioError(SerToolkitError):
    """An audio file or array that cannot be used.

    Parameters
    ----------
    reason : str
        Short machine-readable cause: ``"missing"``, ``"unreadable"``, ``"undecodable"``, ``"empty"``,
        ``"non-finite"``, ``"too long"``, ``"too short"``, ``"no speech"``.
    detail : str, optional
        One sentence for people.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        # keeps both arguments when the error crosses a process boundary
        return type(self), (self.reason, self.detail)


class ComponentError(SerToolkitError):
    """A plugin or one of its components breaks the interface."""


class UnknownComponentError(ComponentError):
    """No usable component has the name that was asked for."""


class ConfigError(SerToolkitError):
    """A configuration value or key that is not allowed."""


class ManifestError(SerToolkitError):
    """A manifest or data folder that cannot be read; names row and column."""


class SplitError(SerToolkitError):
    """No split keeps the promises of the protocol."""


class RecipeError(SerToolkitError):
    """A recipe that is malformed, hostile or from a later version."""


class ModelError(SerToolkitError):
    """A model file or run folder that cannot be used."""


class DeviceError(SerToolkitError):
    """The device that was asked for is not there."""


class OutputError(SerToolkitError):
    """A result that could not be written."""


class RemoteError(SerToolkitError):
    """Something on another machine that cannot be read or written.

    Parameters
    ----------
    detail : str
        Why; without the address, which whoever asked for it puts before.
    missing : bool, optional
        Whether it is not there.
    """

    def __init__(self, detail: str, *, missing: bool = False) -> None:
        super().__init__(detail)
        self.missing = missing

    @property
    def reason(self) -> str:
        """As of `AudioError`: ``"missing"`` or ``"unreadable"``."""
        return "missing" if self.missing else "unreadable"


class MissingTierError(SerToolkitError):
    """An optional part of the toolkit is not installed.

    Parameters
    ----------
    what : str
        What needs it, as the subject of a sentence: ``"training"``.
    tier : str
        Name of the extra in ``pyproject.toml``: ``"train"``.
    missing : str, optional
        The package that was not found.
    """

    def __init__(self, what: str, tier: str, missing: str | None = None) -> None:
        found = f" ({missing} is not installed)" if missing else ""
        super().__init__(f"{what} needs the [{tier}] tier{found}. Install it: pip install 'ser-toolkit[{tier}]'")
        self.what, self.tier, self.missing = what, tier, missing

    def __reduce__(self) -> tuple[type[MissingTierError], tuple[str, str, str | None]]:
        return type(self), (self.what, self.tier, self.missing)


def close_matches(name: str, known: Iterable[str]) -> str:
    """Sentence that lists the known names and points at the nearest one.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        ``"Did you mean 'focal'? Known: cross-entropy, focal."``
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    return f"{hint}Known: {', '.join(known) if known else 'none'}."

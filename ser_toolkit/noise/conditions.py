"""Names of what can be done to a recording: ``white:10``, ``reverb:0.6``, ``telephone``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ser_toolkit.errors import ConfigError, close_matches

__all__ = ["ADDITIVE", "KINDS", "SNRS_DB", "STANDARD", "Condition", "Kind", "parse_condition", "parse_conditions"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to degrade a recording.

    Parameters
    ----------
    title : str
        For people.
    setting : str
        What the number of a condition means; empty if it takes none.
    unit : str
        Of the number.
    least, most : float
        Its range.
    standard : tuple of float
        Values of the standard set.
    """

    title: str
    setting: str = ""
    unit: str = ""
    least: float = 0.0
    most: float = 0.0
    standard: tuple[float, ...] = ()


SNRS_DB = (20.0, 15.0, 10.0, 5.0, 0.0, -5.0)
"""Ratios of active speech level to noise level in the standard set."""

_SNR = {"setting": "SNR", "unit": "dB", "least": -30.0, "most": 60.0, "standard": SNRS_DB}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "white": Kind(title="white noise", **_SNR),  # type: ignore[arg-type]
        "pink": Kind(title="pink noise", **_SNR),  # type: ignore[arg-type]
        "babble": Kind(title="babble", **_SNR),  # type: ignore[arg-type]
        "music": Kind(title="music", **_SNR),  # type: ignore[arg-type]
        "reverb": Kind(title="reverberation", setting="RT60", unit="s", least=0.05, most=5.0, standard=(0.3, 0.6, 1.0)),
        "telephone": Kind(title="telephone, 8 kHz mu-law"),
        "opus": Kind(title="Opus", setting="rate", unit="kbit/s", least=6.0, most=256.0, standard=(16.0, 8.0)),
        "mp3": Kind(title="MP3", setting="rate", unit="kbit/s", least=8.0, most=160.0, standard=(16.0,)),
        "clip": Kind(title="clipping", setting="share", unit="%", least=0.01, most=90.0, standard=(1.0, 5.0, 20.0)),
    }
)
"""All kinds, in the order of tables."""

ADDITIVE = tuple(name for name, kind in KINDS.items() if kind.setting == "SNR")
"""Kinds that add noise to the speech."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way to degrade a recording, with its setting.

    Parameters
    ----------
    kind : str
        Of `KINDS`.
    value : float or None
        SNR in dB, RT60 in seconds, rate in kbit/s or share in percent; None for a kind without a setting.
    """

    kind: str
    value: float | None = None

    @property
    def name(self) -> str:
        """As it is written: ``white:10``."""
        return self.kind if self.value is None else f"{self.kind}:{self.value:g}"

    @property
    def title(self) -> str:
        """For people: ``white noise, SNR 10 dB``."""
        kind = KINDS[self.kind]
        return kind.title if self.value is None else f"{kind.title}, {kind.setting} {self.value:g} {kind.unit}"


def parse_condition(text: str) -> Condition:
    """Read the name of a condition.

    Parameters
    ----------
    text : str
        ``kind:number``, or the kind alone where it takes no number.

    Returns
    -------
    Condition
        Checked.

    Raises
    ------
    ConfigError
        If there is no such kind, the number is missing, too much or out of its range; says what is allowed.
    """
    name, colon, number = text.strip().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise ConfigError(f"no noise condition is called {name[:40]!r}. {close_matches(name, KINDS)}")
    if not kind.setting:
        if colon:
            raise ConfigError(f"the noise condition {name!r} takes no number, not {number[:40]!r}")
        return Condition(kind=name)
    wanted = f"{kind.setting} in {kind.unit}, {kind.least:g} to {kind.most:g}"
    example = f"for example {name}:{kind.standard[len(kind.standard) // 2]:g}"
    if not re.fullmatch(r"[+-]?([0-9]{1,9}\.?[0-9]{0,9}|\.[0-9]{1,9})", number.strip()):
        found = f"not {number[:40]!r}" if colon else "and none is there"
        raise ConfigError(f"the noise condition {name!r} needs a number ({wanted}), {found}; {example}")
    value = float(number) + 0.0  # -0 is 0
    if not kind.least <= value <= kind.most:
        raise ConfigError(f"the noise condition {name!r} takes {wanted}, not {value:g}; {example}")
    return Condition(kind=name, value=value)


def parse_conditions(text: str | Iterable[str]) -> tuple[Condition, ...]:
    """Read a list of conditions.

    Parameters
    ----------
    text : str or iterable of str
        Names separated by commas, or one by one; ``standard`` stands for `STANDARD`.

    Returns
    -------
    tuple of Condition
        Each once, in the order of `KINDS`, values as in the list.

    Raises
    ------
    ConfigError
        As `parse_condition`; or if there is none.
    """
    names = [name for name in (text.split(",") if isinstance(text, str) else text) if name.strip()]
    found: list[Condition] = []
    for name in names:
        found += STANDARD if name.strip() == "standard" else [parse_condition(name)]
    if not found:
        raise ConfigError(f"no noise condition is given: name some of {', '.join(KINDS)}, or standard for all")
    order = list(KINDS)
    return tuple(sorted(dict.fromkeys(found), key=lambda condition: order.index(condition.kind)))


STANDARD: tuple[Condition, ...] = tuple(
    Condition(kind=name, value=value) for name, kind in KINDS.items() for value in (kind.standard or (None,))
)
"""The full set: additive noise at six ratios, three rooms, the telephone, codecs, three shares of clipping."""

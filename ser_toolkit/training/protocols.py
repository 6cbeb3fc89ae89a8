"""Named protocols: which utterances train, choose and test in every fold, and how that is said beside a score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ser_toolkit.errors import SplitError, close_matches
from ser_toolkit.training.fold_groups import GROUPINGS
from ser_toolkit.training.fold_names import distinct_names, gather
from ser_toolkit.training.speakers import Speakers
from ser_toolkit.training.splits import (
    DEV_RECORDINGS,
    PARTS,
    Part,
    Split,
    by_recording,
    check_sides,
    split,
    warnings_of,
)

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.config import SplitConfig

__all__ = ["PROTOCOLS", "Fold", "Folds", "assemble", "folds_of", "identity_of"]

PROTOCOLS = ("hold-out", *GROUPINGS, "split-column", "random")
"""Names that `folds_of` knows."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One division of all utterances.

    Parameters
    ----------
    name : str
        Who is tested: ``"emodb-03 + emodb-08"``.
    split : Split
        Where every utterance is.
    """

    name: str
    split: Split

    @property
    def parts(self) -> tuple[Part | None, ...]:
        """Part of each utterance; None: not used in this fold."""
        return self.split.parts


@dataclass(frozen=True, kw_only=True)
class Folds:
    """All divisions of a protocol.

    Parameters
    ----------
    protocol : str
        In words; belongs beside every score: ``"leave-one-pair-out, 5 folds (1 male + 1 female test speaker each),
        6 train / 2 dev / 2 test speakers, speaker-independent"``.
    folds : tuple of Fold
        At least one.
    identities : tuple of str
        What makes each utterance itself, see `identity_of`.
    seed : int or None
        Of the draw; None if chance decided nothing.
    warnings : tuple of str
        What a reader of the scores has to know, each sentence once.
    """

    protocol: str
    folds: tuple[Fold, ...]
    identities: tuple[str, ...] = field(repr=False)
    seed: int | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the division, 64 hexadecimal digits; the first twelve go beside scores.

        The same for the same division of the same utterances, in whatever order they are listed, wherever they lie.
        """
        rows = sorted(
            json.dumps([identity, *(fold.parts[i] or "" for fold in self.folds)])
            for i, identity in enumerate(self.identities)
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def fold(self, number: int) -> Fold:
        """One fold, counted from 1.

        Raises
        ------
        SplitError
            If there are fewer.
        """
        if not 1 <= number <= len(self.folds):
            raise SplitError(f"split.fold = {number}, but {self.protocol.split(',')[0]} gives {len(self.folds)} folds")
        return self.folds[number - 1]


def identity_of(utterance: Utterance) -> str:
    """What makes an utterance itself in a split: file as the manifest writes it, times, speaker and label, as JSON."""
    u = utterance
    return json.dumps([u.key, u.start_s, u.end_s, u.speaker, u.emotion])


def folds_of(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> Folds:
    """Divide utterances by the protocol, or the split file, of a configuration.

    Development speakers are always taken from the training side: the next pair or session, or a draw that resembles
    the whole in classes and genders. A single training speaker gives recordings, which the protocol says.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances of the labels that are trained.
    config : SplitConfig
        Protocol, number of folds, shares, or a split file.
    seed : int
        Of the draw, where there is one.

    Returns
    -------
    Folds
        Every utterance is tested exactly once, but for ``hold-out``, ``split-column`` and split files. Every fold
        trains every class.

    Raises
    ------
    SplitError
        Unknown protocol, or one that these speakers cannot fill; speakers on both sides.
    """
    if config.file is not None:
        from pathlib import Path

        from ser_toolkit.training.split_file import read_split

        return read_split(Path(config.file), utterances, allow_speaker_overlap=config.allow_speaker_overlap)
    name = config.protocol
    if name not in PROTOCOLS:
        raise SplitError(f"no protocol is called {name!r}. {close_matches(name, PROTOCOLS)}")
    if not utterances:
        raise SplitError("there are no utterances to divide")
    if name in ("hold-out", "split-column"):
        return _once(utterances, config, seed=seed)
    if name == "random":
        return _random(utterances, config, seed=seed)
    speakers = Speakers.of(utterances)
    grouping = GROUPINGS[name](speakers, config, seed)
    divisions: list[tuple[str, list[Part | None]]] = []
    for number, group in enumerate(grouping.groups):
        side: dict[str, Part] = dict.fromkeys(speakers.names, "train")
        side |= dict.fromkeys(group.dev, "dev")
        side |= dict.fromkeys(group.test, "test")
        parts: list[Part | None] = [side[u.speaker or ""] for u in utterances]
        if not group.dev:
            train = [i for i, part in enumerate(parts) if part == "train"]
            drawn = by_recording([utterances[i] for i in train], {"dev": config.dev}, seed=[seed, number], least=1)
            for i, part in zip(train, drawn, strict=True):
                parts[i] = part
        divisions.append((group.name, parts))
    detail = f" ({grouping.detail})" if grouping.detail else ""
    own = not all(group.dev for group in grouping.groups)
    told = _ranges(utterances, divisions, ("train", "test") if own else PARTS) + (f", {DEV_RECORDINGS}" if own else "")
    begin = f"{name}, {len(divisions)} folds{detail}, {told}"
    ignored = ("the split column of the manifest is not used",) if any(u.split for u in utterances) else ()
    return assemble(
        utterances,
        divisions,
        protocol=begin + (f", seed {seed}" if grouping.seeded else "") + ", speaker-independent",
        seed=seed if grouping.seeded else None,
        warnings=(*grouping.warnings, *ignored),
        allow=False,
    )


def assemble(
    utterances: Sequence[Utterance],
    divisions: Sequence[tuple[str, Sequence[Part | None]]],
    *,
    protocol: str,
    seed: int | None,
    warnings: Sequence[str] = (),
    allow: bool,
) -> Folds:
    """Check divisions and give them their words.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances.
    divisions : sequence of (str, sequence of part)
        Name and parts of each fold; names that occur several times are numbered.
    protocol : str
        In words.
    seed : int or None
        Of the draw.
    warnings : sequence of str, optional
        Known already.
    allow : bool
        Do not refuse speakers on both sides.

    Returns
    -------
    Folds
        Checked.

    Raises
    ------
    SplitError
        If a fold leaves nothing for a part, does not train a class, or has a speaker on both sides.
    """
    folds, found = [], []
    names = distinct_names([name for name, _ in divisions])
    for i, (name, (_, parts)) in enumerate(zip(names, divisions, strict=True)):
        where = f"fold {name}"
        for part in PARTS:
            if part not in parts and (part != "test" or len(divisions) > 1):
                raise SplitError(f"{where} leaves nothing for {part}")
        check_sides(utterances, parts, what=where, allow=allow, shared_dev=DEV_RECORDINGS in protocol)
        try:
            said = warnings_of(utterances, parts)
        except SplitError as error:
            raise SplitError(
                f"{where}: {error}. Too few speakers utter it: drop it with --emotions, or choose another protocol"
            ) from error
        found.append((name, said))
        words = protocol if len(divisions) == 1 else f"{protocol}; fold {i + 1}: {name}"
        folds.append(Fold(name=name, split=Split(parts=tuple(parts), protocol=words, warnings=said)))
    return Folds(
        protocol=protocol,
        folds=tuple(folds),
        identities=tuple(identity_of(u) for u in utterances),
        seed=seed,
        warnings=(*warnings, *gather(found)),
    )


def _once(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> Folds:
    column = any(u.split for u in utterances)
    if config.protocol == "split-column" and not column:
        raise SplitError("protocol split-column: the manifest has no column split with train, dev and test")
    divided = split(utterances, config, seed=seed)
    return Folds(
        protocol=divided.protocol,
        folds=(Fold(name="split column" if column else "hold-out", split=divided),),
        identities=tuple(identity_of(u) for u in utterances),
        seed=None if column else seed,
        warnings=divided.warnings,
    )


def _random(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> Folds:
    """Folds by recording: what this toolkit warns of, for comparison with those who did it."""
    if not config.allow_speaker_overlap:
        raise SplitError(
            "protocol random puts the same speakers into training and test, which inflates scores. Take "
            "grouped-k-fold, or say --allow-speaker-overlap"
        )
    k = max(config.folds, 3)
    deal = [-1] * len(utterances)
    for i in range(k - 1):
        left = [j for j, fold in enumerate(deal) if fold < 0]
        drawn = by_recording([utterances[j] for j in left], {"test": 1 / (k - i)}, seed=seed + i)
        for j, part in zip(left, drawn, strict=True):
            if part == "test":
                deal[j] = i
    deal = [k - 1 if fold < 0 else fold for fold in deal]
    side: list[tuple[str, list[Part | None]]] = []
    for i in range(k):
        roles: dict[int, Part] = {i: "test", (i + 1) % k: "dev"}
        side.append((f"part {i + 1}", [roles.get(fold, "train") for fold in deal]))
    return assemble(
        utterances,
        side,
        protocol=f"SPEAKER-DEPENDENT random {k} folds by recording (scores are inflated), seed {seed}",
        seed=seed,
        allow=True,
    )


def _ranges(
    utterances: Sequence[Utterance], divisions: Sequence[tuple[str, Sequence[Part | None]]], told: Sequence[Part]
) -> str:
    """``"18-19 train / 4 dev / 1-2 test speakers"``, over all folds."""
    words = []
    for part in told:
        counts = [
            len({u.speaker for u, p in zip(utterances, parts, strict=True) if p == part}) for _, parts in divisions
        ]
        low, high = min(counts), max(counts)
        words.append(f"{low if low == high else f'{low}-{high}'} {part}")
    return " / ".join(words) + " speakers"

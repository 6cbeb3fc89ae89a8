"""Dividing recordings once into training, development and test, speaker by speaker unless told otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.errors import SplitError
from ser_toolkit.training.speakers import Speakers

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.config import SplitConfig

__all__ = [
    "DEV_RECORDINGS",
    "PARTS",
    "Part",
    "Split",
    "by_recording",
    "check_sides",
    "part_of",
    "speaker_counts",
    "split",
    "warnings_of",
]

Part = Literal["train", "dev", "test"]

PARTS: tuple[Part, ...] = ("train", "dev", "test")
"""In the order in which they are always told."""

DEV_RECORDINGS = "development recordings of the training speaker"
"""What a protocol says where a single training speaker is left, so that no other one can be for development."""

_ALIASES: dict[str, Part] = {
    "train": "train", "training": "train",
    "dev": "dev", "development": "dev", "devel": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_DRAWS = 4000


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which utterance is where, and in words how that was decided.

    Parameters
    ----------
    parts : tuple of {"train", "dev", "test", None}
        One per utterance; None: not used.
    protocol : str
        ``"speaker-independent hold-out, 6 train / 2 dev / 2 test speakers, seed 0"``; printed with every score.
    warnings : tuple of str
        What a reader of the scores has to know.
    """

    parts: tuple[Part | None, ...]
    protocol: str
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[Part, int]:
        """Utterances of each part that has any, in the order train, dev, test."""
        return {part: self.parts.count(part) for part in PARTS if part in self.parts}

    def indices(self, part: Part) -> list[int]:
        """Positions of the utterances of one part."""
        return [i for i, p in enumerate(self.parts) if p == part]


def split(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> Split:
    """Divide utterances.

    A manifest with a ``split`` column decides for itself. Otherwise whole speakers are drawn for test and
    development so that their classes and genders resemble the whole.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances of the labels that are trained.
    config : SplitConfig
        Shares, and whether speakers may be on both sides.
    seed : int
        Of the draw.

    Returns
    -------
    Split
        Training and development are never empty, and every label occurs in training.

    Raises
    ------
    SplitError
        If that cannot be had: too few speakers, unknown speakers, speakers on both sides of a split column.
    """
    parts: Sequence[Part]
    if any(u.split for u in utterances):
        parts, protocol = _from_column(utterances, config)
    elif config.allow_speaker_overlap:
        parts = by_recording(utterances, {"test": config.test, "dev": config.dev}, seed=seed)
        protocol = f"SPEAKER-DEPENDENT random hold-out by recording (scores are inflated), seed {seed}"
    else:
        parts = _by_speaker(utterances, config, seed=seed)
        protocol = f"speaker-independent hold-out, {speaker_counts(utterances, parts)}, seed {seed}"
    for part in ("train", "dev"):
        if part not in parts:
            raise SplitError(f"the split leaves nothing for {part}")
    return Split(parts=tuple(parts), protocol=protocol, warnings=warnings_of(utterances, parts))


def speaker_counts(utterances: Sequence[Utterance], parts: Sequence[Part | None]) -> str:
    """``"6 train / 2 dev / 2 test speakers"``."""
    counts = {p: len({u.speaker for u, q in zip(utterances, parts, strict=True) if q == p}) for p in PARTS}
    return " / ".join(f"{n} {p}" for p, n in counts.items() if n or p != "test") + " speakers"


def part_of(word: str) -> Part | None:
    """The part that a word of a table means: ``"Validation"`` is ``"dev"``; None for an unknown word."""
    return _ALIASES.get(word.strip().lower())


def _from_column(utterances: Sequence[Utterance], config: SplitConfig) -> tuple[list[Part], str]:
    parts: list[Part] = []
    for u in utterances:
        part = part_of(u.split or "")
        if part is None:
            raise SplitError(f"{u.key}: the split column says {u.split!r}; it takes train, dev and test")
        parts.append(part)
    if "train" not in parts or "dev" not in parts:
        raise SplitError(
            "the split column needs rows for train and for dev (the epoch is chosen on dev, never on test); "
            f"found {dict(Counter(parts))}"
        )
    kind = check_sides(utterances, parts, what="the split column", allow=config.allow_speaker_overlap)
    return parts, f"{kind} split column of the manifest, {speaker_counts(utterances, parts)}"


def check_sides(
    utterances: Sequence[Utterance], parts: Sequence[Part | None], *, what: str, allow: bool, shared_dev: bool = False
) -> str:
    """Whether speakers stay on one side.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances.
    parts : sequence of {"train", "dev", "test", None}
        Where each is.
    what : str
        Who decided so, for the message: ``"the split column"``.
    allow : bool
        Do not refuse.
    shared_dev : bool, optional
        The protocol says `DEV_RECORDINGS`: train and dev may be the same speaker if they are one speaker only, who is
        not tested.

    Returns
    -------
    str
        ``"speaker-independent"``, ``"SPEAKER-DEPENDENT"``, or ``"speakers unknown,"``.

    Raises
    ------
    SplitError
        If a speaker stands on several sides, or is not known, unless allowed.
    """
    sides: dict[str, set[Part]] = {}
    unknown = False
    for u, part in zip(utterances, parts, strict=True):
        if part is not None and u.speaker is not None:
            sides.setdefault(u.speaker, set()).add(part)
        unknown |= part is not None and u.speaker is None
    shared = sorted(s for s, p in sides.items() if len(p) > 1)
    if shared_dev and len(shared) == 1 and [p for p in sides.values() if p != {"test"}] == [{"train", "dev"}]:
        shared = []
    if (shared or unknown) and not allow:
        found = (
            f"{len(shared)} speakers stand on several sides of {what} ({', '.join(shared[:5])})"
            if shared
            else f"some utterances have no speaker, so {what} cannot be checked"
        )
        raise SplitError(f"{found}; scores would not be speaker-independent. Mend it, or pass --allow-speaker-overlap")
    return "SPEAKER-DEPENDENT" if shared else "speakers unknown," if unknown else "speaker-independent"


def _by_speaker(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> list[Part]:
    speakers = Speakers.of(utterances)
    names = speakers.names
    needed = 3 if config.test else 2
    if len(names) < needed:
        raise SplitError(
            f"a speaker-independent split into train, dev{' and test' if config.test else ''} needs at least {needed} "
            f"speakers, there {'is' if len(names) == 1 else 'are'} {len(names)} ({', '.join(names)}). Add "
            f"speakers{', leave out the test set with --set split.test=0' if len(names) == 2 else ''}, or accept "
            "inflated scores with --allow-speaker-overlap"
        )
    rng = np.random.default_rng(seed)
    n_test = min(max(1, round(config.test * len(names))), len(names) - 2) if config.test else 0
    n_dev = min(max(1, round(config.dev * len(names))), len(names) - n_test - 1)
    side: dict[str, Part] = dict.fromkeys(names, "train")
    free = set(names)
    drawn: tuple[tuple[Part, int], ...] = (("test", n_test), ("dev", n_dev))
    for part, n in drawn:
        chosen = speakers.draw(free, n, rng, draws=_DRAWS)
        side |= dict.fromkeys(chosen, part)
        free -= set(chosen)
    trained = {u.emotion for u in utterances if u.speaker in free}
    missing = [label for label in speakers.labels if label not in trained]
    if missing:
        raise SplitError(
            f"no training speaker is left for {', '.join(missing)}: too few speakers utter it. Add recordings, drop it "
            "with --emotions, or lower split.test and split.dev"
        )
    return [side[u.speaker or ""] for u in utterances]


def by_recording(
    utterances: Sequence[Utterance], shares: Mapping[Part, float], *, seed: int | Sequence[int], least: int = 0
) -> list[Part]:
    """Random, stratified by label; segments of one file stay together.

    Parameters
    ----------
    utterances : sequence of Utterance
        Their speakers are ignored.
    shares : mapping of {"train", "dev", "test"} to float
        Share of the files of each label; what is left is for training.
    seed : int or sequence of int
        Of the draw.
    least : int, optional
        So many files of each label at least for every share, if one is left then.

    Returns
    -------
    list of {"train", "dev", "test"}
        One per utterance.
    """
    rng = np.random.default_rng(seed)
    by_label: dict[str, list[object]] = {}
    for u in utterances:
        by_label.setdefault(u.emotion, []).append(u.file)
    side: dict[object, Part] = {}
    for label in sorted(by_label):
        files = [f for f in dict.fromkeys(by_label[label]) if f not in side]
        order = [files[i] for i in rng.permutation(len(files))]
        for part, share in shares.items():
            n = max(round(share * len(files)), min(least, len(order) - 1))
            side |= dict.fromkeys(order[:n], part)
            order = order[n:]
        side |= dict.fromkeys(order, "train")
    return [side[u.file] for u in utterances]


def warnings_of(utterances: Sequence[Utterance], parts: Sequence[Part | None]) -> tuple[str, ...]:
    """What a reader of scores has to know of a division.

    Parameters
    ----------
    utterances : sequence of Utterance
        All utterances.
    parts : sequence of {"train", "dev", "test", None}
        Where each is.

    Returns
    -------
    tuple of str
        Classes that a held-out part lacks; sentences on both sides.

    Raises
    ------
    SplitError
        If a class is not trained.
    """
    labels = {u.emotion for u, p in zip(utterances, parts, strict=True) if p is not None}
    found = []
    for part in PARTS:
        absent = labels - {u.emotion for u, p in zip(utterances, parts, strict=True) if p == part}
        if part == "train" and absent:
            raise SplitError(f"the split leaves no training example of {', '.join(sorted(absent))}")
        if absent and part in parts:
            found.append(f"{part} has no example of {', '.join(sorted(absent))}; UA there is over the other classes")
    train_texts = {u.text_id for u, p in zip(utterances, parts, strict=True) if p == "train" and u.text_id}
    held_out = {u.text_id for u, p in zip(utterances, parts, strict=True) if p in ("dev", "test") and u.text_id}
    if shared := held_out & train_texts:
        found.append(
            f"{len(shared)} sentences are spoken in training and in held-out recordings: scores are text-dependent"
        )
    return tuple(found)

"""Dividing recordings into training, development and test, speaker by speaker unless told otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_toolkit.errors import SplitError

if TYPE_CHECKING:
    from ser_toolkit.data.manifest import Utterance
    from ser_toolkit.training.config import SplitConfig

__all__ = ["Part", "Split", "split"]

Part = Literal["train", "dev", "test"]

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
    parts : tuple of {"train", "dev", "test"}
        One per utterance.
    protocol : str
        ``"speaker-independent hold-out, 6 train / 2 dev / 2 test speakers, seed 0"``; printed with every score.
    warnings : tuple of str
        What a reader of the scores has to know.
    """

    parts: tuple[Part, ...]
    protocol: str
    warnings: tuple[str, ...] = ()

    def counts(self) -> dict[Part, int]:
        """Utterances of each part that has any, in the order train, dev, test."""
        order: tuple[Part, ...] = ("train", "dev", "test")
        return {part: self.parts.count(part) for part in order if part in self.parts}

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
    if any(u.split for u in utterances):
        parts, protocol = _from_column(utterances, config)
    elif config.allow_speaker_overlap:
        parts = _by_recording(utterances, config, seed=seed)
        protocol = f"SPEAKER-DEPENDENT random hold-out by recording (scores are inflated), seed {seed}"
    else:
        parts = _by_speaker(utterances, config, seed=seed)
        protocol = f"speaker-independent hold-out, {_speaker_counts(utterances, parts)}, seed {seed}"
    for part in ("train", "dev"):
        if part not in parts:
            raise SplitError(f"the split leaves nothing for {part}")
    return Split(parts=tuple(parts), protocol=protocol, warnings=_warnings(utterances, parts))


def _speaker_counts(utterances: Sequence[Utterance], parts: Sequence[Part]) -> str:
    counts = {
        p: len({u.speaker for u, q in zip(utterances, parts, strict=True) if q == p}) for p in ("train", "dev", "test")
    }
    return " / ".join(f"{n} {p}" for p, n in counts.items() if n or p != "test") + " speakers"


def _from_column(utterances: Sequence[Utterance], config: SplitConfig) -> tuple[list[Part], str]:
    parts: list[Part] = []
    for u in utterances:
        part = _ALIASES.get((u.split or "").strip().lower())
        if part is None:
            raise SplitError(f"{u.key}: the split column says {u.split!r}; it takes train, dev and test")
        parts.append(part)
    if "train" not in parts or "dev" not in parts:
        raise SplitError(
            "the split column needs rows for train and for dev (the epoch is chosen on dev, never on test); "
            f"found {dict(Counter(parts))}"
        )
    sides: dict[str, set[Part]] = {}
    for u, part in zip(utterances, parts, strict=True):
        if u.speaker is not None:
            sides.setdefault(u.speaker, set()).add(part)
    shared = sorted(s for s, p in sides.items() if len(p) > 1)
    unknown = any(u.speaker is None for u in utterances)
    if (shared or unknown) and not config.allow_speaker_overlap:
        what = (
            f"{len(shared)} speakers stand on several sides of the split column ({', '.join(shared[:5])})"
            if shared
            else ("some utterances have no speaker, so the split column cannot be checked")
        )
        raise SplitError(f"{what}; scores would not be speaker-independent. Mend it, or pass --allow-speaker-overlap")
    kind = "SPEAKER-DEPENDENT" if shared else "speakers unknown," if unknown else "speaker-independent"
    return parts, f"{kind} split column of the manifest, {_speaker_counts(utterances, parts)}"


def _by_speaker(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> list[Part]:
    nameless = [u.key for u in utterances if u.speaker is None]
    if nameless:
        raise SplitError(
            f"{len(nameless)} of {len(utterances)} utterances have no speaker (the first: {nameless[0]}), so a "
            "speaker-independent split cannot be made. Give a manifest with a speaker column, find speakers in the "
            "file names with --speaker-pattern REGEX, or accept inflated scores with --allow-speaker-overlap"
        )
    speakers = sorted({u.speaker for u in utterances if u.speaker is not None})
    needed = 3 if config.test else 2
    if len(speakers) < needed:
        raise SplitError(
            f"a speaker-independent split into train, dev{' and test' if config.test else ''} needs at least {needed} "
            f"speakers, there {'is' if len(speakers) == 1 else 'are'} {len(speakers)} ({', '.join(speakers)}). Add "
            f"speakers{', leave out the test set with --set split.test=0' if len(speakers) == 2 else ''}, or accept "
            "inflated scores with --allow-speaker-overlap"
        )
    labels = sorted({u.emotion for u in utterances})
    genders = sorted({u.gender or "" for u in utterances})
    table = np.zeros((len(speakers), len(labels)))
    gender = np.zeros((len(speakers), len(genders)))
    for u in utterances:
        row = speakers.index(u.speaker or "")
        table[row, labels.index(u.emotion)] += 1
        gender[row, genders.index(u.gender or "")] = 1
    rng = np.random.default_rng(seed)
    n_test = min(max(1, round(config.test * len(speakers))), len(speakers) - 2) if config.test else 0
    n_dev = min(max(1, round(config.dev * len(speakers))), len(speakers) - n_test - 1)
    side: dict[str, Part] = dict.fromkeys(speakers, "train")
    free = np.arange(len(speakers))
    for part, n in (("test", n_test), ("dev", n_dev)):
        chosen = _draw(table, gender, free, n, rng)
        side |= {speakers[i]: part for i in chosen}
        free = np.setdiff1d(free, chosen)
    missing = [label for j, label in enumerate(labels) if table[free, j].sum() == 0]
    if missing:
        raise SplitError(
            f"no training speaker is left for {', '.join(missing)}: too few speakers utter it. Add recordings, drop it "
            "with --emotions, or lower split.test and split.dev"
        )
    return [side[u.speaker or ""] for u in utterances]


def _draw(table: np.ndarray, gender: np.ndarray, free: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows whose classes and genders are most like the whole, without taking a class from the rest."""
    if n == 0:
        return np.array([], dtype=int)
    whole = table.sum(axis=0) / table.sum()
    sexes = gender.mean(axis=0)
    best, best_cost = free[:n], np.inf
    for _ in range(_DRAWS):
        rows = np.sort(rng.choice(free, size=n, replace=False))
        part = table[rows].sum(axis=0)
        rest = table[np.setdiff1d(free, rows)].sum(axis=0)
        cost = np.abs(part / max(part.sum(), 1) - whole).sum() + np.abs(gender[rows].mean(axis=0) - sexes).sum()
        cost += 10.0 * np.sum(rest == 0) + 0.5 * np.sum(part == 0)
        if cost < best_cost:
            best, best_cost = rows, cost
    return best


def _by_recording(utterances: Sequence[Utterance], config: SplitConfig, *, seed: int) -> list[Part]:
    """Random, stratified by label; segments of one file stay together."""
    rng = np.random.default_rng(seed)
    by_label: dict[str, list[object]] = {}
    for u in utterances:
        files = by_label.setdefault(u.emotion, [])
        if u.file not in files[-1:]:
            files.append(u.file)
    side: dict[object, Part] = {}
    for label in sorted(by_label):
        files = [f for f in dict.fromkeys(by_label[label]) if f not in side]
        order = rng.permutation(len(files))
        n_test, n_dev = round(config.test * len(files)), round(config.dev * len(files))
        for rank, i in enumerate(order):
            side[files[i]] = "test" if rank < n_test else "dev" if rank < n_test + n_dev else "train"
    return [side[u.file] for u in utterances]


def _warnings(utterances: Sequence[Utterance], parts: Sequence[Part]) -> tuple[str, ...]:
    labels = {u.emotion for u in utterances}
    found = []
    held_out: tuple[Part, ...] = ("dev", "test")
    for part in ("train", *held_out):
        absent = labels - {u.emotion for u, p in zip(utterances, parts, strict=True) if p == part}
        if part == "train" and absent:
            raise SplitError(f"the split leaves no training example of {', '.join(sorted(absent))}")
        if absent and part in parts:
            found.append(f"{part} has no example of {', '.join(sorted(absent))}; UA there is over the other classes")
    train_texts = {u.text_id for u, p in zip(utterances, parts, strict=True) if p == "train" and u.text_id}
    shared = {u.text_id for u, p in zip(utterances, parts, strict=True) if p != "train" and u.text_id} & train_texts
    if shared:
        found.append(
            f"{len(shared)} sentences are spoken in training and in held-out recordings: scores are text-dependent"
        )
    return tuple(found)

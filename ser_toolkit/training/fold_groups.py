"""Who is tested in which fold: the named ways of dividing speakers.

References
----------
Published RAVDESS lists: five folds of Luna-Jimenez et al., "Multimodal Emotion Recognition on RAVDESS Dataset Using
Transfer Learning", Sensors 21, 2021, and six of Ma et al., "EmoBox", Interspeech 2024.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ser_toolkit.errors import SplitError

if TYPE_CHECKING:
    from ser_toolkit.training.config import SplitConfig
    from ser_toolkit.training.speakers import Speakers

__all__ = ["GROUPINGS", "Group", "Grouping"]

_DRAWS = 300
_OWN = (
    "a single speaker trains, so the epoch is chosen and probabilities are calibrated on other recordings of that "
    "speaker: development scores are optimistic; test scores are speaker-independent"
)
_NAMED = 6  # speakers; more make no name
_FEMALE = frozenset({"female", "f", "woman", "w"})
_MALE = frozenset({"male", "m", "man"})
_RAVDESS = {
    "ravdess-5": (
        (2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22),
    ),
    "ravdess-6": (
        (1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23), (3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Group:
    """Speakers that are tested in one fold.

    Parameters
    ----------
    name : str
        ``"emodb-03 + emodb-08"``.
    test, dev : tuple of str
        Held-out speakers; dev is empty if recordings of the only training speaker take its place.
    """

    name: str
    test: tuple[str, ...]
    dev: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """All folds of a protocol.

    Parameters
    ----------
    groups : tuple of Group
        Each speaker is tested in exactly one.
    detail : str
        In brackets behind the number of folds; may be empty.
    seeded : bool
        Whether chance decided anything.
    warnings : tuple of str
        What is not as the name of the protocol promises.
    """

    groups: tuple[Group, ...]
    detail: str = ""
    seeded: bool = True
    warnings: tuple[str, ...] = ()


def _drawn(
    speakers: Speakers, tests: Sequence[tuple[str, Sequence[str]]], config: SplitConfig, seed: int
) -> list[Group]:
    """Folds whose development speakers are drawn from the training side, alike in classes and genders."""
    groups = []
    for i, (name, test) in enumerate(tests):
        free = set(speakers.names) - set(test)
        if len(free) < 2:
            raise SplitError(
                f"fold {name}: {len(free)} speakers are left for train and dev; it takes two or more. Add speakers, or "
                "choose another protocol"
            )
        n_dev = min(max(1, round(config.dev * len(free))), len(free) - 1)
        rng = np.random.default_rng([seed, i])
        dev = speakers.draw(free, n_dev, rng, draws=_DRAWS)
        groups.append(Group(name=name, test=tuple(test), dev=tuple(dev)))
    return groups


def _one_speaker(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    if len(speakers.names) == 2:
        return Grouping(
            groups=tuple(Group(name=name, test=(name,), dev=()) for name in speakers.names), warnings=(_OWN,)
        )
    return Grouping(groups=tuple(_drawn(speakers, [(name, [name]) for name in speakers.names], config, seed)))


def _one_pair(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    """Pairs of the first man and the first woman, the second ones, ...; surplus speakers are tested alone."""
    del config, seed
    pairs: list[tuple[str, ...]] = []
    alone: list[tuple[str, ...]] = []
    gender = speakers.one("gender", protocol="leave-one-pair-out")
    unknown = [name for name in speakers.names if gender[name] not in _FEMALE | _MALE]
    if unknown:
        raise SplitError(
            f"leave-one-pair-out needs the gender of every speaker, female or male; {len(unknown)} have none "
            f"({', '.join(unknown[:5])}). Add a column gender to the manifest, or take leave-one-speaker-out"
        )
    for corpus in sorted({of[0] for of in speakers.corpus.values()}):
        here = sorted(
            (name for name in speakers.names if speakers.corpus[name][0] == corpus),
            key=lambda name: (speakers.session[name][0], name),
        )
        men = [name for name in here if gender[name] in _MALE]
        women = [name for name in here if gender[name] in _FEMALE]
        pairs += [tuple(sorted(pair)) for pair in zip(men, women, strict=False)]
        n = min(len(men), len(women))
        alone += [(name,) for name in (*men[n:], *women[n:])]
    if len(pairs) < 2 or len(pairs) + len(alone) < 3:
        raise SplitError(
            f"leave-one-pair-out needs three folds (train, dev and test), two of them pairs; there are {len(pairs)} "
            f"pairs of a man and a woman and {len(alone)} other speakers. Take leave-one-speaker-out or grouped-k-fold"
        )
    tests = [*pairs, *alone]
    groups = []
    for i, test in enumerate(tests):
        following = [pairs[(i + k) % len(pairs)] for k in range(1, len(pairs) + 1)] if i < len(pairs) else pairs
        dev = next((p for p in following if p != test and _trained(speakers, (*test, *p))), None)
        dev = dev or next(p for p in following if p != test)
        groups.append(Group(name=" + ".join(test), test=test, dev=dev))
    surplus = [name for (name,) in alone]
    warnings = (
        ("without a partner of the other gender, and tested alone in folds of their own: " + ", ".join(surplus),)
        if surplus
        else ()
    )
    detail = "1 male + 1 female test speaker each" + (f", but {len(surplus)} alone" if surplus else "")
    return Grouping(groups=tuple(groups), detail=detail, seeded=False, warnings=warnings)


def _trained(speakers: Speakers, held_out: Sequence[str]) -> bool:
    """Whether every class is left for training."""
    rows = [i for i, name in enumerate(speakers.names) if name not in held_out]
    return bool((speakers.counts[rows].sum(axis=0) > 0).all())


def _one_session(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    """Whole sessions; the next ones are for development."""
    del seed
    session_of = speakers.one("session", protocol="leave-one-session-out")
    corpus_of = speakers.one("corpus", protocol="leave-one-session-out")
    nameless = [name for name in speakers.names if not session_of[name]]
    if nameless:
        raise SplitError(
            f"leave-one-session-out needs a column session in the manifest; {len(nameless)} speakers have none (the "
            f"first: {nameless[0]}). Take leave-one-speaker-out or leave-one-pair-out"
        )
    # session 1 of one corpus is not session 1 of another
    prefixed = len(set(corpus_of.values())) > 1
    of: dict[str, list[str]] = {}
    for name in speakers.names:
        session = f"{corpus_of[name]}/{session_of[name]}" if prefixed else session_of[name]
        of.setdefault(session, []).append(name)
    sessions = sorted(of, key=lambda s: (len(s), s))
    if len(sessions) < 3:
        raise SplitError(
            f"leave-one-session-out needs three sessions (train, dev and test); there are {len(sessions)} "
            f"({', '.join(sessions)}). Take leave-one-speaker-out"
        )
    n_dev = min(max(1, round(config.dev * (len(sessions) - 1))), len(sessions) - 2)
    groups = []
    for i, session in enumerate(sessions):
        following = [sessions[(i + k) % len(sessions)] for k in range(1, n_dev + 1)]
        dev = tuple(name for s in following for name in of[s])
        groups.append(Group(name=f"session {session}", test=tuple(of[session]), dev=dev))
    return Grouping(groups=tuple(groups), seeded=False)


def _iemocap(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    session = speakers.one("session", protocol="iemocap-sessions")
    gender = speakers.one("gender", protocol="iemocap-sessions")
    sexes: dict[str, set[str]] = {}
    for name in speakers.names:
        sexes.setdefault(session[name], set()).add(gender[name][:1])
    if len(sexes) != 5 or "" in sexes or len(speakers.names) != 10 or any(s != {"f", "m"} for s in sexes.values()):
        raise SplitError(
            "iemocap-sessions is for IEMOCAP: five sessions of one man and one woman; the manifest has "
            f"{len(sexes)} sessions and {len(speakers.names)} speakers. Take leave-one-session-out"
        )
    return _one_session(speakers, config, seed)


def _k_fold(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    """Groups of speakers, alike in classes and genders."""
    k, names = config.folds, speakers.names
    if len(names) < max(k, 3):
        instead = "Take leave-one-speaker-out" if len(names) < 3 else "Lower split.folds, or take leave-one-speaker-out"
        raise SplitError(
            f"grouped-k-fold with {k} folds needs at least {max(k, 3)} speakers, there are {len(names)}. {instead}"
        )
    dealt = speakers.deal(k, np.random.default_rng(seed), draws=_DRAWS)
    tests = [
        (" + ".join(chosen) if len(chosen) <= _NAMED else f"group {i}", chosen) for i, chosen in enumerate(dealt, 1)
    ]
    return Grouping(groups=tuple(_drawn(speakers, tests, config, seed)))


def _one_corpus(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
    corpus_of = speakers.one("corpus", protocol="leave-one-corpus-out")
    corpora = sorted(set(corpus_of.values()))
    if len(corpora) < 2:
        raise SplitError(
            f"leave-one-corpus-out needs manifests of two or more corpora; all speakers are of {corpora[0]!r}"
        )
    tests = [(corpus, [name for name in speakers.names if corpus_of[name] == corpus]) for corpus in corpora]
    return Grouping(groups=tuple(_drawn(speakers, tests, config, seed)))


def _published(protocol: str) -> Callable[[Speakers, SplitConfig, int], Grouping]:
    def group(speakers: Speakers, config: SplitConfig, seed: int) -> Grouping:
        numbers: dict[int, str] = {}
        for name in speakers.names:
            digits = re.search(r"(\d+)$", name)
            numbers[int(digits[1]) if digits else -1] = name
        if set(numbers) != set(range(1, 25)) or len(speakers.names) != 24:
            raise SplitError(
                f"{protocol} is for RAVDESS, whose 24 speakers' names end in 1 to 24; the manifest has "
                f"{len(speakers.names)} ({', '.join(speakers.names[:5])}, ...). Take grouped-k-fold"
            )
        tests = [
            ("actors " + " ".join(map(str, listed)), [numbers[n] for n in listed]) for listed in _RAVDESS[protocol]
        ]
        return Grouping(groups=tuple(_drawn(speakers, tests, config, seed)), detail="published test actors")

    return group


GROUPINGS: dict[str, Callable[[Speakers, SplitConfig, int], Grouping]] = {
    "leave-one-pair-out": _one_pair,
    "leave-one-speaker-out": _one_speaker,
    "leave-one-session-out": _one_session,
    "iemocap-sessions": _iemocap,
    "grouped-k-fold": _k_fold,
    "leave-one-corpus-out": _one_corpus,
    "ravdess-5": _published("ravdess-5"),
    "ravdess-6": _published("ravdess-6"),
}
"""Protocol to function of speakers, configuration and seed."""
